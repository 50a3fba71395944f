"""Clips of the embedded model: what each mode takes beside plain sampling, and what is ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from w2sd_video import Reflection, Side, reflect
from w2sd_video.core.replaced import replaced
from w2sd_video.memory.sharing import share
from w2sd_video.shapes import load_pipeline

from .measure import Figures, seconds

PROMPT = "a red circle moving left on a white background"
WAYS = ("guidance_exact", "guidance_implicit", "guidance_cached", "weights_exact", "lora_exact")
MODES = ("exact", "implicit", "cached", "extrapolate")


def modes() -> Figures:
    """All steps reflected; seconds of a clip over those of a plain one with the same steps.

    ``evaluations`` are the same ratio of denoiser samples.
    """
    pipe = _pipe()
    weak = load_pipeline(weak=True).unet
    share(pipe.unet, weak)
    pairs = {"guidance": Side(guidance_scale=1.0), "weights": Side(denoiser=weak)}
    plain, plain_evaluations = _clip(pipe, None)
    figures: Figures = {}
    for pair, side in pairs.items():
        runs = {mode: _clip(pipe, Reflection(weak=side, mode=mode)) for mode in MODES}
        base, *times = seconds(plain, *(clip for clip, _ in runs.values()), rounds=3)
        figures["plain_seconds"] = base
        for (mode, (_, evaluations)), taken in zip(runs.items(), times, strict=True):
            ratio = evaluations() / plain_evaluations()
            figures[f"{pair}_{mode}"] = taken / base
            figures[f"{pair}_{mode}_evaluations"] = ratio
            figures[f"{pair}_{mode}_over_evaluations"] = taken / base / ratio
    return figures


def overhead() -> Figures:
    """Seconds of a reflected clip over those that its denoisers and decoder take."""
    from peft import LoraConfig

    pipe = _pipe()
    weak = load_pipeline(weak=True).unet
    share(pipe.unet, weak)
    sides = {
        "guidance": Side(guidance_scale=1.0),
        "weights": Side(denoiser=weak),
        "lora": Side(adapters={"style": -1.0}),
    }
    figures: Figures = {}
    for name in WAYS:
        pair, mode = name.split("_")
        if pair == "lora":  # last, for it makes every call dearer
            lora = LoraConfig(r=4, target_modules=["to_q", "to_v"])
            pipe.unet.add_adapter(lora, adapter_name="style")
        clip, _ = _clip(pipe, Reflection(weak=sides[pair], mode=mode), steps=5)
        clip()
        ratios = []
        for _ in range(3):
            spent = [0.0]
            start = time.perf_counter()
            with (
                _clocked(pipe.unet, "forward", spent),
                _clocked(weak, "forward", spent),
                _clocked(pipe.vae, "decode", spent),
            ):
                clip()
            ratios.append((time.perf_counter() - start) / spent[0])
        figures[name] = sorted(ratios)[1]
    return figures


def _pipe() -> Any:
    pipe = load_pipeline()
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _clip(
    pipe: Any, reflection: Reflection | None, steps: int = 10
) -> tuple[Callable[[], Any], Callable[[], int]]:
    """What makes a clip, and what tells its evaluations."""
    evaluations = 0

    def clip() -> None:
        nonlocal evaluations
        with reflect(pipe, reflection) as run:
            pipe(
                PROMPT,
                num_inference_steps=steps,
                guidance_scale=2.0,
                generator=torch.Generator().manual_seed(0),
            )
        evaluations = run.evaluations

    return clip, lambda: evaluations


@contextmanager
def _clocked(module: Any, name: str, spent: list[float]) -> Iterator[None]:
    """Within it, the time of every call is added to ``spent[0]``."""
    method = getattr(module, name)

    def clocked(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return method(*args, **kwargs)
        finally:
            spent[0] += time.perf_counter() - start

    with replaced(module, name, clocked):
        yield
