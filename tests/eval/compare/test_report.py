"""The report page: which clips are in it, and that it needs nothing but itself."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from w2sd_video.eval.compare.choice import GAIN, LOSS, RANDOM, choose
from w2sd_video.eval.compare.comparison import gather
from w2sd_video.eval.compare.figures import FOREST, forest, plots
from w2sd_video.eval.compare.report import page

from w2sd_video.render.jobs.job import Job

from ...pages import EVIL, Page, check_escaped, check_fetches_nothing
from .runs import BASE, run


def score(job: Job) -> dict[str, float]:
    """Of 30 prompts, number 3 gains most and number 7 loses most."""
    number = int(job.prompt.split()[-1]) if job.prompt[-1].isdigit() else 0
    gain = {3: 0.9, 7: -0.9}.get(number, 0.001 * (number - 15)) if job.kind == "reflected" else 0
    return {"aesthetic_quality": 1 + gain, "jitter": 1 - gain}


def test_everything_is_escaped(tmp_path: Path) -> None:
    text = page(gather([run(tmp_path, prompts=[EVIL, "b"], score=score, baseline=True)]), 9)
    check_escaped(text)


def test_the_page_needs_nothing_beside_it(tmp_path: Path) -> None:
    folder = run(tmp_path, score=score, baseline=True)
    text = page(gather([folder]), 9)
    check_fetches_nothing(text)
    sources = [str(video["src"]) for video in Page(text).all("video")]
    assert len(sources) == 6
    first = base64.b64decode(sources[0].removeprefix("data:video/mp4;base64,"))
    assert first == (folder / "clips" / "a-s0.plain.mp4").read_bytes()


def test_the_largest_gains_and_losses_and_some_at_random(tmp_path: Path) -> None:
    prompts = [f"prompt {i}" for i in range(30)]
    found = gather([run(tmp_path, prompts=prompts, score=score, baseline=True)])
    chosen = choose(found, 3)
    assert chosen[3] == GAIN
    assert chosen[7] == LOSS
    assert sorted(chosen.values()) == sorted([GAIN, LOSS, RANDOM])
    assert list(chosen) == sorted(chosen)
    assert choose(found, 3) == chosen  # drawn alike each time
    assert set(choose(found, 30).values()) == {""}
    assert choose(found, 0) == {}
    text = page(found, 3)
    assert len(Page(text).all("article")) == 3
    assert "3 of 30 pairs: those with the largest gains and losses of reflected exact" in text


def test_without_scores_clips_are_drawn_at_random(tmp_path: Path) -> None:
    found = gather([run(tmp_path, prompts="abcdef", baseline=True)])
    assert set(choose(found, 4).values()) == {RANDOM}
    text = page(found, 4)
    parsed = Page(text)
    assert not any(attributes.get("id") == "differences" for _, attributes in parsed.tags)
    assert "50.0" in text
    assert "drawn at random" in text


def test_a_clip_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    folder = run(tmp_path, prompts=["a"], baseline=True)
    (folder / "clips" / "a-s0.mp4").write_bytes(b"nothing")
    text = page(gather([folder]), 9)
    assert len(Page(text).all("video")) == 1
    assert "can&#39;t be read" in text


def test_forest_is_right_of_zero_where_it_is_better(tmp_path: Path) -> None:
    """Jitter falls and aesthetic quality rises: both are for the better."""

    def improves(job: Job) -> dict[str, float]:
        by = 0.1 * (job.kind == "reflected") + 0.01 * ord(job.prompt)
        return {"aesthetic_quality": by, "jitter": 9 - by, "dynamic": 0.5}

    found = gather([run(tmp_path, prompts="abcdef", score=improves, baseline=True)])
    drawn = forest(found)
    assert drawn.zero == FOREST / 2
    for name in ("aesthetic_quality", "jitter"):
        line = drawn.lines["reflected exact", name]
        assert line
        assert drawn.zero < line.low <= line.middle <= line.high <= FOREST
    still = drawn.lines["reflected exact", "dynamic"]
    assert still
    assert still.middle == drawn.zero


def test_plots_have_evaluations_to_the_right(tmp_path: Path) -> None:
    both = run(tmp_path / "both", score=score, baseline=True)
    guided = run(tmp_path / "guided", BASE | {"guidance_scale": 3.0}, score=score)
    plot = plots(gather([both, guided]))[0]
    strong, reflected, matched = plot.points
    assert strong.x < reflected.x
    assert 0 < matched.x - strong.x < 12  # as costly: side by side, not on one another
    assert len(plot.y_ticks) >= 2


def test_plots_have_the_ends_of_intervals(tmp_path: Path) -> None:
    prompts = [f"prompt {i}" for i in range(6)]
    found = gather([run(tmp_path, prompts=prompts, score=score, baseline=True)])
    plot = plots(found)[0]
    top, bottom = plot.y_ticks[-1], plot.y_ticks[0]
    unit = (float(top.text) - float(bottom.text)) / (top.at - bottom.at)
    point = plot.points[1]
    drawn = [float(top.text) + (y - top.at) * unit for y in (point.low, point.y, point.high)]
    low, high = found.mean_intervals["reflected exact", "aesthetic_quality"] or (0, 0)
    assert drawn == pytest.approx([low, found.mean(1, 0)[0], high], abs=0.2 * abs(unit))
    assert low < high


@pytest.mark.parametrize("count", [0, 1])
def test_a_page_of_few_clips(tmp_path: Path, count: int) -> None:
    text = page(gather([run(tmp_path, prompts=["a"], score=score, baseline=True)]), count)
    assert len(Page(text).all("article")) == count
