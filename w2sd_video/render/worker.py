"""Jobs to frames: the one place where models are loaded and run."""

from __future__ import annotations

import inspect
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from diffusers import (
    AnimateDiffPipeline,
    DiffusionPipeline,
    MotionAdapter,
)

from w2sd_video import pipelines, reflect
from w2sd_video.memory.sharing import share
from w2sd_video.pipelines import UnsupportedScheduler, UnsupportedSide
from w2sd_video.render.config import Model, ModelRef
from w2sd_video.render.config import Scheduler as SchedulerConfig
from w2sd_video.render.errors import InputError, did_you_mean
from w2sd_video.render.jobs import Job, model_key
from w2sd_video.render.video import Frames

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

log = logging.getLogger(__name__)
for library in (diffusers, transformers):  # the run has a progress display of its own
    library.utils.logging.disable_progress_bar()

ARGUMENTS = ("height", "width", "num_frames", "num_inference_steps", "guidance_scale")


@dataclass(frozen=True)
class Step:
    """How far a batch has come. ``done`` is 0 when it starts."""

    jobs: list[Job]
    done: int
    total: int
    evaluations: int


@dataclass(frozen=True)
class Clip:
    """One rendered clip.

    ``frames`` is ``(frames, height, width, 3)`` uint8; ``evaluations`` counts denoiser
    samples; ``seconds`` is the clip's share of its batch, decoding included;
    ``peak_memory`` is in bytes, of the accelerator if there is one and else of the process
    (0 where that can't be told).
    """

    frames: Frames
    evaluations: int
    seconds: float
    peak_memory: int
    warnings: list[str]


class Worker:
    """Holds one loaded pipeline at a time and renders batches with it."""

    def __init__(self) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._key: Any = None
        self._pipe: Any = None
        self._scheduler: Any = None
        self._denoisers: dict[ModelRef, torch.nn.Module] = {}

    def render(self, batch: list[Job], on_step: Callable[[Step], None]) -> list[Clip]:
        """Denoise and decode jobs that differ in prompt, name and seed only.

        Each clip has its own generator, so that its noise depends on nothing but its seed.

        Raises:
            InputError: if weights can't be loaded, or the configuration asks for what the
                pipeline has not.
        """
        config = batch[0].config
        pipe = self._load(config.model)
        pipe.scheduler = _scheduler(config.scheduler, self._scheduler)
        wanted = config.reflection
        reflection = wanted.build(self._denoiser) if wanted else None
        warnings = [_cut(pipe, job.prompt) for job in batch]
        total = config.num_inference_steps or _default(pipe, "num_inference_steps")
        arguments = _arguments(pipe, batch)
        self._reset_peak()
        start = time.perf_counter()
        with _refusals(), reflect(pipe, reflection) as run:

            def after_step(_: Any, index: int, __: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
                on_step(Step(batch, index + 1, total, run.evaluations))
                return kwargs

            on_step(Step(batch, 0, total, 0))
            frames = pipe(**arguments, output_type="np", callback_on_step_end=after_step).frames
        seconds = (time.perf_counter() - start) / len(batch)
        values = np.asarray(frames)
        if not np.isfinite(values).all():
            raise FloatingPointError("the clip has pixels that are not numbers; try another dtype")
        pixels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
        share, peak = round(run.evaluations / len(batch)), self._peak()
        return [
            Clip(clip, share, seconds, peak, warning)
            for clip, warning in zip(pixels, warnings, strict=True)
        ]

    def _load(self, model: Model) -> Any:
        """The pipeline of a configuration, loaded if it is not the one at hand."""
        key = model_key(model)
        if key != self._key:
            self._key, self._pipe, self._denoisers = None, None, {}
            log.info("loading %s", model.id)
            with _loading(f"'{model.id}'", "model.id"):
                self._pipe = load_pipeline(model).to(self.device)
            self._pipe.set_progress_bar_config(disable=True)
            self._scheduler, self._key = self._pipe.scheduler, key
        return self._pipe

    def _denoiser(self, reference: ModelRef) -> torch.nn.Module:
        if reference not in self._denoisers:
            with _loading(f"the denoiser '{reference.id}'", "reflection"):
                self._denoisers[reference] = load_denoiser(reference, self._pipe)
        return self._denoisers[reference]

    def _reset_peak(self) -> None:
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def _peak(self) -> int:
        if self.device == "cuda":
            return torch.cuda.max_memory_allocated()
        if resource is None:
            return 0
        unit = 1 if sys.platform == "darwin" else 1024
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


@contextmanager
def _loading(what: str, key: str) -> Iterator[None]:
    """Whatever keeps weights from being loaded, the configuration has to change."""
    try:
        yield
    except Exception as error:
        log.debug("%s", what, exc_info=True)
        raise InputError(f"{what} can't be loaded: {error}", key=key) from None


@contextmanager
def _refusals() -> Iterator[None]:
    """What can't be reflected is for the configuration to change, too."""
    try:
        yield
    except (UnsupportedScheduler, UnsupportedSide) as error:
        raise InputError(str(error), key="reflection") from None


def load_pipeline(model: Model) -> Any:
    """Load a pipeline, from safetensors only, with its motion adapter and LoRAs."""
    if model.id == "shapes":
        from w2sd_video.shapes import load_pipeline

        pipe = load_pipeline("video")
        if model.dtype:
            pipe = pipe.to(getattr(torch, model.dtype))
    else:
        family: Any = DiffusionPipeline
        where: dict[str, Any] = {"revision": model.revision, "use_safetensors": True}
        where["torch_dtype"] = getattr(torch, model.dtype) if model.dtype else None
        parts = {}
        if (adapter := model.motion_adapter) is not None:
            family = AnimateDiffPipeline
            own = {"revision": adapter.revision, "variant": adapter.variant}
            parts["motion_adapter"] = MotionAdapter.from_pretrained(
                adapter.id, subfolder=adapter.subfolder, **(where | own)
            )
        pipe = family.from_pretrained(model.id, variant=model.variant, **parts, **where)
    for name, lora in model.adapters.items():
        pipe.load_lora_weights(
            lora.path, weight_name=lora.weight_name, adapter_name=name, use_safetensors=True
        )
    if model.adapters:
        scales = [lora.scale for lora in model.adapters.values()]
        pipe.set_adapters(list(model.adapters), scales)
    return pipe


def load_denoiser(reference: ModelRef, pipe: Any) -> Any:
    """Load another denoiser of the pipeline's kind, on its device and in its dtype."""
    if reference.id == "shapes/weak":
        from w2sd_video.shapes import load_pipeline

        weak = load_pipeline("video", weak=True).unet.to(pipe.unet.device, pipe.unet.dtype)
        share(pipe.unet, weak)
        return weak
    where = {key: getattr(reference, key) for key in ("subfolder", "revision", "variant")}
    given = {key: value for key, value in where.items() if value is not None}
    return pipelines.load_denoiser(pipe, reference.id, **given)


def _scheduler(wanted: SchedulerConfig | None, stock: Any) -> Any:
    """The pipeline's own scheduler, or one made from it as configured."""
    if wanted is None:
        return stock
    cls = getattr(diffusers, wanted.name) if wanted.name else type(stock)
    changes = wanted.model_extra or {}
    valid = list(inspect.signature(cls.__init__).parameters)[1:]
    for key in changes:
        if key not in valid:
            message = f"{cls.__name__} has no such setting{did_you_mean(key, valid)}"
            raise InputError(message, key=f"scheduler.{key}")
    return cls.from_config(stock.config, **changes)


def _arguments(pipe: Any, batch: list[Job]) -> dict[str, Any]:
    """The keyword arguments of the pipeline's call; what is None is left to its defaults."""
    config = batch[0].config
    arguments: dict[str, Any] = {
        "prompt": [job.prompt for job in batch],
        "generator": [torch.Generator("cpu").manual_seed(job.seed) for job in batch],
    }
    if config.negative_prompt is not None:
        arguments["negative_prompt"] = [config.negative_prompt] * len(batch)
    arguments |= {k: v for k in ARGUMENTS if (v := getattr(config, k)) is not None}
    taken = inspect.signature(type(pipe).__call__).parameters
    for key in arguments:
        if key not in taken:
            raise InputError(f"{type(pipe).__name__} has no such argument", key=key)
    return arguments


def _default(pipe: Any, argument: str) -> Any:
    return inspect.signature(type(pipe).__call__).parameters[argument].default


def _cut(pipe: Any, prompt: str) -> list[str]:
    """A warning if the tokenizer's limit cuts the prompt, saying what is lost."""
    tokenizer = getattr(pipe, "tokenizer", None)
    limit = getattr(tokenizer, "model_max_length", None)
    if tokenizer is None or not isinstance(limit, int) or limit > 100_000:
        return []
    tokens = tokenizer(prompt).input_ids
    if len(tokens) <= limit:
        return []
    lost = tokenizer.decode(tokens[limit - 1 : -1], skip_special_tokens=True).strip()
    return [f"the prompt is longer than the model's {limit} tokens; cut: '{lost}'"]
