"""Weights to pipelines and denoisers: from safetensors only, unless pickles are allowed."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import nn
from transformers import CLIPVisionModelWithProjection

from w2sd_video import pipelines, shapes
from w2sd_video.memory.sharing import share
from w2sd_video.pipelines import dit_moe  # diffusers finds its transformer once this is imported
from w2sd_video.render.errors import InputError
from w2sd_video.render.settings import kinds
from w2sd_video.render.settings.config import IPAdapter, Model, ModelRef

log = logging.getLogger(__name__)


def pipeline_class(model: Model) -> Any:
    """The class to load a model with: diffusers' own choice if nothing tells before."""
    name = kinds.pipeline_name(model) or "DiffusionPipeline"
    return getattr(dit_moe, name, None) or getattr(diffusers, name, diffusers.DiffusionPipeline)


def load_pipeline(model: Model) -> Any:
    """Load a pipeline with all that its configuration puts into it.

    Raises:
        InputError: if any of it can't be loaded.
    """
    if model.id in shapes.MODELS:
        kind, weak = shapes.MODELS[model.id]
        with _loading(f"'{model.id}'", "model.id", model):
            pipe: Any = shapes.load_pipeline(kind, weak=weak)
        for name, part in pipe.components.items():
            if isinstance(part, nn.Module) and (dtype := _dtype(model, name)):
                part.to(dtype)
        if model.denoiser:
            other = load_denoiser(model.denoiser, pipe, model, "model.denoiser")
            setattr(pipe, _denoiser_of(pipe), other)
    else:
        cls = pipeline_class(model)
        parts = _parts(model, cls)
        with _loading(f"'{model.id}'", "model.id", model):
            pipe = cls.from_pretrained(
                model.id, revision=model.revision, variant=model.variant, **parts, **_how(model)
            )
    for name, lora in model.adapters.items():
        with _loading(f"the LoRA '{lora.path}'", f"model.adapters.{name}", model):
            pipe.load_lora_weights(
                lora.path,
                revision=lora.revision,
                weight_name=lora.weight_name,
                adapter_name=name,
                use_safetensors=_safetensors(model),
            )
    if model.adapters:
        scales = [lora.scale for lora in model.adapters.values()]
        pipe.set_adapters(list(model.adapters), scales)
    if model.ip_adapter:
        with _loading(f"the IP-Adapter '{model.ip_adapter.path}'", "model.ip_adapter", model):
            _put_ip_adapter(pipe, model.ip_adapter, model)
    if model.channels_last:
        _put_channels_last(part for part in pipe.components.values() if isinstance(part, nn.Module))
    return pipe


def load_denoiser(reference: ModelRef, pipe: Any, model: Model, key: str = "reflection") -> Any:
    """Load another denoiser of the pipeline's kind, on its device and in its dtype.

    Args:
        key: who names it.

    Raises:
        InputError: if it can't be loaded.
    """
    with _loading(f"the denoiser '{reference.id}'", key, model):
        if reference.id in shapes.MODELS:
            kind, weak = shapes.MODELS[reference.id]
            name = _denoiser_of(pipe)
            own, other = getattr(pipe, name), getattr(shapes.load_pipeline(kind, weak=weak), name)
            share(own, other.to(own.device, own.dtype))
        else:
            other = pipelines.load_denoiser(
                pipe, reference.id, use_safetensors=_safetensors(model), **_where(reference)
            )
    if model.channels_last:
        _put_channels_last(other if isinstance(other, tuple) else (other,))
    return other


def _denoiser_of(pipe: Any) -> str:
    """The name of an embedded model's."""
    return "unet" if hasattr(pipe, "unet") else "transformer"


def _put_channels_last(modules: Iterable[nn.Module]) -> None:
    """Lay the weights of two-dimensional convolutions out as their fastest kernels want them."""
    for parameter in (p for module in modules for p in module.parameters() if p.ndim == 4):
        parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _parts(model: Model, cls: Any) -> dict[str, Any]:
    """Components that come from elsewhere than the model itself."""
    parts: dict[str, Any] = {}
    sparse = cls is diffusers.AnimateDiffSparseControlNetPipeline
    kinds_of = {
        "motion_adapter": diffusers.MotionAdapter,
        "controlnet": diffusers.SparseControlNetModel if sparse else diffusers.ControlNetModel,
    }
    for name, kind in kinds_of.items():
        if reference := getattr(model, name):
            if cls is not diffusers.DiffusionPipeline and name not in _components(cls):
                raise InputError(f"{cls.__name__} takes none", key=f"model.{name}")
            with _loading(f"'{reference.id}'", f"model.{name}", model):
                parts[name] = kind.from_pretrained(
                    reference.id, **_where(reference), **_how(model, name)
                )
    if reference := model.denoiser:
        name = "unet" if "unet" in _components(cls) else "transformer"
        moe = cls is dit_moe.DiTMoEPipeline
        kind = dit_moe.DiTMoETransformer2DModel if moe else diffusers.AutoModel
        alone = (Path(reference.id) / "config.json").is_file()
        where = _where(reference) if alone else {"subfolder": name, **_where(reference)}
        with _loading(f"the denoiser '{reference.id}'", "model.denoiser", model):
            parts[name] = kind.from_pretrained(reference.id, **where, **_how(model, name))
    return parts


def _components(cls: Any) -> Collection[str]:
    return inspect.signature(cls.__init__).parameters


def _put_ip_adapter(pipe: Any, adapter: IPAdapter, model: Model) -> None:
    if not model.allow_pickle and not adapter.weight_name.endswith(".safetensors"):
        raise OSError(f"{adapter.weight_name} is no safetensors file")  # diffusers would load it
    if getattr(pipe, "image_encoder", None) is None:
        # Loaded here, as load_ip_adapter() would take a pickle.
        encoder = CLIPVisionModelWithProjection.from_pretrained(
            adapter.path,
            revision=adapter.revision,
            subfolder=Path(adapter.subfolder, "image_encoder").as_posix(),
            dtype=pipe.dtype,
            use_safetensors=_safetensors(model),
        )
        pipe.register_modules(image_encoder=encoder)
    pipe.load_ip_adapter(
        adapter.path,
        revision=adapter.revision,
        subfolder=adapter.subfolder,
        weight_name=adapter.weight_name,
    )
    pipe.set_ip_adapter_scale(adapter.scale)


def _where(reference: ModelRef) -> dict[str, str]:
    given = {key: getattr(reference, key) for key in ("subfolder", "revision", "variant")}
    return {key: value for key, value in given.items() if value is not None}


def _how(model: Model, component: str | None = None) -> dict[str, Any]:
    """The dtype, of everything or of one component, and the kind of files."""
    dtype: Any = None
    if component or isinstance(model.dtype, str):
        dtype = _dtype(model, component or "default")
    elif model.dtype:
        dtype = {name: getattr(torch, value) for name, value in model.dtype.items()}
    return {"torch_dtype": dtype, "use_safetensors": _safetensors(model)}


def _dtype(model: Model, component: str) -> torch.dtype | None:
    """Of one component; None is as its weights are."""
    given = model.dtype
    if isinstance(given, dict):
        given = given.get(component, given.get("default"))
    return getattr(torch, given) if given else None


def _safetensors(model: Model) -> bool | None:
    """diffusers' switch: only safetensors, or (None) pickles where there are no safetensors."""
    return None if model.allow_pickle else True


@contextmanager
def _loading(what: str, key: str, model: Model) -> Iterator[None]:
    """Whatever keeps weights from being loaded, the configuration has to change."""
    try:
        yield
    except Exception as error:
        log.debug("%s", what, exc_info=True)
        if "safetensors" in str(error) and not model.allow_pickle:
            raise InputError(
                f"{what} has no safetensors weights; pickled ones, which can run code when they "
                f"are loaded, are refused unless model.allow_pickle is true",
                key=key,
            ) from None
        raise InputError(f"{what} can't be loaded: {error}", key=key) from None
