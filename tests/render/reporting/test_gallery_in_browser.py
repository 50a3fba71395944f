"""The gallery in a real browser, opened from the file system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from w2sd_video.render.files.clips import publish
from w2sd_video.render.jobs.events import Cost, Result
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.reporting.gallery import write_gallery
from w2sd_video.render.settings.layers import Layer

from ...browser import EVIL, check_filter, launched, needs_browser, opened, screen, shown

pytestmark = needs_browser
HEADING = "h2"

COLORS = {"plain": (200, 40, 40), "reflected": (40, 90, 200)}
FRAMES, FPS = 16, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs of real clips, red plain and blue reflected; one more has failed."""
    folder = tmp_path_factory.mktemp("a run & more")
    base = {
        "model": "org/model",
        "width": 64,
        "height": 64,
        "num_frames": FRAMES,
        "fps": FPS,
        "reflection": {"weak": {"guidance_scale": 1.0}},
    }
    prompts = ("a red circle", EVIL, "a blue ring", "one that fails")
    rows = [
        Layer({"prompt": p, "seed": 11 * i - 8}, "l", {(): i}) for i, p in enumerate(prompts, 1)
    ]
    jobs = plan([Layer(base, "f")], rows, baseline=True).jobs
    with open_folder(folder) as ledger:
        ledger.add(jobs)
        for job in jobs:
            if job.prompt.startswith("one"):
                ledger.ended(Result(job, error=f"ValueError: {EVIL}"))
                continue
            frames = np.empty((FRAMES, 64, 64, 3), np.uint8)
            frames[:] = COLORS[job.kind]
            path = publish(folder, job, frames, {}, {})
            ledger.ended(Result(job, path, cost=Cost(50, {"denoise": 1.5})))
    write_gallery(folder)
    return folder


@pytest.fixture
def page(folder: Path) -> Iterator[Any]:
    with launched() as browser:
        page = opened(browser, folder / "gallery.html", 1100, 800)
        page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.currentTime)")
        yield page
        assert all(heard.startswith("file://") for heard in page.heard), page.heard


def test_pairs_play_together(page: Any) -> None:
    ask = "[...document.querySelectorAll('article')].map(a => a.videos.map(v => v.currentTime))"
    seen = set()
    for _ in range(8):
        for times in page.evaluate(ask):
            if times:
                plain, reflected = times
                assert abs(plain - reflected) <= 2 / FPS
                seen.add(round(plain, 1))
        page.wait_for_timeout(200)
    assert len(seen) > 3
    page.click("#play")
    before = page.evaluate(ask)
    page.wait_for_timeout(300)
    assert page.evaluate(ask) == before


def test_what_is_looked_for_is_left(page: Any) -> None:
    check_filter(page, HEADING)
    page.fill("#filter", "")
    page.select_option("#state", "failed")
    assert shown(page, HEADING) == ["one that fails"]
    page.select_option("#state", "done")
    assert len(shown(page, HEADING)) == 3


def test_settings_are_there_on_demand(page: Any) -> None:
    first = page.locator("article").first
    assert not first.locator("pre").first.is_visible()
    first.locator("summary").click()
    assert first.locator("pre").first.is_visible()
    texts = first.locator("pre").all_inner_texts()
    assert "reflection" not in texts[0]
    assert "guidance_scale: 1.0" in texts[1]


def test_the_text_of_a_prompt_is_nothing_but_text(page: Any) -> None:
    assert EVIL.replace("\u202e", "").strip() in page.locator("h2").nth(1).inner_text()
    assert page.locator("main script, main img").count() == 0


def test_what_is_seen(page: Any) -> None:
    """Plain on the left and reflected on the right, each in its color, with its caption."""
    page.click("#play")
    pixels = screen(page)
    boxes = [video.bounding_box() for video in page.locator("article").first.locator("video").all()]
    assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
    assert boxes[0]["y"] == boxes[1]["y"]
    for box, color in zip(boxes, COLORS.values(), strict=True):
        x, y = (round(box[k] + box[s] / 2) for k, s in (("x", "width"), ("y", "height")))
        assert np.abs(pixels[y - 20 : y + 20, x - 20 : x + 20] - color).max() < 12
        assert box["width"] > 150
    captions = page.locator("article").first.locator("figcaption").all_inner_texts()
    assert [caption.split("\n")[0] for caption in captions] == ["plain", "reflected, exact"]
    assert "50 evaluations" in captions[0]
