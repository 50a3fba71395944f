from __future__ import annotations

import pytest

from w2sd_video.render.settings.cost import evaluations

from ..rows import planned


@pytest.mark.parametrize(
    ("settings", "cost"),
    [
        ({"reflection": None}, 20),
        ({"reflection": None, "guidance_scale": 1.0}, 10),
        ({}, 50),
        ({"reflection": {"steps": 0.5}}, 35),
        ({"reflection": {"steps": 2}}, 26),
        ({"reflection": {"weak": {"denoiser": "org/weak", "guidance_scale": None}}}, 60),
        ({"num_inference_steps": None}, None),
        ({"guidance_scale": None}, None),
    ],
)
def test_cost_is_the_reflections_own(settings: dict, cost: int | None) -> None:
    assert evaluations(planned(settings).jobs[0].config) == cost


COSTS = [
    ({"model": {"id": "o/m", "pipeline": "FluxPipeline"}}, 10 + 2 * 5),
    (
        {
            "model": {"id": "o/m", "pipeline": "FluxPipeline"},
            "negative_prompt": "b",
            "arguments": {"true_cfg_scale": 4.0},
        },
        20 + 2 * 2 * 5,
    ),
    (
        {
            "model": {"id": "o/m", "pipeline": "HunyuanSkyreelsImageToVideoPipeline"},
            "negative_prompt": "b",
        },
        20 + 2 * 2 * 5,
    ),
    # Half of the steps are left out, and of the other five half reflect: 3 of 2 + 1 + 2.
    ({"model": {"id": "o/m", "pipeline": "WanVideoToVideoPipeline"}, "strength": 0.5}, 15 + 2 * 2),
    ({"model": {"id": "o/m", "pipeline": "LTX2Pipeline"}}, None),
]


@pytest.mark.parametrize(("settings", "cost"), COSTS)
def test_cost_knows_the_pipeline(settings: dict, cost: int | None) -> None:
    reflection = {"weak": {"guidance_scale": 1.0}, "steps": 0.5}
    job = planned({**settings, "reflection": reflection}).jobs[0]
    assert evaluations(job.config) == cost
