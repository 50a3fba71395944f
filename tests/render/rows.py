"""Rows of a model that is never loaded."""

from __future__ import annotations

from w2sd_video.render.jobs.plan import Plan, plan
from w2sd_video.render.settings.layers import Layer

BASE = {
    "model": "org/model",
    "num_inference_steps": 10,
    "guidance_scale": 3.0,
    "reflection": {"weak": {"guidance_scale": 1.0}},
}


def planned(*rows: dict, baseline: bool = False, **base: object) -> Plan:
    layers = [Layer({"prompt": "a red circle"} | r, "l", {(): i}) for i, r in enumerate(rows, 1)]
    return plan([Layer(BASE | base, "f")], layers, baseline)
