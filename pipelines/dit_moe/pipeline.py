"""Sampling from DiT-MoE: diffusers' DiTPipeline, with another transformer in it."""

from __future__ import annotations

from typing import Any

from diffusers import AutoencoderKL, DiTPipeline
from diffusers.schedulers import KarrasDiffusionSchedulers

from ...core.pipeline import ReflectionMixin
from ..dit import FAMILY
from .transformer import DiTMoETransformer2DModel


class DiTMoEPipeline(DiTPipeline):
    """``DiTPipeline`` of a ``DiTMoETransformer2DModel``; the call is the same.

    Schedulers for the published checkpoints: ``DDIMScheduler(clip_sample=False)`` for S and B;
    ``DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True)`` for
    XL and G, which are flows. (FlowMatchEulerDiscreteScheduler lacks what DiTPipeline calls.)

    A saved folder is one of the stock class, so that ``DiffusionPipeline.from_pretrained``
    loads it too. Diffusers finds the transformer by the module it was saved from and never
    imports one itself: ``import w2sd_video.pipelines.dit_moe`` comes first.

    Args:
        transformer, vae, scheduler: the parts.
        id2label: names of the classes by number, several divided by commas. Unlike the stock
            class, this one keeps them when it is saved.
    """

    def __init__(
        self,
        transformer: DiTMoETransformer2DModel,
        vae: AutoencoderKL,
        scheduler: KarrasDiffusionSchedulers,
        id2label: dict[int, str] | dict[str, str] | None = None,
    ) -> None:
        super().__init__(transformer, vae, scheduler, id2label)
        self.register_to_config(id2label=id2label)

    def save_pretrained(self, *args: Any, **kwargs: Any) -> None:
        """As the stock class, whose name diffusers knows."""
        cls = type(self)
        self.__class__ = DiTPipeline
        try:
            self.save_pretrained(*args, **kwargs)
        finally:
            self.__class__ = cls


class DiTMoEW2SDPipeline(ReflectionMixin, DiTMoEPipeline):
    """``DiTMoEPipeline`` with ``reflection=``; its sides may differ in ``experts``."""

    family = FAMILY
