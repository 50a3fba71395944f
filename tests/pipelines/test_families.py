"""Every family on tiny random weights: identities, evaluations, and being a good citizen."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DiffusionPipeline
from torch import Tensor
from w2sd_video.pipelines import (
    UnsupportedScheduler,
    UnsupportedSide,
    as_reflecting,
    catalog,
    reflect,
)
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side
from w2sd_video.core.reflection import MODES, Stage

from .. import tiny
from ..tiny import Tiny
from . import differences
from .differences import another, cases, stock_output, takes_guidance, weak_output

# LTX2 turns outputs into x0 and back around its guidance, which rounds; and its rescaling
# depends on the latents, not only on the outputs, so equal outputs do not make it equal.
IDENTITY = {"LTX2Pipeline": 2e-6, "LTX2ImageToVideoPipeline": 2e-6, "LTX2Pipeline-all": 2e-5}
WITHOUT_RESCALING = {"guidance_rescale": 0.0, "audio_guidance_rescale": 0.0}
# Relative mean error of bfloat16, over that of the stock pipeline's bfloat16.
HALF_PRECISION = 4.0
# Without a pair in guidance: distilled ones without that input; more terms than a pair has.
NO_GUIDANCE = {"HunyuanVideoImageToVideoPipeline", "FluxPipeline-schnell", "LTX2Pipeline-all"}
# Masks the prompts of a batch, but cuts a single one.
OTHER_IN_A_BATCH = {"LattePipeline"}
BATCHES = [key for key, family in tiny.FAMILIES.items() if family.batches]
# diffusers does not save IP-Adapters with a pipeline.
SAVED = [key for key in tiny.FAMILIES if not key.endswith("-ip")]


class Subject:
    """A family under test."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.tiny: Tiny = tiny.FAMILIES[key]
        self.cls = reflecting_class(self.tiny.stock)
        self.pipe = self.tiny.make(self.cls)
        self.stock = self.tiny.make()
        self.family = self.cls.family

    def run(self, pipe: Any = None, **call: Any) -> Tensor:
        return self.tiny.run(self.pipe if pipe is None else pipe, **call)

    def other(self) -> Side:
        modules = self.family.modules(self.pipe).values()
        return Side(denoiser=tuple(another(m) for m in modules))

    def pairs(self) -> dict[str, Side]:
        """Weak sides with another cost each."""
        other = self.other()
        found = {"weights": other}
        if takes_guidance(self.pipe):
            found["guidance"] = Side(guidance_scale=1.0)
            found["both"] = Side(denoiser=other.denoiser, guidance_scale=1.0)
        return found

    def cost(self, reflection: Reflection, batch: int = 1) -> int:
        call = self.tiny.call(batch=batch)
        scale = self.family.guidance.of(self.pipe, call)
        if not self.family.halves and not self.family.guidance.twice(call):
            scale = 1.0
        name = self.tiny.stock.__name__
        return batch * catalog.cost(name, reflection, scale, self.pipe.run.steps)

    @property
    def official(self) -> bool:
        return type(self.pipe.scheduler) is DDIMScheduler

    def modes(self) -> list[str]:
        return [mode for mode in MODES if mode != "official" or self.official]


@pytest.fixture(scope="module", params=list(tiny.FAMILIES))
def subject(request: pytest.FixtureRequest) -> Subject:
    return Subject(request.param)


def further_terms(subject: Subject) -> bool:
    """Guidance terms of more denoiser calls, which the cost of a reflection leaves out."""
    return subject.key.endswith("-all")


def test_every_family_is_here() -> None:
    assert {key.split("-")[0] for key in tiny.FAMILIES} == set(catalog.MODULES)


def test_the_catalog_says_what_the_families_say(subject: Subject) -> None:
    name = subject.tiny.stock.__name__
    assert (name not in catalog.GUIDANCE_IS_AN_INPUT) == subject.family.halves
    assert (name not in catalog.FIRST_FRAME_IS_GIVEN) == subject.family.direct
    if (scale := catalog.GUIDANCE_IS_AN_INPUT.get(name)) is not None:
        parameters = inspect.signature(subject.tiny.stock.__call__).parameters
        assert scale == parameters["true_cfg_scale"].default


def test_no_steps_is_bit_for_bit_stock(subject: Subject) -> None:
    expected = subject.run(subject.stock)
    assert torch.equal(subject.run(), expected)
    nothing = Reflection(weak=subject.other(), steps=0)
    assert torch.equal(subject.run(reflection=nothing), expected)
    with reflect(subject.stock, nothing):
        assert torch.equal(subject.run(subject.stock), expected)


def forced_equal(subject: Subject) -> float:
    """Largest difference to stock if the weak stage gets the strong one's outputs."""
    kept: list[Any] = []

    def replay(module: Any, args: Any, output: Any) -> Any:
        stage = subject.pipe.scheduler.current.stage
        if stage is Stage.STRONG:
            kept.append(copy.deepcopy(output))
        return kept.pop(0) if stage is Stage.WEAK else output

    extra = WITHOUT_RESCALING if subject.key in IDENTITY else {}
    modules = subject.family.modules(subject.pipe).values()
    hooks = [module.register_forward_hook(replay) for module in modules]
    try:
        reflected = subject.run(steps=4, reflection=Reflection(), **extra)
    finally:
        for hook in hooks:
            hook.remove()
    assert not kept
    stock = subject.run(subject.stock, steps=4, **extra)
    return float((reflected - stock).abs().max() / stock.abs().max())


def test_forced_equal_outputs_are_stock(subject: Subject) -> None:
    assert forced_equal(subject) <= IDENTITY.get(subject.key, 0.0)


@pytest.mark.parametrize("mode", MODES)
def test_a_reflection_changes_the_result_and_costs_what_it_says(
    subject: Subject, mode: str
) -> None:
    if mode == "official" and not subject.official:
        with pytest.raises(UnsupportedScheduler, match="samples with DDIM, not"):
            subject.run(reflection=Reflection(mode=mode))
        return
    stock = subject.run(subject.stock)
    for name, weak in subject.pairs().items():
        reflection = Reflection(weak=weak, mode=mode, steps=2)
        one_call = name == "guidance" and mode in ("implicit", "cached", "extrapolate")
        if one_call and subject.key.endswith(("-all", "-dynamic")):
            with pytest.raises(UnsupportedSide, match="use mode='exact'"):
                subject.run(reflection=reflection)
            continue
        reflected = subject.run(reflection=reflection)
        assert torch.isfinite(reflected).all()
        assert not torch.equal(reflected, stock)
        if not further_terms(subject):
            assert subject.pipe.run.evaluations == subject.cost(reflection), name


def test_who_has_a_pair_in_guidance(subject: Subject) -> None:
    has = takes_guidance(subject.pipe) and not further_terms(subject)
    assert has != (subject.key in NO_GUIDANCE)


@pytest.mark.parametrize("mode", ["implicit", "cached", "extrapolate"])
@pytest.mark.parametrize("subject", sorted({*tiny.FAMILIES} - NO_GUIDANCE), indirect=True)
def test_one_call_yields_what_two_would(subject: Subject, mode: str) -> None:
    strong, weak = Side(guidance_scale=3.0), Side(guidance_scale=1.5)
    short = subject.run(reflection=Reflection(strong, weak, mode=mode))
    cost = subject.pipe.run.evaluations
    own = tuple(subject.family.modules(subject.pipe).values())
    named = Side(guidance_scale=3.0, denoiser=own)  # no longer a pair in guidance only
    long = subject.run(reflection=Reflection(named, weak, mode=mode))
    assert (short - long).abs().max() <= 1e-4 * long.abs().max()
    if subject.family.halves and (subject.family.direct or mode == "implicit"):
        assert cost < subject.pipe.run.evaluations


def close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= 1e-4 * b.abs().max())


def test_half_precision(subject: Subject) -> None:
    reflection = Reflection(weak=subject.other())
    half = subject.tiny.make(subject.cls, torch.bfloat16)
    modules = subject.family.modules(half).values()
    weak = Side(denoiser=tuple(another(m) for m in modules))

    def error(a: Tensor, b: Tensor) -> float:
        return float((a.float() - b).abs().mean() / b.abs().mean())

    stock = error(subject.run(half), subject.run())
    reflected = error(
        subject.run(half, reflection=Reflection(weak=weak)), subject.run(reflection=reflection)
    )
    assert reflected <= HALF_PRECISION * max(stock, 0.01), (reflected, stock)


@pytest.mark.parametrize("subject", BATCHES, indirect=True)
def test_a_batch_of_two_equals_two_singles(subject: Subject) -> None:
    same = close(subject.run(subject.stock, batch=2)[:1], subject.run(subject.stock))
    assert same != (subject.key in OTHER_IN_A_BATCH)
    reflection = Reflection(weak=subject.other())
    two = subject.run(batch=2, reflection=reflection)
    assert subject.pipe.run.evaluations == subject.cost(reflection, batch=2) or further_terms(
        subject
    )
    one = subject.run(batch=1, reflection=reflection)
    assert close(two[:1], one) == same


def state_of(pipe: Any) -> dict[str, Any]:
    """What a call must leave as it was."""
    modules = {n: p for n, p in pipe.components.items() if isinstance(p, torch.nn.Module)}
    return {
        "class": type(pipe),
        "components": dict(pipe.components),
        "config": dict(pipe.config),
        "ours": {"_session", "_reflection", "_run"} & set(pipe.__dict__),
        "modules": {
            name: [
                (
                    {k for k in m.__dict__ if k in ("forward", "cache_context")},
                    len(m._forward_hooks),
                )
                for m in module.modules()
            ]
            for name, module in modules.items()
        },
    }


def test_an_exception_restores_the_pipeline(subject: Subject) -> None:
    before, expected = state_of(subject.pipe), subject.run()
    calls = 0

    def fail(*_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyError("on purpose")

    weak = subject.other()
    hook = weak.denoiser[0].register_forward_hook(fail)  # in the weak stage
    with pytest.raises(KeyError, match="on purpose"):
        subject.run(reflection=Reflection(weak=weak))
    hook.remove()
    assert calls == 1
    assert state_of(subject.pipe) == before
    assert torch.equal(subject.run(), expected)


@pytest.mark.parametrize("subject", SAVED, indirect=True)
def test_save_and_load(subject: Subject, tmp_path: Path) -> None:
    subject.pipe.save_pretrained(tmp_path)
    expected = subject.run()
    again = DiffusionPipeline.from_pretrained(tmp_path)
    subject.tiny.finish(again)  # what diffusers does not save with a pipeline
    again.set_progress_bar_config(disable=True)
    own = type(again)
    assert issubclass(subject.tiny.stock, own)
    # Loaded weights may lie in memory otherwise, with which kernels round otherwise.
    assert torch.allclose(subject.run(again), expected, atol=1e-4, rtol=1e-4)
    as_reflecting(again)
    reflection = Reflection(weak=subject.other())
    reflected = subject.run(reflection=reflection)
    assert torch.allclose(subject.run(again, reflection=reflection), reflected, atol=1e-3)


# --- differences -------------------------------------------------------------------------


def sees_every_difference(key: str, pipe: Any) -> None:
    """The weak stage's output is what the stock pipeline set up that way gives, and no other."""
    family = tiny.FAMILIES[key]
    differences.add_lora(pipe)
    plain = stock_output(pipe, family, differences.Case(Side()))
    for name, case in cases(key, family, pipe).items():
        expected = stock_output(pipe, family, case)
        got = weak_output(pipe, family, case.side)
        largest = expected.abs().max()
        assert (got - expected).abs().max() <= 2e-5 * largest, name
        assert (expected - plain).abs().max() >= 1e-4 * largest, name


def test_the_weak_stage_sees_every_difference(subject: Subject) -> None:
    sees_every_difference(subject.key, subject.tiny.make(subject.cls))


@pytest.mark.parametrize("key", [key for key in tiny.FAMILIES if key.endswith("-2.2")])
def test_so_does_that_of_a_second_transformer(key: str) -> None:
    """All steps are below the boundary, so that the first transformer is never asked."""
    pipe = tiny.FAMILIES[key].make(reflecting_class(tiny.FAMILIES[key].stock))
    pipe.register_to_config(boundary_ratio=1.0)
    pipe.transformer.forward = None
    sees_every_difference(key, pipe)
