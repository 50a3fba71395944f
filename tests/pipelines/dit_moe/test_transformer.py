"""The transformer against a plain reference; sizes; training."""

from __future__ import annotations

import pytest
import torch
from w2sd_video.pipelines.dit_moe import SIZES, DiTMoETransformer2DModel, gates
from w2sd_video.pipelines.dit_moe.convert import to_published

from .reference import inputs, reference, tiny


@pytest.mark.parametrize("experts", ["best", "worst"])
@pytest.mark.parametrize("qk_norm", [None, "layer_norm"])
@torch.no_grad()
def test_the_output_is_that_of_the_formulas(experts: str, qk_norm: str | None) -> None:
    model = tiny(qk_norm=qk_norm)
    if qk_norm is not None:
        for block in model.transformer_blocks:
            block.attn.to_q.weight.mul_(1e-3)  # so small that the norm's epsilon is seen
            block.attn.to_q.bias.mul_(1e-3)
    for gate in gates(model):
        gate.experts = experts
    expected = reference(to_published(model), *inputs(), experts)
    assert expected.std() > 0.1
    assert (model(*inputs()).sample - expected).abs().max() <= 1e-5
    assert torch.equal(model(*inputs(), return_dict=False)[0], model(*inputs()).sample)


@torch.no_grad()
def test_a_flow_takes_times_in_thousandths() -> None:
    latents, timestep, labels = inputs()
    model = tiny(timestep_scale=1e-3, out_channels=4)
    expected = reference(to_published(model), latents, timestep / 1000, labels)
    assert expected.shape == latents.shape
    assert (model(latents, timestep, labels).sample - expected).abs().max() <= 1e-5


@pytest.mark.parametrize("change", [{"num_experts_per_tok": 1}, {"num_experts_per_tok": 4}])
@torch.no_grad()
def test_other_numbers_of_experts_a_token(change: dict[str, int]) -> None:
    model = tiny(**change)
    expected = reference(to_published(model), *inputs(), k=change["num_experts_per_tok"])
    assert (model(*inputs()).sample - expected).abs().max() <= 1e-5


@torch.no_grad()
def test_other_latents_than_it_was_made_for() -> None:
    latents = torch.randn(1, 4, 8, 12)
    out = tiny()(latents, torch.tensor([5]), torch.tensor([0])).sample
    assert out.shape == (1, 8, 8, 12)


@torch.no_grad()
def test_1000_is_no_class_and_other_classes_that_are_not_there_are_errors() -> None:
    model, (latents, timestep, _) = tiny(), inputs()
    by_own_number = model(latents, timestep, torch.tensor([4, 10])).sample
    assert torch.equal(by_own_number, model(*inputs()).sample)
    with pytest.raises(IndexError):
        model(latents, timestep, torch.tensor([4, 11]))


# All parameters, and those that one token meets: in millions as the paper rounds them 199 and
# 71, 795 and 286, 4,100 and 1,500, 16,500 and 3,100.
@pytest.mark.parametrize(
    ("name", "parameters", "active"),
    [
        ("S/2-8E2A", 199_209_248, 71_807_264),
        ("S/2-16E2A", 369_115_424, 71_844_128),
        ("B/2-8E2A", 795_664_928, 286_056_992),
        ("XL/2-8E2A", 4_167_877_280, 1_492_435_616),
        ("G/2-16E2A", 16_503_370_784, 3_181_212_704),
    ],
)
def test_the_sizes_are_the_published_ones(name: str, parameters: int, active: int) -> None:
    with torch.device("meta"):
        model = DiTMoETransformer2DModel.from_config(SIZES[name])
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    routed = sum(size for name, size in sizes.items() if ".moe.experts." in name)
    assert sum(sizes.values()) == parameters
    config = model.config
    idle = routed * (config.num_experts - config.num_experts_per_tok) // config.num_experts
    assert parameters - idle == active


def test_a_new_model_starts_at_zero_with_all_matrices_drawn() -> None:
    torch.manual_seed(0)
    model = DiTMoETransformer2DModel(num_layers=1, num_experts=2)
    assert model(torch.randn(1, 4, 32, 32), torch.tensor([9]), torch.tensor([1])).sample.eq(0).all()
    block = model.transformer_blocks[0]
    # The bounds of Xavier's uniform distribution for the published, differently cut matrices.
    for weight, high in ((block.attn.to_q.weight, 4), (block.moe.experts[0].net[0].proj.weight, 5)):
        bound = (6 / (high * 384)) ** 0.5
        assert 0.99 * bound < weight.abs().max() <= bound
    zeros = {name for name, p in model.named_parameters() if p.ndim > 1 and p.eq(0).all()}
    assert zeros == {
        "transformer_blocks.0.norm1.linear.weight",
        "norm_out.linear.weight",
        "proj_out.weight",
    }


@pytest.mark.parametrize("checkpointing", [False, True])
def test_training_reaches_gates_and_experts(checkpointing: bool) -> None:
    model = tiny(class_dropout_prob=0.0, num_classes=1001).train()
    plain = tiny(class_dropout_prob=0.0, num_classes=1001, aux_loss_alpha=0.0).train()
    if checkpointing:
        model.enable_gradient_checkpointing()
    outs = [each(*inputs()).sample for each in (model, plain)]
    assert torch.equal(*outs)  # the loss of the gates is in the gradients only
    for out in outs:
        out.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    last, without = (each.transformer_blocks[1].moe.gate.weight.grad for each in (model, plain))
    assert without.abs().max() > 0

    # What the last gate's own loss adds to its gradient is what autograd makes of the loss.
    seen = []
    gate = plain.transformer_blocks[1].moe.gate
    gate.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    plain(*inputs())
    gate.aux_loss_alpha = 0.01
    (own,) = torch.autograd.grad(gate(seen[0])[2], gate.weight)
    assert own.abs().max() > 1e-6
    assert torch.allclose(last - without, own, atol=1e-7, rtol=1e-4)
