from __future__ import annotations

from w2sd_video.render.reporting.units import duration


def test_durations() -> None:
    assert [duration(s) for s in (0, 75, 3700)] == ["0:00", "1:15", "1:01:40"]
