"""Every family on tiny random weights: identities, evaluations, and being a good citizen."""

from __future__ import annotations

import copy
import inspect
from dataclasses import replace
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
from .state import state_of

# LTX2 turns outputs into clean clips and back around its guidance, which rounds. And it rescales
# its guidance by how far clean clips spread: equal outputs at another latent are other clips.
RESCALED = {"LTX2Pipeline": 1e-3, "LTX2ImageToVideoPipeline": 1e-3, "LTX2Pipeline-all": 0.1}
ROUNDING = 2e-6
WITHOUT_RESCALING = {"guidance_rescale": 0.0, "audio_guidance_rescale": 0.0}
# Relative mean error in half precision, over that of the stock pipeline.
HALF_PRECISION = {torch.bfloat16: 4.0, torch.float16: 5.0}
# bfloat16 in every family, float16 in one of every kind of denoiser.
HALVES = [pytest.param(key, torch.bfloat16, id=f"{key}-bfloat16") for key in tiny.FAMILIES]
HALVES += [
    pytest.param(f"{name}Pipeline", torch.float16, id=f"{name}Pipeline-float16")
    for name in ("StableDiffusion", "StableDiffusion3", "Wan", "CogVideoX", "DiTMoE")
]
# Without a pair in guidance: distilled ones without that input; more terms than a pair has.
NO_GUIDANCE = {"HunyuanVideoImageToVideoPipeline", "FluxPipeline-schnell", "LTX2Pipeline-all"}
# Masks the prompts of a batch, but cuts a single one.
OTHER_IN_A_BATCH = {"LattePipeline"}
BATCHES = [key for key, family in tiny.FAMILIES.items() if family.batches]
# diffusers does not save IP-Adapters with a pipeline.
SAVED = [key for key in tiny.FAMILIES if not key.endswith("-ip")]


class Subject:
    """A family under test."""

    def __init__(self, key: str, dtype: torch.dtype = torch.float32) -> None:
        self.key = key
        self.tiny: Tiny = tiny.FAMILIES[key]
        self.cls = reflecting_class(self.tiny.stock)
        self.pipe = self.tiny.make(self.cls, dtype)
        self.stock = self.tiny.make(dtype=dtype)
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


def test_a_loaded_stock_pipeline_reflects_as_the_class_does(subject: Subject) -> None:
    scale = 1.0 if takes_guidance(subject.pipe) else None
    reflection = Reflection(weak=Side(subject.other().denoiser, scale))
    expected = subject.run(steps=2, reflection=reflection)
    plain = subject.run(subject.stock, steps=2)
    with reflect(subject.stock, reflection) as run:
        got = subject.run(subject.stock, steps=2)
    assert torch.equal(got, expected)
    assert not torch.equal(got, plain)
    assert (run.steps, run.evaluations) == (subject.pipe.run.steps, subject.pipe.run.evaluations)
    assert type(subject.stock) is subject.tiny.stock
    assert torch.equal(subject.run(subject.stock, steps=2), plain)


def identity(subject: Subject, mode: str, steps: int = 4, **call: Any) -> float:
    """Largest difference to stock, relative, if the weak side gives what the strong one gives.

    It names the pipeline's own denoiser. In exact and official that is asked at another latent,
    so that it has to be made to give the same.
    """
    kept: list[Any] = []

    def replay(module: Any, args: Any, output: Any) -> Any:
        stage = subject.pipe.scheduler.current.stage
        if stage is Stage.STRONG:
            kept.append(copy.deepcopy(output))
        return kept.pop(0) if stage is Stage.WEAK else output

    modules = tuple(subject.family.modules(subject.pipe).values())
    forced = modules if mode in ("exact", "official") else ()
    hooks = [module.register_forward_hook(replay) for module in forced]
    reflection = Reflection(weak=Side(denoiser=modules), mode=mode)
    try:
        reflected = subject.run(steps=steps, reflection=reflection, **call)
    finally:
        for hook in hooks:
            hook.remove()
    assert not kept
    return difference(reflected, subject.run(subject.stock, steps=steps, **call))


def difference(got: Tensor, expected: Tensor) -> float:
    return float((got - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "official"])
def test_equal_sides_are_stock(subject: Subject, mode: str) -> None:
    bound = RESCALED.get(subject.key, 0.0) if mode == "exact" else 0.0
    assert identity(subject, mode) <= bound


@pytest.mark.parametrize("subject", sorted(RESCALED), indirect=True)
def test_but_for_their_rescaling(subject: Subject) -> None:
    assert identity(subject, "exact", **WITHOUT_RESCALING) <= ROUNDING


def test_equal_sides_come_nearer_to_stock_as_published(subject: Subject) -> None:
    """The published way up belongs to the pair of levels one further down."""
    if subject.official:
        coarse, fine = (identity(subject, "official", steps=n) for n in (4, 12))
        assert 0.0 < fine < 0.75 * coarse


@pytest.mark.parametrize("mode", ["implicit", "cached", "extrapolate"])
@pytest.mark.parametrize("subject", sorted({*tiny.FAMILIES} - NO_GUIDANCE), indirect=True)
def test_equal_guidance_is_stock(subject: Subject, mode: str) -> None:
    """Of both sides, which one call evaluates."""
    side = Side(guidance_scale=3.0)
    stock = subject.run(subject.stock)
    reflected = subject.run(reflection=Reflection(side, side, mode=mode))
    assert difference(reflected, stock) <= (ROUNDING if subject.key in RESCALED else 0.0)


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
        call: dict[str, Any] = {}
        if name == "guidance" and subject.family.yields_unnamed_pair(reflection):
            refused = subject.key.endswith(("-all", "-dynamic"))
            if refused or subject.key in RESCALED:
                with pytest.raises(UnsupportedSide, match="use mode='exact'"):
                    subject.run(reflection=reflection)
            if refused:
                continue
            call = WITHOUT_RESCALING if subject.key in RESCALED else {}
        reflected = subject.run(reflection=reflection, **call)
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


SECOND_SCALES = [(1.0, 3.0), (5.0, 0.5), (5.0, 1.0), (0.5, None)]


@pytest.mark.parametrize("mode", ["implicit", "cached", "extrapolate"])
@pytest.mark.parametrize(("first", "second"), SECOND_SCALES)
@pytest.mark.parametrize("key", [key for key in tiny.FAMILIES if key.endswith("-2.2")])
def test_a_second_transformers_guidance_is_stocks(
    key: str, first: float, second: float | None, mode: str
) -> None:
    """In one call, too; all steps are the second transformer's."""
    subject = Subject(key)
    for pipe in (subject.pipe, subject.stock):
        pipe.register_to_config(boundary_ratio=1.0)
    call = {"guidance_scale": first, "guidance_scale_2": second}
    strong, weak = Side(), Side(guidance_scale=1.5)
    short = subject.run(reflection=Reflection(strong, weak, mode=mode), **call)
    own = tuple(subject.family.modules(subject.pipe).values())
    named = Side(denoiser=own)  # no longer a pair in guidance only
    long = subject.run(reflection=Reflection(named, weak, mode=mode), **call)
    assert close(short, long)
    stock = subject.run(subject.stock, **call)
    assert not close(short, stock)
    told = Side(guidance_scale=1.0 if first <= 1 or second is None else second)
    same = subject.run(reflection=Reflection(strong, told, mode=mode), **call)
    assert difference(same, stock) <= 1e-5


def close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= 1e-4 * b.abs().max())


@pytest.mark.parametrize(("subject", "dtype"), HALVES, indirect=["subject"])
def test_half_precision(subject: Subject, dtype: torch.dtype) -> None:
    half = Subject(subject.key, dtype)

    def error(reflects: bool) -> float:
        a, b = (
            each.run(reflection=Reflection(weak=each.other()) if reflects else None).float()
            for each in (half, subject)
        )
        return float((a - b).abs().mean() / b.abs().mean())

    assert 0.0 < error(True) <= HALF_PRECISION[dtype] * error(False)
    if subject.key in RESCALED:
        assert identity(half, "exact", **WITHOUT_RESCALING) <= ROUNDING
    else:
        assert identity(half, "exact") == 0.0


@pytest.mark.parametrize("subject", BATCHES, indirect=True)
def test_a_batch_of_two_equals_two_singles(subject: Subject) -> None:
    weak = subject.pairs().get("both", subject.other())  # one half of a guided batch, too
    if "prompt" in subject.family.differences:
        weak = replace(weak, prompt="a green ring moving up")
    reflection = Reflection(weak=weak)
    one = (subject.run(reflection=reflection), subject.run(seed=1, first=1, reflection=reflection))
    two = subject.run(batch=2, reflection=reflection)
    if not further_terms(subject):
        assert subject.pipe.run.evaluations == subject.cost(reflection, batch=2)
    assert len(two) == 2
    same = [close(clip, alone[0]) for clip, alone in zip(two, one, strict=True)]
    assert same == [subject.key not in OTHER_IN_A_BATCH] * 2


@pytest.mark.parametrize("subject", sorted(OTHER_IN_A_BATCH), indirect=True)
def test_where_it_does_not_stock_has_it_so(subject: Subject) -> None:
    both = subject.run(subject.stock, batch=2)
    assert not close(both[:1], subject.run(subject.stock))


def test_an_exception_restores_the_pipeline(subject: Subject) -> None:
    expected = subject.run()
    before = state_of(subject.pipe)  # a first call of stock's own changes it: LTX2's Gemma
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
