"""A pipeline is made to fit, renders the same, and can be made to take less."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from w2sd_video.pipelines import as_reflecting

from w2sd_video import Reflection, Side
from w2sd_video.memory import needs
from w2sd_video.memory.fit import Fit
from w2sd_video.memory.needs import at_most, first_calls, needs_of
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


def test_a_small_run_is_left_alone(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("w2sd_video.memory.fit.needs_of", None)  # not even asked
    plan = Fit("cpu").prepare(pipe, [], call())
    assert (plan.offload, plan.attention, plan.weights) == ("none", None, 0)


def test_pieces_as_the_room_asks_for(pipe: Any) -> None:
    whole = FAMILY.run(pipe, steps=2)
    models = {k: m for k, m in pipe.components.items() if isinstance(m, nn.Module)}
    denoise = needs_of(pipe, models, call()).denoise
    assert denoise(None) > denoise(16 * KIB) >= denoise(4 * KIB)
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


@pytest.mark.parametrize("key", tiny.FAMILIES)
def test_every_family_is_rehearsed(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family = tiny.FAMILIES[key]
    pipe = family.make()
    arguments = family.call(steps=2) | {"output_type": "np"}
    before = family.run(pipe, steps=2)
    denoising, decoding = first_calls(pipe, arguments)
    assert denoising.model is (getattr(pipe, "unet", None) or pipe.transformer)
    assert decoding is not None
    assert decoding.model is pipe.vae
    assert at_most(pipe, arguments) == needs.UNTOLD * denoising.first.numel() * 4
    told = denoising.told()
    untold = ("HunyuanVideo15", "Mochi", "DiTMoE")  # their masks and gates choose shapes
    assert (told is None) == key.startswith(untold)
    if told is not None:
        assert denoising.first.numel() * 4 < told.peak < at_most(pipe, arguments)
    assert torch.equal(family.run(pipe, steps=2), before)  # nothing was left behind
