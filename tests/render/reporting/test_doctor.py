from __future__ import annotations

from w2sd_video.render.reporting.doctor import findings


def test_every_finding_says_something() -> None:
    found = {finding.what: finding for finding in findings()}
    assert {"versions", "cores", "memory", "device cpu", "codec mp4", "embedded model"} <= set(
        found
    )
    assert all(finding.text for finding in found.values())
    assert found["codec mp4"].ok
    assert "GiB" in found["memory"].text
