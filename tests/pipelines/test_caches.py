"""Caches of features between steps, together with reflection."""

from __future__ import annotations

import pytest
import torch
from diffusers import FirstBlockCacheConfig, PyramidAttentionBroadcastConfig
from w2sd_video.pipelines import UnsupportedSide
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side

from .. import tiny


@pytest.mark.parametrize("key", ["FluxPipeline", "FluxPipeline-cfg", "HunyuanVideoPipeline"])
def test_every_stage_has_a_cache_of_its_own(key: str) -> None:
    """With a cache that always hits, the strong stage goes on with what it has seen itself."""
    family = tiny.FAMILIES[key]
    pipe = family.make(reflecting_class(family.stock))
    seen: list[str] = []
    inner = type(pipe.transformer).cache_context

    def watch(self: object, name: str, *args: object, **kwargs: object) -> object:
        seen.append(name)
        return inner(self, name, *args, **kwargs)

    pipe.transformer.enable_cache(FirstBlockCacheConfig(threshold=0.0))
    exact = Reflection(weak=Side(guidance_scale=1.5))
    type(pipe.transformer).cache_context = watch
    try:
        cached = family.run(pipe, reflection=exact)
    finally:
        type(pipe.transformer).cache_context = inner
    stages = {name.rpartition(", ")[2] for name in seen}
    assert stages == {"strong", "weak", "final"}
    pipe.transformer.disable_cache()
    # A threshold of 0 never hits, so the cache must not show.
    assert torch.allclose(cached, family.run(pipe, reflection=exact), atol=1e-4)
    assert "cache_context" not in pipe.transformer.__dict__


def test_caches_that_mix_the_sides_are_refused() -> None:
    family = tiny.FAMILIES["CogVideoXPipeline"]
    pipe = family.make(reflecting_class(family.stock))
    config = PyramidAttentionBroadcastConfig(
        spatial_attention_block_skip_range=2, current_timestep_callback=lambda: 500
    )
    pipe.transformer.enable_cache(config)
    with pytest.raises(UnsupportedSide, match="PyramidAttentionBroadcast reuses outputs"):
        family.run(pipe, reflection=Reflection(weak=Side(guidance_scale=1.0)))
