from __future__ import annotations

import re
from pathlib import Path

from w2sd_video.render.jobs.events import Cost, Result
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.reporting.gallery import write_gallery
from w2sd_video.render.settings.layers import Layer

from ...pages import EVIL, Page, check_escaped, check_fetches_nothing


def page(folder: Path) -> tuple[str, Page]:
    base = {"model": "shapes", "width": 64, "height": 64, "reflection": {}}
    rows = [Layer({"prompt": p}, "l", {(): i}) for i, p in enumerate((EVIL, "b"), 1)]
    jobs = plan([Layer(base, "f")], rows, baseline=True).jobs
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.add(jobs)
        for job in jobs[:3]:
            ledger.ended(Result(job, folder, cost=Cost(50)))
        ledger.ended(Result(jobs[3], error=f"ValueError: {EVIL}"))
    text = write_gallery(folder).read_text("utf-8")
    return text, Page(text)


def test_everything_is_escaped(tmp_path: Path) -> None:
    text, _ = page(tmp_path)
    check_escaped(text)


def test_pairs_stand_side_by_side_plain_first(tmp_path: Path) -> None:
    text, parsed = page(tmp_path)
    assert len(parsed.all("article")) == 2
    sources = [str(attributes["src"]) for attributes in parsed.all("video")]
    assert [s.endswith(".plain.mp4") for s in sources] == [True, False, False]
    assert all(re.fullmatch(r"clips/[\w.-]+\.mp4", s) for s in sources)
    assert "3 clips" in text
    assert "1 failed" in text
    assert [f["class"] for f in parsed.all("figure")][:2] == ["plain small", "reflected small"]


def test_nothing_is_fetched(tmp_path: Path) -> None:
    text, _ = page(tmp_path)
    check_fetches_nothing(text)
