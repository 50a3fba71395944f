"""Pictures with a rare class, the scorer that reads them, and the models trained on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from w2sd_video.eval.evidence.unbalanced import experiment
from w2sd_video.eval.evidence.unbalanced.arms import (
    ARMS,
    EXTRAPOLATED,
    REFLECTED,
)
from w2sd_video.eval.evidence.unbalanced.classes import (
    NOTHING,
    Projection,
    classes,
    frechet,
    overlaps,
)
from w2sd_video.eval.evidence.unbalanced.experiment import Size, repetitions, truth_of
from w2sd_video.eval.evidence.unbalanced.pictures import KINDS, RARE, SIDE, draw, with_rare
from w2sd_video.eval.evidence.unbalanced.sampling import noise, sample
from w2sd_video.eval.evidence.unbalanced.training import Model, scheduler, train

from w2sd_video.core.reflection import Reflection, Side
from w2sd_video.shapes.world import SHAPES


def drawn(count: int = 10) -> tuple[np.ndarray, torch.Tensor]:
    shapes = np.repeat(np.arange(len(SHAPES)), count)
    return shapes, draw(shapes, np.random.default_rng(3))


def test_the_scorer_reads_every_shape() -> None:
    shapes, pictures = drawn()
    assert (classes(pictures) == shapes).all()
    assert (overlaps(pictures).argmax(axis=1) == shapes).all()
    empty = torch.full((1, 1, SIDE, SIDE), -1.0)
    assert classes(empty).tolist() == [NOTHING]


@pytest.mark.parametrize(("share", "rare"), [(0.02, 6), (0.1, 30), (1 / 3, 100)])
def test_the_rare_class_has_its_share_and_the_others_the_rest(share: float, rare: int) -> None:
    counts = np.bincount(classes(with_rare(share, 300, 0)), minlength=NOTHING + 1)
    assert counts[SHAPES.index(RARE)] == rare
    others = [counts[SHAPES.index(kind)] for kind in KINDS if kind != RARE]
    assert sum(others) == 300 - rare
    assert max(others) - min(others) <= 1


def test_distances_of_features_are_small_to_oneself_and_grow() -> None:
    truth, again = overlaps(truth_of(300, 0)), overlaps(truth_of(300, 1))
    rare, rarer = (overlaps(with_rare(share, 300, 5)) for share in (0.1, 0.02))
    assert frechet(truth, truth) == pytest.approx(0.0, abs=1e-9)
    assert frechet(again, truth) < 0.2 * frechet(rare, truth) < 0.2 * frechet(rarer, truth)


def test_the_projection_keeps_classes_apart() -> None:
    truth = overlaps(truth_of(300, 0))
    places = Projection(truth)(truth)
    kinds = truth.argmax(axis=1)
    centres = [places[kinds == SHAPES.index(kind)].mean(axis=0) for kind in KINDS]
    spread = max(places[kinds == SHAPES.index(kind)].std(axis=0).max() for kind in KINDS)
    for i, one in enumerate(centres):
        for other in centres[:i]:
            assert np.linalg.norm(one - other) > 4 * spread


def error(model: torch.nn.Module, pictures: torch.Tensor) -> float:
    """Of v, on average over noise levels."""
    made = scheduler()
    generator = torch.Generator().manual_seed(1)
    eps = torch.randn(pictures.shape, generator=generator)
    t = torch.randint(1000, (len(pictures),), generator=generator)
    with torch.no_grad():
        out = model(made.add_noise(pictures, eps, t), t)
    return float((out - made.get_velocity(pictures, eps, t)).square().mean())


def test_training_learns_and_is_the_same_each_time() -> None:
    pictures, unseen = with_rare(0.1, 200, 0), with_rare(0.1, 100, 1)
    before = torch.random.get_rng_state()
    model = train(pictures, 40, 0)
    assert torch.random.get_rng_state().equal(before)
    assert error(model, unseen) < 0.7 * error(Model(), unseen)
    a, b = train(pictures, 2, 0), train(pictures, 2, 0)
    assert all(p.equal(q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    other = train(pictures, 2, 1)
    assert not next(other.parameters()).equal(next(a.parameters()))


def test_reflection_with_oneself_is_plain_sampling_and_with_another_is_not() -> None:
    pictures = with_rare(0.1, 64, 0)
    model, other = (train(pictures, 3, seed) for seed in (0, 1))
    start = noise(3, 0)
    plain = sample(model, None, start, 3)
    same = sample(model, Reflection(weak=Side(denoiser=model), mode="implicit"), start, 3)
    assert torch.allclose(same, plain, atol=1e-4)
    moved = sample(model, Reflection(weak=Side(denoiser=other)), start, 3)
    assert not torch.allclose(moved, plain, atol=1e-2)


def test_a_clean_shape_that_the_data_had_none_of_is_not_clean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = Size(n=4, repeats=1, pictures=30, training=1, steps=1)

    def outlines(shape: str) -> float:
        pictures = draw(np.full(size.n, SHAPES.index(shape)), np.random.default_rng(0))
        monkeypatch.setattr(experiment, "sample", lambda *given: pictures)
        return experiment.repetition(size, 0, 0)["strong"].outlines

    assert outlines(RARE) > 0.9
    assert outlines("square") < 0.8


def test_samples_begin_with_noise_that_no_model_was_trained_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained, sampled = [], []
    monkeypatch.setattr(
        experiment, "train", lambda pictures, steps, seed: (trained.append(seed), Model())[1]
    )
    monkeypatch.setattr(
        experiment, "noise", lambda count, seed: (sampled.append(seed), noise(count, seed))[1]
    )
    size = Size(n=2, repeats=2, pictures=30, training=1, steps=1)
    for repeat in range(size.repeats):
        experiment.repetition(size, 0, repeat)
    assert len({*trained, *sampled}) == len(trained) + len(sampled) == 10
    assert min(trained) >= 1_000_000  # repetitions from 0 on were looked at


def test_every_setting_is_sampled_and_a_repetition_is_the_same_wherever_it_runs() -> None:
    size = Size(n=4, repeats=1, pictures=30, training=1, steps=2)
    [found], [again] = (repetitions(size, 0, 1) for _ in range(2))
    assert [*found] == [arm.label for arm in ARMS]
    for dear in (REFLECTED, EXTRAPOLATED):
        assert {found[label].evaluations for label in dear.values()} == {3 * size.steps}
    for label, one in found.items():
        assert one.shares.sum() == pytest.approx(1.0)
        assert (one.features == again[label].features).all()
    [other] = repetitions(size, 1, 1)
    assert (other["strong"].features != found["strong"].features).any()
