"""The batch renderer: a prompt list in, a folder of clips out.

The data flow one way, a folder a stage, and each imports from those above it only::

    media      images and videos         -> frames, and back
    settings   presets, files, options   -> a checked configuration
    jobs       prompt list               -> jobs (ids)
    inference  jobs                      -> latents -> frames
    files      frames                    -> MP4, PNG, JSON
    engines    where this is done: in this process, in several, on a cluster
    timing     paces of earlier clips    -> forecast
    record     results                   -> ledger (SQLite)
    reporting  ledger                    -> progress, tables, gallery (HTML)

``command`` ties them together: it plans, and then ``drain`` renders, through ``run.run``, or
``dry_run`` tells the cost. Only ``inference`` needs torch, and only when a clip is rendered.
"""
