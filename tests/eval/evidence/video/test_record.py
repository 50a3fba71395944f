"""What is kept of the clips is enough to reckon a result anew, and is never mixed with others."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from w2sd_video.eval.evidence import LONG, RECORD, keep
from w2sd_video.eval.evidence.embedded import clips, record
from w2sd_video.eval.evidence.embedded.record import Record
from w2sd_video.eval.evidence.embedded.rendering import Sampler
from w2sd_video.eval.evidence.embedded.store import fingerprint
from w2sd_video.eval.evidence.result import Result
from w2sd_video.eval.evidence.running import measured
from w2sd_video.eval.evidence.video import clips as own
from w2sd_video.eval.evidence.video.comparison import study
from w2sd_video.eval.evidence.video.plan import FULL

from w2sd_video.render.errors import InputError

from ....conftest import Call
from ..made_up import MADE
from .pretend import Pretend

PLAN = replace(FULL, dev=8, test=16, grid=8)


@dataclass
class Told(Pretend):
    """Pretends with the keys of the shipped models; it stays in this process."""

    def __call__(self, column: Any, pairs: Any) -> Any:
        rows = super().__call__(column, pairs)
        return [
            replace(row, key=clips.key(fingerprint("video"), column, pair))
            for row, pair in zip(rows, pairs, strict=True)
        ]


@pytest.fixture
def sampler(here: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    made = Told(gain=0.4)

    def sampled_by(kind: str, models: str) -> Sampler[Any, Any]:
        return made

    monkeypatch.setattr(own, "Embedded", sampled_by)
    monkeypatch.setattr(clips, "PROCESSES", 1)
    monkeypatch.setattr(study, "FULL", PLAN)
    return made


run = partial(study.run, "video", 0, False)


def test_a_result_is_the_same_from_the_clips_that_are_kept(sampler: Told) -> None:
    result = run(None)
    keep.write(result.model_copy(update={"made": MADE}), Path("kept"), plot=False)
    called = len(sampler.called)
    kept = record.read(Path(f"kept/shapes-video{RECORD}"))
    again = run(kept)
    assert len(sampler.called) == called
    assert again.json_value() == result.json_value() | {"made": MADE.model_dump()}
    assert again.clips == kept  # what it was reckoned from is kept once more
    assert kept.rows == result.clips.rows


def test_nothing_is_sampled_into_a_record_of_other_models(sampler: Told) -> None:
    result = run(None)
    called = len(sampler.called)
    other = replace(result.clips, models="others")
    assert run(other).claims == result.claims  # newer code reckons, too
    lacking = replace(other, rows=other.rows[:-1])  # what was sampled here would fill it
    with pytest.raises(InputError, match=r"^--recorded: the record lacks clips, among “") as told:
        run(lacking)
    assert "\n" not in str(told.value)
    assert len(sampler.called) == called


def test_what_is_missing_is_sampled_if_it_goes_with_the_others(sampler: Told) -> None:
    result = run(None)
    called = len(sampler.called)
    for file in Path("evidence/clips/video").iterdir():
        file.unlink()
    again = run(replace(result.clips, rows=result.clips.rows[:-1]))
    assert len(sampler.called) == called + 1
    assert again.json_value() == result.json_value()
    assert again.made is None  # how the last one came about is noted as ever
    assert again.clips == result.clips


def test_what_is_kept_already_is_left_as_it_is(sampler: Told) -> None:
    keep.write(run(None).model_copy(update={"made": MADE}), Path("kept"), plot=False)
    file = Path(f"kept/shapes-video{RECORD}")
    kept = record.read(file)
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes()), 1))  # of another zlib
    before = file.read_bytes()
    keep.write(run(kept), Path("kept"), plot=False)
    assert file.read_bytes() == before


def test_drawing_anew_leaves_the_clips_alone(sampler: Told) -> None:
    keep.write(run(None), Path("kept"), plot=False)
    file = Path(f"kept/shapes-video{RECORD}")
    before = file.read_bytes()
    keep.write(keep.load(Path("kept"), "shapes-video"), Path("kept"), plot=False)
    assert file.read_bytes() == before


def test_the_page_names_the_clips(sampler: Told) -> None:
    result = run(None).model_copy(update={"made": MADE})
    keep.write(result, Path("kept"), plot=False)
    page = Path("kept/shapes-video.md").read_text()
    assert f"[all clips](shapes-video{RECORD})" in page


def test_the_same_clips_are_the_same_bytes(sampler: Told) -> None:
    clips: Record = run(None).clips
    Path("a").write_bytes(record.content(clips))
    assert record.content(record.read(Path("a"))) == record.content(clips)
    assert record.read(Path("a")) == clips


def packed(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        packed(b"cut off")[:-9],
        packed(b"x" * 99)[:14] + b"\xff" * 30,
        packed(b""),
        packed(b"{}"),
        packed(b'{"models": "x", "made": {"a": 1}}'),
    ],
    ids=["empty", "text", "cut off", "damaged", "no lines", "no models", "other fields"],
)
def test_what_is_no_record_is_told(content: bytes, here: Path) -> None:
    Path("a").write_bytes(content)
    with pytest.raises(InputError, match=r"^a: is no record of clips"):
        record.read(Path("a"))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["sweep", "shapes-video", "--recorded"],
            f"--recorded: of sweep no clips are kept; name {', '.join(LONG)}",
        ),
        (
            ["shapes-video", "--recorded", "--seed", "1"],
            "--seed: the clips of shapes-video are of seed 0",
        ),
        (
            ["shapes-video", "--recorded", "--quick"],
            "--recorded: goes with neither --quick nor --redraw",
        ),
    ],
)
def test_what_has_no_record_is_refused(argv: list[str], message: str, call: Call) -> None:
    done = call("evidence", *argv)
    assert (done.code, done.err.strip()) == (2, f"error: {message}")


def docs(name: str) -> Path:
    return keep.ROOT / "docs" / "evidence" / name


@pytest.mark.parametrize("name", [name for name in LONG if docs(f"{name}.json").exists()])
def test_the_page_is_what_its_clips_say(name: str, here: Path) -> None:
    known: Result = keep.load(docs("."), name)
    again = measured(name, known.made.seed if known.made else 0, recorded=keep.clips(name))
    (words, numbers), (known_words, known_numbers) = (apart(one) for one in (again, known))
    assert words == known_words
    # Another processor adds up in another order, which may count a flip or two more.
    assert numbers == pytest.approx(known_numbers, rel=0.002, abs=0.002)


NUMBER = re.compile(r"[-−]?\d+(?:\.\d+)?(?:e-?\d+)?")


def apart(result: Result) -> tuple[str, list[float]]:
    """A result's words, and its numbers."""
    text = json.dumps(result.json_value(), ensure_ascii=False)
    return NUMBER.sub("0", text), [float(one.replace("−", "-")) for one in NUMBER.findall(text)]


@pytest.mark.parametrize("name", LONG)
def test_there_is_a_record_of_each_result_and_else_an_unfinished_one(name: str) -> None:
    if docs(f"{name}.json").exists():
        assert record.read(docs(f"{name}{RECORD}")).made is not None
    elif docs(f"{name}{RECORD}").exists():
        assert record.read(docs(f"{name}{RECORD}")).made is None
