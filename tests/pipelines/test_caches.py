"""Caches of features between steps, together with reflection."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable

import diffusers
import pytest
import torch
from diffusers.hooks import TextKVCacheConfig, apply_pyramid_attention_broadcast
from diffusers.models.cache_utils import CacheMixin
from w2sd_video.pipelines import UnsupportedSide
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side

from .. import tiny

STEPS = 4
# What these keep is used again wherever the configuration lets it be.
KEPT_APART: dict[str, Callable[[], object]] = {
    "FirstBlockCacheConfig": lambda: diffusers.FirstBlockCacheConfig(threshold=1e9),
    # The ratios go by the step: the third one has to be computed.
    "MagCacheConfig": lambda: diffusers.MagCacheConfig(
        mag_ratios=[1.0, 1.0, 9.0, 1.0],
        threshold=0.5,
        retention_ratio=0.0,
        num_inference_steps=STEPS,
    ),
    # Likewise, and a step is predicted from how many there have been since.
    "TaylorSeerCacheConfig": lambda: diffusers.TaylorSeerCacheConfig(
        cache_interval=2,
        disable_cache_before_step=1,
        taylor_factors_dtype=torch.float32,
        cache_identifiers=[r".*attn1?"],
    ),
}
REFUSED: dict[str, Callable[[], object]] = {
    "FasterCacheConfig": lambda: diffusers.FasterCacheConfig(
        spatial_attention_block_skip_range=2,
        current_timestep_callback=lambda: 500,
        tensor_format="BCHW",
    ),
    "PyramidAttentionBroadcastConfig": lambda: diffusers.PyramidAttentionBroadcastConfig(
        spatial_attention_block_skip_range=2, current_timestep_callback=lambda: 500
    ),
    "SeaCacheConfig": lambda: diffusers.SeaCacheConfig(),
    "TextKVCacheConfig": TextKVCacheConfig,
}
WEAK = Side(prompt="two stars")


def make(key: str) -> tuple[tiny.Tiny, object]:
    family = tiny.FAMILIES[key]
    return family, family.make(reflecting_class(family.stock))


def test_diffusers_has_these_caches_and_no_others() -> None:
    """A new one is refused until it is shown below that it keeps the stages apart."""
    source = inspect.getsource(CacheMixin.enable_cache)
    has = set(re.findall(r"isinstance\(config, (\w+)\)", source))
    assert has == KEPT_APART.keys() | REFUSED.keys()


@pytest.mark.parametrize("cache", KEPT_APART)
@pytest.mark.parametrize("key", ["FluxPipeline-cfg", "MochiPipeline"])
def test_stages_share_a_denoiser_as_if_each_had_its_own(key: str, cache: str) -> None:
    family, pipe = make(key)
    one = Reflection(weak=WEAK, steps=STEPS - 1)
    exact = family.run(pipe, steps=STEPS, reflection=one)
    copies = [copy.deepcopy(pipe.transformer) for _ in range(2)]
    for module in (pipe.transformer, *copies):
        module.enable_cache(KEPT_APART[cache]())
    shared = family.run(pipe, steps=STEPS, reflection=one)
    three = Reflection(
        strong=Side(denoiser=copies[0]),
        weak=Side(denoiser=copies[1], prompt=WEAK.prompt),
        steps=STEPS - 1,
    )
    apart = family.run(pipe, steps=STEPS, reflection=three)
    assert torch.equal(shared, apart)
    assert not torch.allclose(shared, exact, atol=1e-4), "nothing was reused"
    pipe.transformer.disable_cache()
    assert torch.equal(exact, family.run(pipe, steps=STEPS, reflection=one))


@pytest.mark.parametrize("cache", KEPT_APART)
def test_a_sides_cache_ends_with_the_clip(cache: str) -> None:
    """Diffusers empties those of the pipeline's own denoiser, after a call that succeeds."""
    family, pipe = make("FluxPipeline")
    weak = copy.deepcopy(pipe.transformer)
    reflection = Reflection(weak=Side(denoiser=weak, prompt=WEAK.prompt), steps=STEPS - 1)

    def fail(pipe: object, step: int, t: object, tensors: object) -> dict[str, object]:
        raise KeyError("on purpose")

    def enable(*modules: CacheMixin) -> None:
        for module in modules:
            if module.is_cache_enabled:
                module.disable_cache()
            module.enable_cache(KEPT_APART[cache]())

    call = {"steps": STEPS, "reflection": reflection}
    for modules in ([weak], [weak, pipe.transformer]):
        enable(*modules)
        clip = family.run(pipe, **call)
        enable(*modules)  # with nothing kept, whatever the first clip has left
        family.run(pipe, **call, seed=1)
        assert torch.equal(clip, family.run(pipe, **call))
        with pytest.raises(KeyError, match="on purpose"):
            family.run(pipe, **call, seed=1, callback_on_step_end=fail)
        assert torch.equal(clip, family.run(pipe, **call))


def test_a_final_stage_that_goes_from_two_halves_to_one_starts_over() -> None:
    """Features of both halves have more rows than are seen from then on."""
    family, pipe = make("MochiPipeline")
    pipe.transformer.enable_cache(KEPT_APART["FirstBlockCacheConfig"]())
    reflected = 2
    reflection = Reflection(weak=Side(guidance_scale=3.0), mode="extrapolate", steps=reflected)

    def start_over(pipe: object, step: int, t: object, tensors: object) -> dict[str, object]:
        if step == reflected - 1:
            pipe.transformer._reset_stateful_cache()
        return {}

    call = {"steps": STEPS, "guidance_scale": 1.0, "reflection": reflection}
    expected = family.run(pipe, **call, callback_on_step_end=start_over)
    assert torch.equal(family.run(pipe, **call), expected)


@pytest.mark.parametrize("where", ["own", "strong", "weak"])
@pytest.mark.parametrize("cache", REFUSED)
def test_caches_that_may_mix_the_sides_are_refused(cache: str, where: str) -> None:
    family, pipe = make("FluxPipeline")
    module = pipe.transformer if where == "own" else copy.deepcopy(pipe.transformer)
    module.enable_cache(REFUSED[cache]())
    sides = {"weak": WEAK} | ({} if where == "own" else {where: Side(denoiser=module)})
    name = cache.removesuffix("Config")
    with pytest.raises(UnsupportedSide) as refusal:
        family.run(pipe, reflection=Reflection(**sides))
    assert name.lower() in str(refusal.value).replace("_", "")
    assert "call disable_cache() on the denoiser" in str(refusal.value)
    module.disable_cache()
    family.run(pipe, reflection=Reflection(**sides))


def test_a_cache_that_was_applied_without_the_denoiser_knowing_is_refused() -> None:
    family, pipe = make("CogVideoXPipeline")
    config = REFUSED["PyramidAttentionBroadcastConfig"]()
    apply_pyramid_attention_broadcast(pipe.transformer, config)
    with pytest.raises(UnsupportedSide, match="pyramid_attention_broadcast"):
        family.run(pipe, reflection=Reflection(weak=WEAK))


def test_a_pipeline_that_tells_caches_nothing_is_refused() -> None:
    """MagCache takes all calls for those of one context then."""
    family, pipe = make("HunyuanVideoImageToVideoPipeline-replace")
    pipe.transformer.enable_cache(KEPT_APART["MagCacheConfig"]())
    with pytest.raises(UnsupportedSide, match="opens no cache_context"):
        family.run(pipe, reflection=Reflection(weak=WEAK))
    assert torch.isfinite(family.run(pipe)).all()  # as in diffusers
