"""The report in a real browser, opened from the file system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from w2sd_video.eval.compare.command import write
from w2sd_video.eval.compare.comparison import gather

from w2sd_video.render.jobs.job import Job

from ...browser import EVIL, check_filter, launched, needs_browser, opened, screen, shown
from .runs import BASE, COLORS, FPS, run

pytestmark = needs_browser
HEADING = "h3.prompt"

PROMPTS = ["a red circle", EVIL, "a blue ring", "a green star"]
GAINS = dict(zip(PROMPTS, (0.1, -0.3, 0.4, 0.0), strict=True))


def score(job: Job) -> dict[str, float]:
    gain = GAINS[job.prompt] if job.kind == "reflected" else 0.0
    found = {"aesthetic_quality": 0.5 + gain, "jitter": 1 + gain, "dynamic_degree": 1.0}
    if job.prompt == "a green star":
        del found["jitter"]
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pairs, red plain and blue reflected, and plain at another guidance."""
    folder = tmp_path_factory.mktemp("a run & more")
    rows = [{"prompt": p, "seed": 11 * i - 8} for i, p in enumerate(PROMPTS, 1)]
    both = run(folder / "both", prompts=rows, score=score, baseline=True)
    guided = run(folder / "guided", BASE | {"guidance_scale": 3.0}, prompts=rows, score=score)
    return write(gather([both, guided]), folder / "compare", 24)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture(params=["light", "dark"])
def page(report: Path, browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    page = opened(browser, report, 1280, 900, color_scheme=request.param)
    yield page
    # The page itself and the clips in it; nothing else was asked for, and nothing said.
    others = [h for h in page.heard if h != report.as_uri() and not h.startswith("data:video/mp4")]
    assert not others
    page.close()


def to_clips(page: Any) -> Any:
    """Scroll to the first pair and wait until it plays; returns it."""
    first = page.locator("article").first
    first.scroll_into_view_if_needed()
    playing = "[...document.querySelector('article').querySelectorAll('video')]"
    page.wait_for_function(f"{playing}.every(v => v.currentTime > 0)")
    return first


def test_clips_play_together_and_stop(page: Any) -> None:
    to_clips(page)
    ask = "document.querySelector('article').videos.map(v => v.currentTime)"
    seen = set()
    for _ in range(8):
        times = page.evaluate(ask)
        assert len(times) == 3
        assert max(times) - min(times) <= 2 / FPS
        seen.add(round(times[0], 1))
        page.wait_for_timeout(150)
    assert len(seen) > 2
    page.click("#play")
    assert page.inner_text("#play") == "Play"
    before = page.evaluate(ask)
    page.wait_for_timeout(300)
    assert page.evaluate(ask) == before


def test_what_is_looked_for_is_left(page: Any) -> None:
    check_filter(page, HEADING)


def test_pairs_are_sorted_by_gain(page: Any) -> None:
    listed = shown(page, HEADING)
    page.select_option("#sort", "aesthetic_quality")
    assert [text[:6] for text in shown(page, HEADING)] == ["a blue", "a red ", "a gree", "</h2><"]
    first = page.locator("article").first
    assert "gain on aesthetic quality: +0.400" in first.inner_text()
    page.select_option("#direction", "-1")
    assert shown(page, HEADING)[0].startswith("</h2>")
    page.select_option("#sort", "jitter")  # lower is better; what has no score comes last
    assert [text[:6] for text in shown(page, HEADING)] == ["a blue", "a red ", "</h2><", "a gree"]
    page.select_option("#column", "1")  # where nothing differs, as listed
    assert shown(page, HEADING) == listed
    page.select_option("#sort", "")
    assert shown(page, HEADING) == listed


def test_clips_go_on_playing_when_they_are_sorted(page: Any) -> None:
    to_clips(page)
    page.select_option("#sort", "aesthetic_quality")
    page.locator("article").first.scroll_into_view_if_needed()
    page.wait_for_function(
        "[...document.querySelectorAll('article')][0].videos.every(v => !v.paused || v.ended)"
    )


def test_settings_are_there_on_demand(page: Any) -> None:
    settings = page.locator("#columns details")
    assert not settings.locator("dl").first.is_visible()
    settings.locator("summary").click()
    texts = settings.locator("dl").all_inner_texts()
    assert "reflection" not in texts[0]
    assert "reflection.weak.guidance_scale" in texts[1]
    assert settings.locator("dd.differs").first.is_visible()


def test_the_text_of_a_prompt_is_nothing_but_text(page: Any) -> None:
    text = page.locator("h3.prompt").nth(1).inner_text()
    assert EVIL.replace("\u202e", "").strip() in text.replace("\u202e", "")
    assert page.locator(".wide script, .wide img").count() == 0


def test_the_numbers_are_there(page: Any) -> None:
    summary = page.inner_text("#summary")
    assert summary.lower().startswith("reflected exact against strong: no difference that these 4")
    costs = page.locator("#columns tbody tr").all_inner_texts()
    assert ["20.0" in costs[0], "50.0" in costs[1], "20.0" in costs[2]] == [True] * 3
    table = page.inner_text("#differences tbody")
    assert "lower is better" in table
    assert page.locator("#differences tbody svg").count() == 3 * 2
    assert page.locator("#plots svg").count() == 3


def test_what_is_seen(page: Any) -> None:
    """Clips side by side in their colors with hard edges, and nothing wider than the page."""
    first = to_clips(page)
    page.click("#play")
    boxes = [video.bounding_box() for video in first.locator("video").all()]
    pixels = screen(page)
    assert len({box["y"] for box in boxes}) == 1
    colors = [COLORS["plain"], COLORS["reflected"], COLORS["plain"]]
    for box, color in zip(boxes, colors, strict=True):
        x, y = round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 5)
        assert np.abs(pixels[y - 8 : y + 8, x - 8 : x + 8] - color).max() < 12
        assert box["width"] > 150
    edges = first.locator("video").first.evaluate("v => getComputedStyle(v).imageRendering")
    assert edges == "pixelated"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert len(np.unique(pixels @ (1 << 16, 1 << 8, 1))) > 50  # no blank page


def test_a_phone_sees_all_of_it(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
