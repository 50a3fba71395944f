from __future__ import annotations

from pathlib import Path

from w2sd_video.render.settings import models


def test_a_fingerprint_changes_with_the_weights(tmp_path: Path) -> None:
    weights = tmp_path / "unet" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"1")
    before = models.fingerprint.__wrapped__(str(tmp_path))
    weights.write_bytes(b"22")
    assert models.fingerprint.__wrapped__(str(tmp_path)) != before
