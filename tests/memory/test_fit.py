"""A pipeline is made to fit, renders the same, and can be made to take less."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from w2sd_video.pipelines import as_reflecting

from w2sd_video import Reflection, Side
from w2sd_video.memory.fit import Fit
from w2sd_video.memory.needs import needs_of
from w2sd_video.memory.plan import DoesNotFitError

from .. import tiny

KIB = 1024
FAMILY = tiny.FAMILIES["AnimateDiffPipeline"]


@pytest.fixture
def pipe() -> Any:
    return as_reflecting(FAMILY.make())


def call(**changes: Any) -> dict[str, Any]:
    return FAMILY.call(steps=2) | {"output_type": "np"} | changes


def near(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= 1e-5 * b.abs().max())


def test_what_cannot_be_told_is_no_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gates of a mixture of experts choose shapes by what they compute."""
    monkeypatch.setattr(Fit, "_apart", True)
    family = tiny.FAMILIES["DiTMoEPipeline"]
    pipe = as_reflecting(family.make())
    arguments = family.call(steps=2) | {"output_type": "np"}
    fit = Fit("cpu")
    weights = fit.prepare(pipe, [], arguments, "none").weights
    plan = fit.prepare(pipe, [], arguments, limit=2 * weights)
    assert (plan.offload, plan.attention, plan.activations) == ("none", None, None)
    plan = fit.prepare(pipe, [], arguments, limit=2 * weights - 2)
    assert plan.offload == "model"
    assert "unknown beside them" in str(plan)
    least = fit.leaner()
    assert (least.offload, least.attention) == ("block", 16 * 2**20)
    with pytest.raises(DoesNotFitError, match="no leaner plan"):
        fit.leaner()
    assert fit.prepare(pipe, [], arguments, limit=least.weights).offload == "block"
    with pytest.raises(DoesNotFitError, match="needs"):
        fit.prepare(pipe, [], arguments, limit=least.weights - 1)


def test_a_small_run_is_left_alone(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("w2sd_video.memory.fit.needs_of", None)  # not even asked
    plan = Fit("cpu").prepare(pipe, [], call())
    assert (plan.offload, plan.attention, plan.weights) == ("none", None, 0)


def test_pieces_as_the_room_asks_for(pipe: Any) -> None:
    whole = FAMILY.run(pipe, steps=2)
    models = {k: m for k, m in pipe.components.items() if isinstance(m, nn.Module)}
    denoise = needs_of(pipe, models, call()).denoise
    assert denoise(None) > denoise(32 * KIB) > denoise(4 * KIB)
    fit = Fit("cpu")
    assert fit.prepare(pipe, [], call(), attention=4 * KIB).activations == denoise(4 * KIB)
    with fit.applied():
        assert near(FAMILY.run(pipe, steps=2), whole)
    with pytest.raises(DoesNotFitError, match=r"needs \d+ MiB, and there are 0 MiB"):
        fit.prepare(pipe, [], call(), limit=KIB)


@pytest.mark.parametrize(
    ("wish", "limit", "offload"),
    [
        ("auto", None, "none"),
        ("auto", 600 * KIB, "model"),
        ("auto", 400 * KIB, "block"),
        ("none", 600 * KIB, None),
        ("model", 600 * KIB, "model"),
        ("block", 600 * KIB, "block"),
    ],
)
def test_weights_where_a_plan_wants_them(
    pipe: Any, wish: str, limit: int | None, offload: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host memory plays a device with memory of its own."""
    monkeypatch.setattr(Fit, "_apart", True)
    weak = copy.deepcopy(pipe.unet)
    with torch.no_grad():
        weak.conv_in.weight.mul_(1.1)
    reflection = Reflection(weak=Side(denoiser=weak))
    expected = FAMILY.run(pipe, reflection=reflection)
    fit = Fit("cpu")
    if offload is None:
        with pytest.raises(DoesNotFitError):
            fit.prepare(pipe, [weak], call(), wish, limit=limit)
        return
    plan = fit.prepare(pipe, [weak], call(), wish, limit=limit)
    assert plan.offload == offload
    with fit.applied():
        assert near(FAMILY.run(pipe, reflection=reflection), expected)
    if fit._residency is not None:
        assert fit._residency.peak <= limit - plan.activations
    fit.release()
    assert near(FAMILY.run(pipe, reflection=reflection), expected)


def test_leaner_takes_less(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fit, "_apart", True)
    fit = Fit("cpu")
    first = fit.prepare(pipe, [], call())
    second = fit.leaner()
    assert second.offload != first.offload == "none"
    assert second.bytes < first.bytes
    with fit.applied():
        FAMILY.run(pipe, steps=2)
    fit.leaner()
    with pytest.raises(DoesNotFitError):
        fit.leaner()
