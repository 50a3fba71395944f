"""What is measured of a clip."""

from __future__ import annotations

from typing import Literal

Metric = Literal[
    "everything", "count", "color", "shape", "motion", "background",
    "psnr", "psnr_complete", "iou", "jitter", "jitter_complete", "dynamic",
]  # fmt: skip
METRICS: dict[Metric, str] = {
    "everything": "all right",
    "count": "count",
    "color": "color",
    "shape": "shape",
    "motion": "motion",
    "background": "background",
    "psnr": "PSNR, dB",
    "psnr_complete": "PSNR where nothing is missing, dB",
    "iou": "IoU",
    "jitter": "jitter ↓, px",
    "jitter_complete": "jitter where nothing is missing ↓, px",
    "dynamic": "speed, px a frame",
}
PRIMARY: Metric = "everything"
# All attributes of a clip, for settings that get as many clips all right.
ATTRIBUTES = ("count", "color", "shape", "motion", "background")
