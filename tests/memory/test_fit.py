"""A pipeline is made to fit, renders the same, and can be made to take less."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
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


def call_of(pipe: Any, reflection: Reflection | None = None, family: Any = FAMILY) -> Any:
    arguments = family.call(steps=2) | {"output_type": "np"}
    return lambda: pipe(**arguments, reflection=reflection)


def another(unet: nn.Module) -> Any:
    """Like it but for one layer."""
    weak: Any = copy.deepcopy(unet)
    with torch.no_grad():
        weak.conv_in.weight.mul_(1.1)
    return weak


def near(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= 1e-5 * b.abs().max())


def test_a_share_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    free = type("Free", (), {"available": 1000 * KIB})
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    assert Fit("cpu", share=0.25)._free() == Fit("cpu")._free() // 4


def test_what_cannot_be_told_is_no_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gates of a mixture of experts choose shapes by what they compute."""
    monkeypatch.setattr(Fit, "_apart", True)
    family = tiny.FAMILIES["DiTMoEPipeline"]
    pipe = as_reflecting(family.make())
    call = call_of(pipe, family=family)
    fit = Fit("cpu")
    weights = fit.prepare(pipe, [], call, "none").weights
    plan = fit.prepare(pipe, [], call, limit=2 * weights)
    assert (plan.offload, plan.attention, plan.activations) == ("none", None, None)
    plan = fit.prepare(pipe, [], call, limit=2 * weights - 2)
    assert plan.offload == "model"
    assert "unknown beside them" in str(plan)
    least = fit.leaner()
    assert (least.offload, least.attention) == ("block", 16 * 2**20)
    with pytest.raises(DoesNotFitError, match="no leaner plan"):
        fit.leaner()
    assert fit.prepare(pipe, [], call, limit=least.weights).offload == "block"
    with pytest.raises(DoesNotFitError, match="needs"):
        fit.prepare(pipe, [], call, limit=least.weights - 1)


def test_a_small_run_is_left_alone(pipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("w2sd_video.memory.fit.needs_of", None)  # not even asked
    plan = Fit("cpu").prepare(pipe, [], call_of(pipe))
    assert (plan.offload, plan.attention, plan.weights) == ("none", None, 0)


def test_pieces_as_the_room_asks_for(pipe: Any) -> None:
    whole = FAMILY.run(pipe, steps=2)
    models = {k: m for k, m in pipe.components.items() if isinstance(m, nn.Module)}
    denoise = needs_of(models, call_of(pipe)).denoise
    assert denoise(None) > denoise(32 * KIB) > denoise(4 * KIB)
    fit = Fit("cpu")
    assert fit.prepare(pipe, [], call_of(pipe), attention=4 * KIB).activations == denoise(4 * KIB)
    with fit.applied():
        assert near(FAMILY.run(pipe, steps=2), whole)
    with pytest.raises(DoesNotFitError, match=r"needs \d+ MiB, and there are 0 MiB"):
        fit.prepare(pipe, [], call_of(pipe), limit=KIB)


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
    weak = another(pipe.unet)
    reflection = Reflection(weak=Side(denoiser=weak))
    expected = FAMILY.run(pipe, reflection=reflection)
    fit = Fit("cpu")
    if offload is None:
        with pytest.raises(DoesNotFitError):
            fit.prepare(pipe, [weak], call_of(pipe, reflection), wish, limit=limit)
        return
    plan = fit.prepare(pipe, [weak], call_of(pipe, reflection), wish, limit=limit)
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
    first = fit.prepare(pipe, [], call_of(pipe))
    second = fit.leaner()
    assert second.offload != first.offload == "none"
    assert second.bytes < first.bytes
    with fit.applied():
        FAMILY.run(pipe, steps=2)
    fit.leaner()
    with pytest.raises(DoesNotFitError):
        fit.leaner()


def test_running_out_again_and_again_leaves_half(
    pipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a clip that fits it is not refused for what others have run into."""
    monkeypatch.setattr(Fit, "_apart", True)
    fit = Fit("cpu")
    call = call_of(pipe)
    room = 3 * fit.prepare(pipe, [], call).bytes
    for _ in range(8):
        first = fit.prepare(pipe, [], call, limit=room)
        fit.leaner()
        fit.release()
    assert fit.prepare(pipe, [], call, limit=room) == first


def test_clips_with_and_without_reflection_take_turns(
    pipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan for the one stays for the other, and weights stay where they are."""
    monkeypatch.setattr(Fit, "_apart", True)
    weak = another(pipe.unet)
    reflection = Reflection(weak=Side(denoiser=weak))
    fit = Fit("cpu")
    plain = fit.prepare(pipe, [], call_of(pipe), limit=600 * KIB)
    reflected = fit.prepare(pipe, [weak], call_of(pipe, reflection), limit=600 * KIB)
    assert reflected.weights >= plain.weights
    residency = fit._residency
    assert residency is not None
    for sides, other in (([], None), ([weak], reflection)):
        again = fit.prepare(pipe, sides, call_of(pipe, other), limit=600 * KIB)
        assert again is reflected
    whole = FAMILY.run(pipe, reflection=reflection)
    with fit.applied():
        assert near(FAMILY.run(pipe, reflection=reflection), whole)
    fit.release()
    assert torch.equal(FAMILY.run(pipe, reflection=reflection), whole)


def test_halves_that_a_side_needs_are_counted(pipe: Any) -> None:
    """The call alone is without guidance; its strong side is not."""
    models = {k: m for k, m in pipe.components.items() if isinstance(m, nn.Module)}
    arguments = FAMILY.call(steps=2) | {"output_type": "np", "guidance_scale": 1.0}
    reflection = Reflection(strong=Side(guidance_scale=5.0), weak=Side(guidance_scale=2.0))
    plain, reflected = (
        needs_of(models, lambda r=r: pipe(**arguments, reflection=r)).denoise(None)
        for r in (None, reflection)
    )
    assert reflected > 1.5 * plain


def test_nothing_is_evaluated(pipe: Any) -> None:
    """Not even the denoiser of a side, or a ControlNet."""
    family = tiny.FAMILIES["AnimateDiffControlNetPipeline"]
    pipe = as_reflecting(family.make())
    weak = copy.deepcopy(pipe.unet)
    evaluated: list[int] = []
    for module in (weak, pipe.unet, pipe.controlnet):
        module.conv_in.register_forward_hook(lambda m, a, out: evaluated.append(type(out)))
    models = {k: m for k, m in pipe.components.items() if isinstance(m, nn.Module)}
    needs_of(models | {"side": weak}, call_of(pipe, Reflection(weak=Side(denoiser=weak)), family))
    assert evaluated
    assert set(evaluated) == {FakeTensor}
