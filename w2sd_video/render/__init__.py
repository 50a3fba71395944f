"""The batch renderer: a prompt list in, a folder of clips out.

The data flow one way, a module a stage::

    prompts -> config -> jobs -> worker -> clips -> ledger -> gallery
    (rows)     (typed)   (ids)   (frames)  (files)  (SQLite)  (HTML)

``run.run`` ties them together as an iterator of results. Only ``worker`` and what it
calls import torch, and only when a clip is rendered.
"""
