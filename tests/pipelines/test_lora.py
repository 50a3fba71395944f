"""LoRA of a side: in the denoiser, in what reads its prompt, and where it is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AnimateDiffPipeline
from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from peft.utils import get_peft_model_state_dict
from w2sd_video.pipelines import load_denoiser
from w2sd_video.pipelines.families import reflecting_class

from w2sd_video import Reflection, Side
from w2sd_video.core.family import UnsupportedSide

from .. import tiny
from .animatediff import add_lora, frames
from .state import state_of
from .test_differences import by_hand, same


def add_text_lora(encoder: torch.nn.Module, name: str = "art") -> None:
    """A LoRA that does something to a prompt, the same each time."""
    encoder.add_adapter(
        LoraConfig(r=2, lora_alpha=2, target_modules=["q_proj", "v_proj"]), adapter_name=name
    )
    generator = torch.Generator().manual_seed(9)
    for key, p in encoder.named_parameters():
        if f".{name}." in key:
            p.data.copy_(torch.randn(p.shape, generator=generator))


@pytest.mark.parametrize("prompt", [None, "a ring"])
@pytest.mark.parametrize("also", [True, False], ids=["both", "text encoder only"])
def test_a_side_s_scale_is_that_of_the_text_encoder_too(
    pipe: Any, also: bool, prompt: str | None
) -> None:
    if also:
        add_lora(pipe.unet)
    add_text_lora(pipe.text_encoder)
    pipe.set_adapters("art", -0.7)
    read = pipe.encode_prompt(prompt or "a red circle", "cpu", 1, True)
    text = torch.cat([*reversed(read)]).repeat_interleave(2, dim=0)
    pipe.set_adapters("art", 1.0)

    def weak_output(guided: Any, x: Any, t: Any, e: Any) -> torch.Tensor:
        pipe.set_adapters("art", -0.7)
        out = guided(pipe.unet, x, t, 5.0, text)
        pipe.set_adapters("art", 1.0)
        return out

    expected = by_hand(pipe, weak_output)
    before = state_of(pipe)
    weak = Side(adapters={"art": -0.7}, prompt=prompt)
    assert same(frames(pipe, reflection=Reflection(weak=weak)), expected)
    assert state_of(pipe) == before


def test_a_callback_s_scale_of_another_adapter_holds_for_the_sides(pipe: Any) -> None:
    add_lora(pipe.unet)
    add_lora(pipe.unet, "style", seed=8)
    pipe.set_adapters(["art", "style"], [1.0, 1.0])
    layer = next(module for module in pipe.unet.modules() if isinstance(module, LoraLayer))
    seen: list[dict[str, float]] = []

    def fade(pipe: Any, *_: object) -> dict[str, object]:
        pipe.set_adapters(["art", "style"], [1.0, 0.25])
        return {}

    def look(*_: object) -> None:
        seen.append({name: layer.scaling[name] for name in layer.active_adapters})

    weak = Reflection(weak=Side(adapters={"art": -1.0}))
    with pipe.unet.register_forward_pre_hook(look):
        frames(pipe, steps=2, reflection=weak, callback_on_step_end=fade)
    before, after = ({"art": art, "style": s} for art, s in ((1.0, 1.0), (1.0, 0.25)))
    sides = [before, before | {"art": -1.0}, before, after, after | {"art": -1.0}, after]
    assert seen == sides


def test_lora_that_is_fused_into_weights_of_both(pipe: Any, tmp_path: Path) -> None:
    pipe.save_pretrained(tmp_path)
    weak = load_denoiser(pipe, tmp_path)
    add_lora(pipe.unet)
    reflection = Reflection(weak=Side(denoiser=weak))
    apart = frames(pipe, reflection=reflection)
    pipe.fuse_lora(components=["unet"])
    with pytest.raises(UnsupportedSide, match=r"both have it; call pipe\.unfuse_lora\(\), or fuse"):
        frames(pipe, reflection=reflection)
    again = load_denoiser(pipe, tmp_path)  # of whose weights the fused ones are no more
    assert torch.allclose(
        frames(pipe, reflection=Reflection(weak=Side(denoiser=again))), apart, atol=1e-4
    )


def test_sides_of_one_prompt_have_their_own_scales(pipe: Any) -> None:
    add_text_lora(pipe.text_encoder)
    strong, weak = (Side(adapters={"art": scale}) for scale in (0.4, -0.7))
    both = frames(pipe, reflection=Reflection(strong=strong, weak=weak, mode="implicit"))
    assert (both - frames(pipe)).abs().max() > 1e-3


def test_other_adapters_of_a_text_encoder_stay(pipe: Any) -> None:
    for name in ("art", "ink"):
        add_text_lora(pipe.text_encoder, name)
    pipe.set_adapters(["art", "ink"], [1.0, 0.5])
    same_scale = Reflection(weak=Side(adapters={"art": 1.0}), mode="implicit")
    assert torch.equal(frames(pipe, reflection=same_scale), frames(pipe))


@pytest.mark.parametrize(
    ("key", "part", "add"),
    [
        ("StableDiffusionXLPipeline", "text_encoder_2", add_text_lora),
        ("LTX2Pipeline", "connectors", add_lora),
    ],
)
def test_whatever_reads_the_prompt_has_a_side_s_scales(key: str, part: str, add: Any) -> None:
    family = tiny.FAMILIES[key]
    pipe = family.make(reflecting_class(family.stock))
    add(getattr(pipe, part))
    plain = family.run(pipe, steps=2)
    for scale, changes in ((1.0, False), (-1.0, True)):
        weak = Reflection(weak=Side(adapters={"art": scale}), mode="implicit")
        got = family.run(pipe, steps=2, reflection=weak)
        assert torch.equal(got, plain) != changes


def test_scales_are_put_back_when_a_prompt_can_t_be_read(
    pipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_text_lora(pipe.text_encoder)
    before = state_of(pipe)

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(type(pipe.text_encoder), "forward", fail)
    with pytest.raises(MemoryError):
        frames(pipe, reflection=Reflection(weak=Side(adapters={"art": -0.7})))
    assert state_of(pipe) == before


def test_fused_weights_of_a_text_encoder_are_refused(pipe: Any) -> None:
    add_text_lora(pipe.text_encoder)
    pipe.fuse_lora(components=["text_encoder"])
    with pytest.raises(UnsupportedSide, match=r"call pipe\.unfuse_lora\(\) first"):
        frames(pipe, reflection=Reflection(weak=Side(adapters={"art": -0.7})))


@pytest.mark.parametrize("name", ["strong", "weak"])
def test_no_scale_of_the_call_may_take_a_side_s_away(pipe: Any, name: str) -> None:
    add_lora(pipe.unet)
    reflection = Reflection(**{name: Side(adapters={"art": -1.0})})
    message = f"{name}.adapters would change nothing: the call's cross_attention_kwargs have"
    with pytest.raises(UnsupportedSide, match=message):
        frames(pipe, cross_attention_kwargs={"scale": 0.0}, reflection=reflection)
    frames(pipe, cross_attention_kwargs={"scale": 0.0}, reflection=Reflection(weak=Side(None, 1.0)))


def test_the_call_s_scale_multiplies_a_side_s(pipe: Any) -> None:
    add_lora(pipe.unet)
    halved = frames(
        pipe,
        cross_attention_kwargs={"scale": 0.5},
        reflection=Reflection(weak=Side(adapters={"art": -1.0})),
    )
    pipe.set_adapters("art", 0.5)
    assert same(halved, frames(pipe, reflection=Reflection(weak=Side(adapters={"art": -0.5}))))


@pytest.mark.parametrize("also", [True, False], ids=["text encoder", "denoiser only"])
def test_another_denoiser_has_no_lora_of_the_pipeline(pipe: Any, tmp_path: Any, also: bool) -> None:
    other = tiny.animatediff().unet
    add_lora(pipe.unet)
    if also:
        add_text_lora(pipe.text_encoder)
    reflection = Reflection(weak=Side(denoiser=other, adapters={"art": 0.5}))
    message = (
        "no adapter 'art' in the side's own denoiser .unet., which has none: .* load it there as "
        "well, denoiser.load_lora_adapter.*, prefix='unet', adapter_name='art'"
    )
    with pytest.raises(UnsupportedSide, match=message):
        frames(pipe, reflection=reflection)
    weights = get_peft_model_state_dict(pipe.unet, adapter_name="art")
    AnimateDiffPipeline.save_lora_weights(tmp_path, unet_lora_layers=weights)
    file = "pytorch_lora_weights.safetensors"
    other.load_lora_adapter(tmp_path, weight_name=file, prefix="unet", adapter_name="art")
    own = frames(pipe, reflection=Reflection(weak=Side(adapters={"art": 0.5})))
    assert same(frames(pipe, reflection=reflection), own)


def test_another_denoiser_may_have_its_prompt_read_with_lora(pipe: Any) -> None:
    add_text_lora(pipe.text_encoder)
    adapters = {"art": -0.7}
    twin = Side(denoiser=tiny.animatediff().unet, adapters=adapters)
    own = frames(pipe, reflection=Reflection(weak=Side(adapters=adapters)))
    assert torch.equal(frames(pipe, reflection=Reflection(weak=twin)), own)


def test_another_denoiser_has_no_ip_adapter_of_the_pipeline() -> None:
    family = tiny.FAMILIES["AnimateDiffPipeline-ip"]
    pipe = family.make(reflecting_class(family.stock))
    weak = Side(denoiser=tiny.animatediff().unet, ip_adapter_scale=0.5)
    with pytest.raises(UnsupportedSide, match=r"no IP-Adapter in the side's own denoiser \(unet\)"):
        family.run(pipe, steps=2, reflection=Reflection(weak=weak))
