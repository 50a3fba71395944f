"""Ways of sampling are what they say, as counted and as sampled."""

from __future__ import annotations

import pytest
from w2sd_video.eval.evidence.stills.prompts import pairs
from w2sd_video.eval.evidence.stills.sampler import Embedded, pipeline, values
from w2sd_video.eval.evidence.stills.ways import Partner, Way

from w2sd_video.core.reflection import MODES, Reflection
from w2sd_video.shapes.world import draw, sample_paths

from ....conftest import needs_weights

PAIRS = pairs("captions", 2, 0)
STEPS = 2
BOTH = Partner(weights=True, guidance=1.0)


@pytest.fixture(scope="module")
def embedded() -> Embedded:
    return Embedded("image", "as shipped")


@pytest.mark.parametrize(
    "way",
    [
        Way(STEPS, 2.5),
        Way(STEPS, 1.0),
        Way(STEPS, 2.5, model="weak"),
        Way(STEPS, 2.5, words="other words"),
        Way(STEPS, 2.5, partner=Partner(words="details left out")),
        Way(STEPS, 2.5, partner=Partner(words="details left out"), turned=True),
        Way(STEPS, 2.5, partner=Partner(guidance=1.0), mode="implicit"),
        Way(STEPS, 2.5, partner=BOTH, share=0.5),
        *(Way(STEPS, 2.5, partner=BOTH, mode=mode) for mode in MODES),
    ],
    ids=str,
)
@needs_weights
def test_evaluations_are_as_counted(embedded: Embedded, way: Way) -> None:
    rows = embedded(way, PAIRS)
    assert [row.evaluations for row in rows] == [way.evaluations] * len(PAIRS)
    assert len({row.key for row in rows}) == len(PAIRS)
    assert all(row.seconds > 0 for row in rows)


@needs_weights
def test_every_difference_makes_one(embedded: Embedded) -> None:
    ways = [
        Way(STEPS, 2.5),
        Way(STEPS, 2.5, partner=Partner(weights=True)),
        Way(STEPS, 2.5, partner=Partner(guidance=1.0)),
        Way(STEPS, 2.5, partner=Partner(words="details left out")),
        Way(STEPS, 2.5, partner=Partner(words="other words")),
        Way(STEPS, 2.5, partner=Partner(weights=True), gap=0.5),
        Way(STEPS, 2.5, partner=Partner(weights=True), turned=True),
    ]
    outlines = [tuple(row.values["iou"] for row in embedded(way, PAIRS)) for way in ways]
    assert len({*outlines}) == len(ways)


@needs_weights
def test_turned_round_is_the_other_way(embedded: Embedded) -> None:
    """Extrapolation makes it exact: strong − (weak − strong) is a gap of −1."""
    partner = Partner(weights=True)
    one = embedded(Way(STEPS, 2.5, partner=partner, mode="extrapolate", turned=True), PAIRS)
    other = embedded(Way(STEPS, 2.5, partner=partner, mode="extrapolate", gap=-1.0), PAIRS)
    for a, b in zip(one, other, strict=True):
        assert a.values["iou"] == pytest.approx(b.values["iou"], abs=0.02)


def test_words_are_each_scenes_own() -> None:
    way = Way(STEPS, 2.5, partner=Partner(words="other words"))
    made = way.reflection(lambda: None, lambda words: [f"{words} 1", f"{words} 2"])
    assert isinstance(made, Reflection)
    assert made.weak.prompt == ["other words 1", "other words 2"]
    assert made.strong.prompt is None


@needs_weights
def test_the_weak_model_is_another_one() -> None:
    strong, weak = pipeline("image", "strong").unet, pipeline("image", "weak").unet
    assert not strong.conv_in.weight.equal(weak.conv_in.weight)


def test_a_frame_of_the_world_is_all_right_and_another_ones_is_not() -> None:
    import numpy as np

    (scene, _), (other, _) = PAIRS
    centres, radii = sample_paths(scene, np.random.default_rng(0))
    still = draw(scene, centres[:1], radii)[0]
    good, bad = values(still, scene), values(still, other)
    assert good["everything"] == 1.0
    assert good["iou"] > 0.9
    assert bad["everything"] == 0.0
    assert bad["iou"] < good["iou"]
