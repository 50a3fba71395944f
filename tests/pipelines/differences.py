"""Every kind of difference, as a Side and as the stock pipeline set up by hand the same way."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import peft
import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from w2sd_video.pipelines.dit_moe import gates

from w2sd_video import Reflection, Side
from w2sd_video.core.scheduler import ReflectingScheduler

from ..tiny import Tiny


@dataclass(frozen=True)
class Case:
    """One difference.

    Attributes:
        side: asks for it.
        call: the arguments that ask the stock pipeline for the same.
        set_up: changes the pipeline for the same, and gives what undoes it.
    """

    side: Side
    call: dict[str, Any] = field(default_factory=dict)
    set_up: Callable[[Any], Callable[[], None]] = lambda pipe: lambda: None


def add_lora(pipe: Any) -> None:
    """A LoRA "art" on the denoisers, at scale 1, that does something."""
    for module in pipe.family.modules(pipe).values():
        found = [
            name
            for name, layer in module.named_modules()
            if isinstance(layer, nn.Linear) and name.split(".")[-1] in ("to_q", "to_k", "to_v")
        ]
        config = peft.LoraConfig(r=2, lora_alpha=2, target_modules=found)
        peft.inject_adapter_in_model(config, module, adapter_name="art")
        generator = torch.Generator().manual_seed(7)
        for key, p in module.named_parameters():
            if ".art." in key:
                p.data.copy_(torch.randn(p.shape, generator=generator) * 0.5)


def another(module: nn.Module) -> nn.Module:
    """The same denoiser with other weights."""
    other = copy.deepcopy(module)
    generator = torch.Generator().manual_seed(3)
    for p in other.parameters():
        p.data += 0.05 * torch.randn(p.shape, generator=generator).to(p)
    return other


def swapped(modules: dict[str, nn.Module]) -> Callable[[Any], Callable[[], None]]:
    def set_up(pipe: Any) -> Callable[[], None]:
        own = {name: getattr(pipe, name) for name in modules}
        pipe.__dict__.update(modules)
        return lambda: pipe.__dict__.update(own)

    return set_up


def lora_at(scale: float) -> Callable[[Any], Callable[[], None]]:
    def put(pipe: Any, scale: float) -> None:
        for module in pipe.family.modules(pipe).values():
            for layer in module.modules():
                if isinstance(layer, LoraLayer):
                    layer.scaling["art"] = scale

    def set_up(pipe: Any) -> Callable[[], None]:
        put(pipe, scale)
        return lambda: put(pipe, 1.0)

    return set_up


def experts(which: str) -> Callable[[Any], Callable[[], None]]:
    def put(pipe: Any, which: str) -> None:
        for gate in gates(pipe.transformer):
            gate.experts = which

    def set_up(pipe: Any) -> Callable[[], None]:
        put(pipe, which)
        return lambda: put(pipe, "best")

    return set_up


def image_prompts(scale: float) -> Callable[[Any], Callable[[], None]]:
    def set_up(pipe: Any) -> Callable[[], None]:
        pipe.set_ip_adapter_scale(scale)
        return lambda: pipe.set_ip_adapter_scale(1.0)

    return set_up


def both(*set_ups: Callable[[Any], Callable[[], None]]) -> Callable[[Any], Callable[[], None]]:
    def set_up(pipe: Any) -> Callable[[], None]:
        undo = [each(pipe) for each in set_ups]
        return lambda: [back() for back in reversed(undo)] and None

    return set_up


def cases(key: str, tiny: Tiny, pipe: Any) -> dict[str, Case]:
    """What a family can differ in, each alone, and everything together.

    ``pipe`` has a LoRA by ``add_lora``.
    """
    able = pipe.family.differences
    others = {name: another(module) for name, module in pipe.family.modules(pipe).items()}
    found: dict[str, Case] = {}
    found["weights"] = Case(Side(denoiser=tuple(others.values())), {}, swapped(others))
    if "adapters" in able and any(isinstance(m, LoraLayer) for m in modules_of(pipe)):
        for scale in (-0.7, 0.0):
            found[f"LoRA {scale}"] = Case(Side(adapters={"art": scale}), {}, lora_at(scale))
    embedded = pipe.family.guidance.embedded is not None
    if "guidance_scale" in able and takes_guidance(pipe):
        for scale in (1.0, 2.5) if embedded else (0.0, 1.0, 2.5):
            if scale in untold(key, tiny):
                continue
            call, set_up = guided(pipe, scale or 1.0)
            if scale == 0.0:  # of which no pipeline can be told otherwise
                call[tiny.prompt] = tiny.negative_prompt
            if scale <= 1.0 and not embedded:
                call |= half_of_the_image(tiny, int(scale))
            found[f"guidance {scale}"] = Case(Side(guidance_scale=scale), call, set_up)
    if "prompt" in able:
        prompt = "a green ring moving up"
        call = {"prompt": prompt}
        found["prompt"] = Case(Side(prompt=prompt), call)
        if tiny.negative_prompt is not None:
            negative = {"negative_prompt": "a star"}
            found["negative prompt"] = Case(Side(**negative), negative)
    if "controlnet_scale" in able:
        for scale in (0.0, 0.4):
            call = {"controlnet_conditioning_scale": scale}
            found[f"ControlNet {scale}"] = Case(Side(controlnet_scale=scale), call)
    if key.endswith("-ip"):
        for scale in (0.0, 0.4):
            found[f"IP-Adapter {scale}"] = Case(
                Side(ip_adapter_scale=scale), {}, image_prompts(scale)
            )
    if gates_of(pipe):
        found["experts"] = Case(Side(experts="worst"), {}, experts("worst"))
    found["together"] = together(found)
    return found


def together(found: dict[str, Case]) -> Case:
    """The last of every kind that is not switched off, combined."""
    wanted: dict[str, Case] = {}
    for name, case in found.items():
        if not name.endswith(" 0.0"):
            wanted[name.split()[0]] = case
    fields: dict[str, Any] = {}
    call: dict[str, Any] = {}
    for case in wanted.values():
        fields |= {k: v for k, v in vars(case.side).items() if v is not None}
        call |= case.call
    # In the order of kinds: the weights come first, so that what follows changes theirs.
    return Case(Side(**fields), call, both(*(case.set_up for case in wanted.values())))


def modules_of(pipe: Any) -> Iterator[nn.Module]:
    for module in pipe.family.modules(pipe).values():
        yield from module.modules()


def untold(key: str, tiny: Tiny) -> set[float]:
    """Guidance scales that the stock pipeline cannot be told in a comparable way."""
    if key.endswith("-dynamic"):
        return {2.5}  # the scale changes with every step
    if key.endswith("-all"):
        return {0.0, 1.0, 2.5}  # other terms of guidance are on, and rescaled
    if tiny.negative_prompt is None or key == "LattePipeline":
        return {0.0}  # there is no negative prompt, or it is masked in another way
    return set()


def half_of_the_image(tiny: Tiny, half: int) -> dict[str, Any]:
    """Image embeddings that are given have both halves; without guidance they must not."""
    given = tiny.arguments(1).get("ip_adapter_image_embeds")
    if given is None:
        return {}
    images = given if isinstance(given, list) else [given]
    cut = [image.chunk(2)[half] for image in images]
    return {"ip_adapter_image_embeds": cut if isinstance(given, list) else cut[0]}


def gates_of(pipe: Any) -> list[nn.Module]:
    return [g for m in pipe.family.modules(pipe).values() for g in pipe.family.gates(m)]


def takes_guidance(pipe: Any) -> bool:
    if pipe.family.guidance.embedded is None:
        return True
    return bool(pipe.transformer.config.guidance_embeds)


def guided(pipe: Any, scale: float) -> tuple[dict[str, Any], Callable[[Any], Callable[[], None]]]:
    """How the stock pipeline is told its guidance."""
    if hasattr(pipe, "guider"):

        def set_up(pipe: Any) -> Callable[[], None]:
            before = pipe.guider.guidance_scale
            pipe.guider.guidance_scale = scale
            return lambda: setattr(pipe.guider, "guidance_scale", before)

        return {}, set_up
    call = {"guidance_scale": scale}
    if len(pipe.family.modules(pipe)) > 1:
        call["guidance_scale_2"] = scale
    if hasattr(pipe, "audio_vae"):
        call |= {"audio_guidance_scale": scale, "guidance_rescale": 0.0}
        call |= {"audio_guidance_rescale": 0.0}
    return call, lambda pipe: lambda: None


@contextmanager
def watched() -> Iterator[dict[str, Tensor]]:
    """The first model output that each stage hands to the facade."""
    seen: dict[str, Tensor] = {}
    reflect = ReflectingScheduler._reflect

    def watch(self: Any, call: Any, out: Tensor, x: Tensor) -> Tensor:
        seen.setdefault(call.stage.value, out.clone())
        return reflect(self, call, out, x)

    ReflectingScheduler._reflect = watch
    try:
        yield seen
    finally:
        ReflectingScheduler._reflect = reflect


def weak_output(pipe: Any, tiny: Tiny, side: Side) -> Tensor:
    """What the weak stage of the first step evaluates, at the call's own noise."""
    own = tuple(pipe.family.modules(pipe).values())
    # Strong names the pipeline's own module, so that no guidance pair is made of one call.
    reflection = Reflection(strong=Side(denoiser=own), weak=side, mode="implicit")
    with watched() as seen:
        tiny.run(pipe, steps=2, reflection=reflection)
    return seen["weak"]


def stock_output(pipe: Any, tiny: Tiny, case: Case) -> Tensor:
    """What the stock pipeline, set up as the case says, gives its scheduler first."""
    seen: list[Tensor] = []
    scheduler = type(pipe.scheduler)
    step = scheduler.step

    @functools.wraps(step)
    def watch(self: Any, model_output: Tensor, *args: Any, **kwargs: Any) -> Any:
        seen.append(model_output.clone())
        return step(self, model_output, *args, **kwargs)

    undo = case.set_up(pipe)
    scheduler.step = watch
    try:
        tiny.run(pipe, steps=2, **case.call)
    finally:
        scheduler.step = step
        undo()
    return seen[0]
