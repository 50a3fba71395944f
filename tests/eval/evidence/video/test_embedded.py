"""The embedded models as sampler: what is counted, and what partners are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from diffusers import LattePipeline, UNetMotionModel
from w2sd_video.eval.evidence.embedded.memo import Memo
from w2sd_video.eval.evidence.embedded.store import Row
from w2sd_video.eval.evidence.video import models as loaded
from w2sd_video.eval.evidence.video import sampler
from w2sd_video.eval.evidence.video.columns import Column, plain_with
from w2sd_video.eval.evidence.video.comparison.claims import guided
from w2sd_video.eval.evidence.video.models import still
from w2sd_video.eval.evidence.video.pairs import split_pairs
from w2sd_video.eval.evidence.video.sampler import Embedded

from w2sd_video import shapes
from w2sd_video.shapes import dit, models
from w2sd_video.shapes.world import FRAMES

from ....conftest import needs_weights

STEPS = 3
PAIRS = split_pairs("dev", 2)
EXACT = Column(STEPS, 2.5, partner="weights", share=0.67)


@pytest.fixture(scope="module")
def embedded() -> Embedded:
    return Embedded("video", "as shipped")


@pytest.fixture(scope="module")
def plain(embedded: Embedded) -> list[Row]:
    return embedded(Column(STEPS, 2.5), PAIRS)


@needs_weights
def test_equal_evaluations_are_equal_as_counted(embedded: Embedded) -> None:
    reflected = embedded(EXACT, PAIRS)
    alone = embedded(plain_with(EXACT.evaluations, 2.5), PAIRS)
    for a, b in zip(reflected, alone, strict=True):
        assert a.evaluations == EXACT.evaluations
        assert b.evaluations == pytest.approx(a.evaluations, rel=0.02)
        assert a.values["guidance"] != 2.5  # as logged, on two of three steps
        all_steps, two_of_three = a.values["guidance"], a.values["reflected_guidance"]
        assert 3 * (all_steps - 2.5) == pytest.approx(2 * (two_of_three - 2.5), abs=1e-3)
        assert b.values["reflected_guidance"] == 2.5
        assert b.values["guidance"] == 2.5
        assert 5 < a.values["psnr"] < 40
        assert 0 <= a.values["iou"] <= 1


@needs_weights
def test_guidance_is_what_it_is_asked_to_be_in_the_steps_that_reflect(embedded: Embedded) -> None:
    one = guided(Column(2 * STEPS, 2.5, partner="weights", share=0.5), 4.0)
    assert one.evaluations == plain_with(one.evaluations, 2.5).evaluations
    for row in embedded(one, PAIRS):
        assert row.evaluations == one.evaluations
        assert row.values["reflected_guidance"] == pytest.approx(4.0, abs=0.01)
        assert row.values["guidance"] == pytest.approx((4.0 + 2.5) / 2, abs=0.01)


@needs_weights
def test_with_weak_as_strong_there_is_about_no_difference(
    embedded: Embedded, plain: list[Row]
) -> None:
    same = embedded(Column(STEPS, 2.5, partner="self", mode="implicit"), PAIRS)
    for a, b in zip(same, plain, strict=True):
        assert a.key != b.key
        assert a.values["everything"] == b.values["everything"]
        assert a.values["psnr"] == pytest.approx(b.values["psnr"], abs=0.1)
        assert a.values["iou"] == pytest.approx(b.values["iou"], abs=0.01)
        assert a.values["guidance"] == pytest.approx(2.5, abs=0.02)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A transformer where there are no weights of one yet."""

    def load_pipeline(kind: str, *, weak: bool = False) -> LattePipeline:
        parts = dit.VideoDit(dit.DitRecipe(), int(weak), torch.device("cpu"))
        return LattePipeline(
            parts.tokenizer,
            parts.text_encoder,
            models.make_vae(),
            parts.transformer,
            parts.scheduler,
        )

    monkeypatch.setattr(shapes, "load_pipeline", load_pipeline)
    yield
    loaded.pipeline.cache_clear()
    loaded.denoiser.cache_clear()


def test_the_transformer_is_sampled_by_the_same_code(untrained: None) -> None:
    embedded = Embedded("dit", "untrained")
    for partner in ("weights", "guidance", "still"):
        [row] = embedded(Column(2, 2.5, partner=partner, share=0.5), PAIRS[:1])
        assert row.evaluations == Column(2, 2.5, partner=partner, share=0.5).evaluations
        assert row.values["guidance"] is not None
    [row] = embedded(Column(2, 2.5, model="weak denoiser"), PAIRS[:1])
    assert row.evaluations == 4


@pytest.mark.parametrize("kind", ["video", "dit"])
def test_frames_of_the_still_partner_do_not_see_each_other(kind: str) -> None:
    torch.manual_seed(0)
    if kind == "video":
        moving = UNetMotionModel.from_unet2d(models.make_unet(), models.make_motion_adapter())
        text = torch.randn(FRAMES, models.TEXT_LENGTH, models.TEXT_WIDTH)
    else:
        moving = dit.make_transformer()
        text = torch.randn(1, 4, dit.TEXT_WIDTH)
    x = torch.randn(1, models.LATENT_CHANNELS, FRAMES, models.LATENT_SIZE, models.LATENT_SIZE)
    changed = x.clone()
    changed[:, :, 0] += 1.0

    def moved_by(denoiser: torch.nn.Module) -> list[float]:
        """How far each frame's output goes when the first frame changes."""
        with torch.no_grad():
            out, other = (
                denoiser(given, torch.tensor([500]), encoder_hidden_states=text).sample
                for given in (x, changed)
            )
        return (other - out).abs().amax(dim=(0, 1, 3, 4)).tolist()

    assert min(moved_by(moving)[1:]) > 0
    alone = moved_by(still(moving))
    assert alone[0] > 0
    assert max(alone[1:]) == pytest.approx(0, abs=1e-5)


@needs_weights
def test_what_columns_have_in_common_is_evaluated_once(
    embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = [replace(EXACT, share=share) for share in (0.34, 0.67, 1.0)]
    apart = []
    for column in columns:
        monkeypatch.setattr(sampler, "MEMO", Memo())
        apart += embedded(column, PAIRS)
        assert sampler.MEMO.spared == 0
    monkeypatch.setattr(sampler, "MEMO", Memo())
    together = [row for column in columns for row in embedded(column, PAIRS)]
    # The second begins with the first's three calls and one that ends it; the third with seven.
    assert sampler.MEMO.spared == 4 + 7
    for a, b in zip(apart, together, strict=True):
        assert (a.key, a.values, a.evaluations) == (b.key, b.values, b.evaluations)
