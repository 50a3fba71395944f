"""Jobs to frames: the one place where models are run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import diffusers
import numpy as np
import torch
import transformers

from w2sd_video import Reflection, reflect
from w2sd_video.core.pipeline import Run
from w2sd_video.memory.encodings import Encodings
from w2sd_video.memory.fit import Fit
from w2sd_video.memory.heap import hold_freed
from w2sd_video.memory.plan import DoesNotFitError, Plan
from w2sd_video.memory.tensors import MIB
from w2sd_video.pipelines import UnsupportedScheduler, UnsupportedSide
from w2sd_video.pipelines.families import reflecting_class
from w2sd_video.render.errors import InputError
from w2sd_video.render.inference import calls, device, tokens
from w2sd_video.render.inference.compiling import Compiled
from w2sd_video.render.inference.loading import load_denoiser, load_pipeline
from w2sd_video.render.inference.stepping import after_step, watched
from w2sd_video.render.jobs.events import PHASES, Cost, Step
from w2sd_video.render.jobs.identity import batch_key, model_key
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.media.video import Frames
from w2sd_video.render.settings import kinds
from w2sd_video.render.settings.config import Config, Model, ModelRef
from w2sd_video.render.settings.config import Scheduler as SchedulerConfig

log = logging.getLogger(__name__)
for library in (diffusers, transformers):  # the run has a progress display of its own
    library.utils.logging.disable_progress_bar()


@dataclass(frozen=True)
class Clip:
    """One rendered clip: ``frames`` is ``(frames, height, width, 3)`` uint8."""

    frames: Frames
    cost: Cost
    warnings: list[str]


class Worker:
    """Holds one loaded pipeline at a time and renders batches with it.

    Args:
        share: of the device's free memory that it may use.
    """

    def __init__(self, share: float = 1.0) -> None:
        self._share = share
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        if self.device == "cpu":
            hold_freed()
        self._key: Any = None
        self._pipe: Any = None
        self._stock: dict[str, Any] = {}  # components that a configuration may replace
        self._denoisers: dict[ModelRef, Any] = {}
        self._fit = Fit(self.device, share)
        self._encodings = Encodings()  # of the model that is loaded
        self._compiled = Compiled()
        self._fitting: set[tuple[str, int]] = set()  # batches that the plan in force is for
        self._told = ""  # the plan that was spoken of last

    def render(self, batch: list[Job], on_step: Callable[[Step], None]) -> list[Clip]:
        """Denoise and decode jobs that differ in prompt or class, name and seed only.

        Each clip has its own generator, so that its noise depends on nothing but its seed.

        Raises:
            InputError: if weights can't be loaded, or the configuration asks for what the
                pipeline has not.
        """
        entered = time.perf_counter()
        config = batch[0].config
        pipe = self._load(config.model)
        self._configure(pipe, config)
        self._check_kind(pipe, batch[0])
        reflection = None
        if config.reflection:
            load = partial(self._denoiser, model=config.model)
            reflection = config.reflection.build(load)
        warnings = [tokens.warning(pipe, job.config) for job in batch]
        self._make_fit(pipe, reflection, batch)
        device.reset_peak(self.device)
        start = time.perf_counter()
        try:
            sampled = self._sample(pipe, reflection, batch, on_step)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            sampled = None
        if sampled is None:  # out here, nothing holds what the first try had made
            self._make_fit(pipe, reflection, batch, again=True)  # others may have come in between
            plan = self._fit.leaner()
            log.warning("out of memory; once more with %s", plan)
            for lines in warnings:
                lines.append(f"ran out of memory, and was rendered with {plan}")
            sampled = self._sample(pipe, reflection, batch, on_step)
        output, run = sampled
        moments = (entered, start, run.began, run.ended, time.perf_counter())
        phases = zip(PHASES, moments, moments[1:], strict=False)
        seconds = {name: round((b - a) / len(batch), 3) for name, a, b in phases}
        values = np.asarray(output.images if "images" in output else output.frames)
        if not np.isfinite(values).all():
            raise FloatingPointError("the clip has pixels that are not numbers; try another dtype")
        pixels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
        if "images" in output:
            pixels = pixels[:, None]
        share, fitted = round(run.evaluations / len(batch)), str(self._fit.plan)
        cost = Cost(share, seconds, device.peak(self.device), fitted, device.name(self.device))
        each = zip(pixels, _guidance(run, len(batch)), warnings, strict=True)
        return [Clip(clip, replace(cost, guidance=scale), said) for clip, scale, said in each]

    def _sample(
        self,
        pipe: Any,
        reflection: Reflection | None,
        batch: list[Job],
        on_step: Callable[[Step], None],
    ) -> tuple[Any, Run]:
        """The pipeline's output, and what it took."""
        arguments = calls.arguments(pipe, batch)
        total = calls.steps(pipe, batch[0].config)
        has_callback = "callback_on_step_end" in calls.parameters(type(pipe))
        with (
            _refusals(),
            self._encodings.used(_text_encoders(pipe)),
            self._fit.applied(),
            self._compiled.used(self._to_compile(pipe, reflection, batch[0].config.model)),
            reflect(pipe, reflection) as run,
        ):

            def tell(done: int) -> None:
                if self.device == "cuda":
                    torch.cuda.synchronize()  # what is told of is done
                    run.ended = time.perf_counter()
                on_step(Step(batch, done, total, run.evaluations))

            tell(0)
            if has_callback:
                arguments["callback_on_step_end"] = after_step(tell)
                return pipe(**arguments, output_type="np"), run
            with watched(pipe, run, tell):
                return pipe(**arguments, output_type="np"), run

    def _make_fit(
        self, pipe: Any, reflection: Reflection | None, batch: list[Job], again: bool = False
    ) -> None:
        """See that a batch fits the memory, if none like it was here before, or ``again``."""
        config = batch[0].config
        key = batch_key(config), len(batch)
        if self._fit.plan is None:
            self._fitting.clear()
        if key in self._fitting and not again:
            return
        own = {id(part) for part in pipe.components.values()}
        sides = [module for module in _sides(reflection) if id(module) not in own]
        wish = config.memory
        attention: int | Literal["auto"] | None = "auto"
        if wish.attention != "auto":
            attention = None if wish.attention == "off" else wish.attention * MIB
        limit = None if wish.limit is None else wish.limit * MIB

        def planned(batch: list[Job]) -> Plan:
            arguments = calls.arguments(pipe, batch)

            def call() -> None:
                with self._encodings.used(_text_encoders(pipe)), reflect(pipe, reflection):
                    pipe(**arguments, output_type="np")

            with _refusals():
                return self._fit.prepare(pipe, sides, call, wish.offload, attention, limit)

        before = self._fit.plan
        try:
            plan = planned(batch)
        except DoesNotFitError as error:
            fewer = _fewer(batch, planned)
            self._fitting.clear()  # what that has found may be in force now
            fits = f"; memory.batch_size: {fewer} fits" if fewer else ""
            raise InputError(f"{error}{fits}", key="memory") from None
        if plan != before:
            self._fitting.clear()
            if str(plan) != self._told and not plan.whole:
                not_compiled = ", so the model is not compiled" if config.model.compile else ""
                log.warning("the plan is %s%s", plan, not_compiled)
            self._told = str(plan)
        self._fitting.add(key)

    def _to_compile(self, pipe: Any, reflection: Reflection | None, model: Model) -> list[Any]:
        """The denoisers of a call, if they are to be compiled and the plan lets them."""
        if not (model.compile and self._fit.plan and self._fit.plan.whole):
            return []
        return [*reflecting_class(type(pipe)).family.modules(pipe).values(), *_sides(reflection)]

    def _load(self, model: Model) -> Any:
        """The pipeline of a configuration, loaded if it is not the one at hand."""
        key = model_key(model)
        if key != self._key:
            self._fit.release()
            self._key, self._pipe, self._denoisers, self._told = None, None, {}, ""
            self._fitting.clear()
            self._fit, self._encodings = Fit(self.device, self._share), Encodings()
            self._compiled = Compiled()
            log.info("loading %s", model.id)
            pipe = self._pipe = load_pipeline(model)
            pipe.set_progress_bar_config(disable=True)
            self._stock = {k: getattr(pipe, k) for k in ("scheduler", "guider") if hasattr(pipe, k)}
            self._key = key
        return self._pipe

    def _configure(self, pipe: Any, config: Config) -> None:
        """Put in what belongs to this clip, and take out what belonged to the one before."""
        pipe.scheduler = _scheduler(config.scheduler, self._stock["scheduler"])
        if guider := self._stock.get("guider"):
            scale = config.guidance_scale
            pipe.guider = guider if scale is None else guider.new(guidance_scale=scale)
        _set(pipe.vae, "tiling", config.memory.vae_tiling)
        _set(pipe.vae, "slicing", config.memory.vae_slicing)

    def _check_kind(self, pipe: Any, job: Job) -> None:
        """See that the files planned for the job are what the pipeline makes."""
        name = type(pipe).__name__
        if job.is_image != (name in kinds.IMAGES):
            what = "images" if name in kinds.IMAGES else "clips"
            message = f"is a {name}, which makes {what}; set model.pipeline: {name}"
            raise InputError(message, key="model.id")

    def _denoiser(self, reference: ModelRef, model: Model) -> Any:
        if reference not in self._denoisers:
            self._fit.release()
            self._fitting.clear()
            self._denoisers[reference] = load_denoiser(reference, self._pipe, model)
        return self._denoisers[reference]


def _fewer(batch: list[Job], planned: Callable[[list[Job]], Plan]) -> int:
    """How many clips at once fit where a batch does not, looked for by halving; 0: none."""
    count = len(batch) // 2
    while count:
        try:
            planned(batch[:count])
            return count
        except DoesNotFitError:
            count //= 2
    return 0


def _guidance(run: Run, clips: int) -> list[float] | list[None]:
    """Effective guidance of each clip, a mean over steps."""
    known = [scales for scales in run.guidance if len(scales) == clips]
    if not known:
        return [None] * clips
    return [round(scale, 4) for scale in torch.stack(known).mean(dim=0).tolist()]


def _sides(reflection: Reflection | None) -> list[Any]:
    """The denoisers that the sides name."""
    named: list[Any] = []
    for side in (reflection.strong, reflection.weak) if reflection else ():
        given = side.denoiser if isinstance(side.denoiser, (tuple, list)) else [side.denoiser]
        named += [module for module in given if module is not None]
    return named


def _text_encoders(pipe: Any) -> list[Any]:
    found = (part for name, part in pipe.components.items() if name.startswith("text_encoder"))
    return [part for part in found if part is not None]


def _set(vae: Any, what: str, wanted: bool) -> None:
    """Have a VAE decode in tiles or slices, or not."""
    if hasattr(vae, f"use_{what}"):  # diffusers' own have the methods even if they can't
        getattr(vae, f"{'enable' if wanted else 'disable'}_{what}")()
    elif wanted:
        raise InputError(f"{type(vae).__name__} has no {what}", key=f"memory.vae_{what}")


def _is_out_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Whether the device or the host has too little; torch says the latter in words only."""
    known = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return known or "can't allocate memory" in str(error)


def is_broken(error: Exception) -> bool:
    """Whether the device takes nothing more from this process, as after a faulty kernel.

    Loading makes it a complaint about the weights; the words stay.
    """
    said = str(error)
    known = isinstance(error, (RuntimeError, InputError)) and "CUDA error" in said
    return known and "out of memory" not in said


@contextmanager
def _refusals() -> Iterator[None]:
    """What can't be reflected is for the configuration to change, too."""
    try:
        yield
    except (UnsupportedScheduler, UnsupportedSide) as error:
        raise InputError(str(error), key="reflection") from None


def _scheduler(wanted: SchedulerConfig | None, stock: Any) -> Any:
    """The pipeline's own scheduler, or one made from it as configured."""
    if wanted is None:
        return stock
    cls = getattr(diffusers, wanted.name) if wanted.name else type(stock)
    changes = wanted.model_extra or {}
    calls.check_scheduler(cls, changes)
    return cls.from_config(stock.config, **changes)
