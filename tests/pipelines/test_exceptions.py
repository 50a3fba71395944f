"""A call that fails, in any stage and with any difference, leaves the pipeline as it was."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch import Tensor
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side

from .. import tiny
from .differences import Case, add_lora, cases
from .state import of_module, state_of

# The smallest families that have each difference, and where it is carried out in its own way.
DIFFERENCES = {
    "StableDiffusionControlNetPipeline-ip": (
        "weights",
        "LoRA -0.7",
        "LoRA 0.0",
        "guidance 0.0",
        "guidance 1.0",
        "guidance 2.5",
        "prompt",
        "negative prompt",
        "ControlNet 0.0",
        "ControlNet 0.4",
        "IP-Adapter 0.0",
        "IP-Adapter 0.4",
        "together",
    ),
    "DiTMoEPipeline": ("experts", "together"),
    "WanPipeline-2.2": ("weights", "guidance 0.0", "together"),  # two calls, two transformers
    "FluxPipeline-ip": ("guidance 1.0", "IP-Adapter 0.0", "together"),  # guidance is an input
}


ENCODING = "a side's prompts are encoded"


def stage_of(pipe: Any) -> str:
    call = getattr(pipe.scheduler, "current", None)
    return ENCODING if call is None else call.stage.value


class Subject:
    def __init__(self, key: str) -> None:
        self.tiny = tiny.FAMILIES[key]
        self.pipe = self.tiny.make(reflecting_class(self.tiny.stock))
        add_lora(self.pipe)
        self.cases = cases(key, self.tiny, self.pipe)
        self.expected = self.run()

    def run(self, **call: Any) -> Tensor:
        return self.tiny.run(self.pipe, steps=2, **call)

    def state(self) -> list[Any]:
        """Of the pipeline, and of the denoisers that sides name."""
        others = self.cases["weights"].side.denoiser
        return [state_of(self.pipe), *(of_module(m) for other in others for m in other.modules())]

    def fails(self, stage: str, reflection: Reflection) -> None:
        """Run until the first denoiser call of a stage, which fails."""

        def fail(*_: Any) -> None:
            if stage_of(self.pipe) == stage:
                raise KeyError("on purpose")

        sides = (reflection.strong.denoiser, reflection.weak.denoiser)
        modules = [m for side in sides for m in side or ()]
        modules += self.pipe.family.modules(self.pipe).values()
        with ExitStack() as hooks:
            for module in {id(m): m for m in modules}.values():
                hooks.enter_context(module.register_forward_pre_hook(fail))
            with pytest.raises(KeyError, match="on purpose"):
                self.run(reflection=reflection)


subject_of = functools.lru_cache(maxsize=1)(Subject)


def test_every_difference_is_here() -> None:
    subject = subject_of("StableDiffusionControlNetPipeline-ip")
    assert set(DIFFERENCES["StableDiffusionControlNetPipeline-ip"]) == set(subject.cases)
    named = {name for names in DIFFERENCES.values() for name in names}
    sides = (case.side for case in subject.cases.values())
    fields = {name for side in sides for name, value in vars(side).items() if value is not None}
    assert fields | {"experts"} == set(vars(Side()))
    assert "experts" in named


@pytest.mark.parametrize("stage", ["strong", "weak"])
@pytest.mark.parametrize(
    ("key", "name"), [(key, name) for key, names in DIFFERENCES.items() for name in names]
)
def test_an_exception_restores_the_pipeline(key: str, name: str, stage: str) -> None:
    subject = subject_of(key)
    case: Case = subject.cases[name]
    before = subject.state()
    other = Side(denoiser=tuple(subject.pipe.family.modules(subject.pipe).values()))
    sides = {"strong": other, "weak": other, stage: case.side}
    subject.fails(stage, Reflection(**sides))
    assert subject.state() == before
    assert torch.equal(subject.run(), subject.expected)


def test_one_while_a_sides_prompts_are_encoded() -> None:
    subject = subject_of("StableDiffusionControlNetPipeline-ip")
    before = subject.state()
    subject.fails(ENCODING, Reflection(weak=subject.cases["together"].side))
    assert subject.state() == before
    assert torch.equal(subject.run(), subject.expected)


@pytest.mark.parametrize("where", ["strong", "final"])
def test_a_guider_that_was_switched_on_is_off_again(where: str) -> None:
    subject = Subject("HunyuanVideo15Pipeline")
    subject.pipe.guider.guidance_scale = 1.0
    expected, before = subject.run(), subject.state()
    subject.fails(where, Reflection(weak=Side(guidance_scale=3.0)))
    assert subject.state() == before
    assert torch.equal(subject.run(), expected)


def test_a_controlnet_that_fails() -> None:
    subject = subject_of("StableDiffusionControlNetPipeline-ip")
    before, calls = subject.state(), []

    def fail(*_: Any) -> None:
        calls.append(stage_of(subject.pipe))
        if calls[-1] == "weak":
            raise KeyError("on purpose")

    weak = subject.cases["together"].side
    hook = subject.pipe.controlnet.register_forward_pre_hook(fail)
    with hook, pytest.raises(KeyError, match="on purpose"):
        subject.run(reflection=Reflection(weak=weak))
    assert calls == [ENCODING, "strong", "weak"]
    assert subject.state() == before
    assert torch.equal(subject.run(), subject.expected)
