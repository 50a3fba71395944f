"""What is wrong is told in one line, and nothing is rendered or written."""

from __future__ import annotations

from pathlib import Path

from ..conftest import Call

# What is wrong -> file name and content, the arguments after `render`, and the exact message.
Cases = dict[str, tuple[dict[str, bytes], str, str]]

# What is said of values that a configuration passes on unread.
PLAIN = "must be text, numbers, lists or mappings as in JSON"


def check_refusal(case: tuple[dict[str, bytes], str, str], here: Path, call: Call) -> None:
    files, arguments, message = case
    message = message.replace("HERE", str(here))
    for name, content in files.items():
        Path(name).write_bytes(content)
    before = sorted(here.rglob("*"))
    outcome = call("render", *arguments.split())
    assert outcome.err == f"error: {message}\n"
    assert outcome.code == 2
    assert outcome.out == ""
    assert sorted(here.rglob("*")) == before
