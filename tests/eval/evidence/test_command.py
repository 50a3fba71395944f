"""``w2sd-video evidence``: every one runs, and what is wrong is told in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from w2sd_video.eval import evidence
from w2sd_video.eval.evidence import EVIDENCES

from ...conftest import Call


@pytest.mark.parametrize("name", EVIDENCES)
def test_every_one_runs_from_nothing(name: str, call: Call, here: Path) -> None:
    done = call("evidence", name, "--quick", "-o", "found")
    assert done.code == 0, done.err
    assert f"found/{name}.png" in done.out
    value = json.loads(Path(f"found/{name}.json").read_text())
    assert value["claims"]
    for remark in value["remarks"]:  # none is cut
        assert remark.replace("**", "").replace("`", "") in done.out
    assert value["made"]["command"] == f"w2sd-video evidence {name} --quick"
    assert f"## {value['title']}" in Path(f"found/{name}.md").read_text()
    again = call("evidence", name, "--redraw", "--no-plot", "--json", "-o", "found")
    assert json.loads(again.out) == value


def test_they_are_listed(call: Call) -> None:
    listed = call("evidence", "ls").out.splitlines()
    assert [line.split()[0] for line in listed] == [*EVIDENCES]
    for length in ("short", "long"):
        of_it = [line.split()[0] for line in listed if line.split()[1] == length]
        assert of_it == evidence.chosen([length])
    assert evidence.chosen(["long", "sweep", "short"]) == [*EVIDENCES] == evidence.chosen(["all"])
    assert evidence.chosen(["sweep", "difference"]) == ["difference", "sweep"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["gausians-2d"],
            "unknown evidence 'gausians-2d', did you mean 'gaussians-2d'? "
            f"({', '.join(EVIDENCES)}, short, long, all)",
        ),
        (["sweep", "--keep", "-o", "x"], "--keep: takes the whole size, docs/ and the plots"),
        (["sweep", "--keep", "--quick"], "--keep: takes the whole size, docs/ and the plots"),
        (["sweep", "--redraw", "--quick"], "--redraw: measures nothing; leave out --quick"),
        (["sweep", "--redraw"], "evidence/sweep.json: is not there; run it without --redraw first"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    argv: list[str],
    message: str,
    call: Call,
    here: Path,
) -> None:
    done = call("evidence", *argv)
    assert done.code == 2
    assert done.err.strip() == f"error: {message}"
