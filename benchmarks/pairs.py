"""A pair is not two models: bytes of weights, and what is moved where they do not fit."""

from __future__ import annotations

import copy
from typing import Any

import torch
from diffusers import UNetMotionModel
from torch import nn
from w2sd_video.pipelines import as_reflecting

from w2sd_video import Reflection, Side
from w2sd_video.memory import offload
from w2sd_video.memory.offload import Residency, Unit
from w2sd_video.memory.sharing import share
from w2sd_video.memory.tensors import MIB, tensors
from w2sd_video.shapes import load_pipeline

from .measure import Figures


def fine_tune() -> Figures:
    """AnimateDiff at its real size, and a partner that differs in its attention over space."""
    with torch.device("meta"):
        strong = UNetMotionModel(
            cross_attention_dim=768, motion_max_seq_length=32, motion_num_attention_heads=8
        )
    strong = strong.to(torch.float16).to_empty(device="cpu")
    with torch.no_grad():
        for tensor in tensors(strong).values():
            tensor.fill_(0.5)
        weak = copy.deepcopy(strong)
        differing = 0
        for name, tensor in tensors(weak).items():
            if ".attentions." in name:
                tensor.fill_(0.25)
                differing += tensor.numel() * tensor.element_size()
    one = offload.total({"strong": strong})
    share(strong, weak)
    pair = offload.total({"strong": strong, "weak": weak})
    return {
        "one_mib": round(one / MIB),
        "pair_mib": round(pair / MIB),
        "differing_mib": round(differing / MIB),
        "above_one_over_differing": (pair - one) / differing,
    }


def moves() -> Figures:
    """Bytes brought a reflected step, of the embedded pair with room for two thirds of it.

    Beside it what giving up the least recently used blocks would bring.
    """
    pipe = as_reflecting(load_pipeline())
    pipe.set_progress_bar_config(disable=True)
    weak = load_pipeline(weak=True).unet
    share(pipe.unet, weak)
    models = {"unet": pipe.unet, "weak": weak}
    budget = offload.total(models) * 2 // 3
    residency = Residency(models, "cpu", budget, blocks=True)
    needed: list[Unit] = []
    brought: list[int] = []
    need = residency.need

    def noted(unit: Unit) -> None:
        needed.append(unit)
        need(unit)
        brought.append(residency.moved)

    residency.need = noted
    steps = 8
    pipe(
        "a red circle moving left on a white background",
        num_inference_steps=steps,
        guidance_scale=1.0,
        generator=torch.Generator().manual_seed(0),
        output_type="latent",
        reflection=Reflection(weak=Side(denoiser=weak)),
    )
    residency.remove()
    half = len(needed) // 2  # by then the order is known
    moved = (brought[-1] - brought[half - 1]) / (steps / 2)
    least_recently = (_lru(needed, budget) - _lru(needed[:half], budget)) / (steps / 2)
    return {
        "pair_mib": offload.total(models) / MIB,
        "room_mib": budget / MIB,
        "moved_mib_per_step": moved / MIB,
        "least_recently_used_mib_per_step": least_recently / MIB,
        "ratio": moved / least_recently,
        "peak_over_room": residency.peak / budget,
    }


def _lru(needed: list[Unit], budget: int) -> int:
    """Bytes that a cache of so many would bring, giving up what was used longest ago."""
    there: dict[Unit, int] = {}
    moved = 0
    for unit in needed:
        if unit not in there:
            moved += (size := sum(weight.bytes for weight in unit.weights))
            while there and sum(there.values()) + size > budget:
                del there[next(iter(there))]
            there[unit] = size
        there[unit] = there.pop(unit)
    return moved


def above_one_model() -> Figures:
    """Bytes of weights of a clip under way above those of its model, by the kind of pair.

    Whatever holds weights is weighed in every call of the denoiser, so in every stage.
    """
    from peft import LoraConfig

    pipe = as_reflecting(load_pipeline())
    pipe.unet.add_adapter(LoraConfig(r=4, target_modules=["to_q", "to_v"]), adapter_name="style")
    prompt = {"prompt": "a red circle moving left on a white background"}
    sides = {
        "lora": Side(adapters={"style": -1.0}),
        "guidance": Side(guidance_scale=1.0),
        "prompt": Side(prompt="a circle"),
    }
    figures = {f"{kind}_above_mib": _above(pipe, side, prompt) for kind, side in sides.items()}
    del pipe
    experts = as_reflecting(load_pipeline("moe"))
    figures["experts_above_mib"] = _above(experts, Side(experts="worst"), {"class_labels": [0]})
    return figures


def _above(pipe: Any, weak: Side, what: dict[str, Any]) -> float:
    """MiB of weights in the heaviest stage above those of the pipeline."""
    pipe.set_progress_bar_config(disable=True)
    parts = {k: m for k, m in pipe.components.items() if isinstance(m, nn.Module)}
    denoiser: Any = parts.get("unet") or parts["transformer"]
    most = calls = 0

    def weigh(*_: object) -> None:
        nonlocal most, calls
        calls += 1
        alive = {id(m): m for m in parts.values()} | {id(m): m for m in _modules()}
        most = max(most, offload.total({str(key): m for key, m in alive.items()}))

    before = {id(m): m for m in parts.values()} | {id(m): m for m in _modules()}
    one = offload.total({str(key): m for key, m in before.items()})
    hook = next(denoiser.children()).register_forward_pre_hook(weigh)
    try:
        pipe(
            **what,
            num_inference_steps=2,
            guidance_scale=2.0,
            output_type="latent",
            reflection=Reflection(weak=weak),
        )
    finally:
        hook.remove()
    if calls < 6:  # two steps of three stages
        raise RuntimeError(f"weighed {calls} times only")
    return (most - one) / MIB


def _modules() -> list[nn.Module]:
    """All that are alive."""
    import gc

    return [thing for thing in gc.get_objects() if isinstance(thing, nn.Module)]
