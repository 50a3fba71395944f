"""Which clips stand beside which, and what the columns are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from w2sd_video.eval.compare.cautions import cautions
from w2sd_video.eval.compare.columns import Column
from w2sd_video.eval.compare.comparison import gather
from w2sd_video.eval.compare.labels import labelled

from w2sd_video.render.errors import InputError
from w2sd_video.render.settings.models import fingerprint

from .runs import BASE, REFLECTED, REFLECTION, jobs_of, record, run


def with_(**changes: Any) -> dict[str, Any]:
    return REFLECTED | {"reflection": REFLECTION | changes}


def labels(*folders: Path, **options: Any) -> list[str]:
    return [column.label for column in gather(folders, **options).columns]


def with_weights(folder: Path, content: bytes) -> dict[str, str]:
    """A model whose weights are these now."""
    model = folder / "model"
    model.mkdir(exist_ok=True)
    (model / "weights.safetensors").write_bytes(content)
    fingerprint.cache_clear()
    return {"id": str(model), "pipeline": "WanPipeline"}


def test_plain_and_reflected_of_one_folder(tmp_path: Path) -> None:
    found = gather([run(tmp_path / "run", baseline=True)])
    assert [c.label for c in found.columns] == ["strong", "reflected exact"]
    assert found.pairs == [("a", 0), ("b", 0), ("c", 0)]
    for pair in found.pairs:
        plain, reflected = found.clips(pair)
        assert (plain.prompt, plain.seed) == (reflected.prompt, reflected.seed) == pair
        assert plain.name == reflected.name + ".plain"
    assert found.evaluations.tolist() == [[20] * 3, [50] * 3]
    assert found.seconds.tolist() == [[pytest.approx(2)] * 3, [pytest.approx(5)] * 3]


def test_folders_of_every_baseline(tmp_path: Path) -> None:
    folders = [
        run(tmp_path / "strong", BASE),
        run(tmp_path / "steps", BASE | {"num_inference_steps": 25}),
        run(tmp_path / "more", BASE | {"num_inference_steps": 40}),
        run(tmp_path / "guided", BASE | {"guidance_scale": 3.0}),
        run(tmp_path / "beyond", BASE | {"guidance_scale": 8.0}),
        run(tmp_path / "weak", BASE | {"guidance_scale": 1.0}),
        run(tmp_path / "2s-w", with_(mode="extrapolate"), guidance=3.0),
        run(tmp_path / "reflected", guidance=3.0),
    ]
    assert labels(*folders) == [
        "strong",
        "strong, equal evaluations (25 steps)",
        "strong, 40 steps",
        "strong, matched guidance (3)",
        "strong, guidance 8",
        "weak",
        "extrapolate",
        "reflected exact",
    ]


def test_clips_of_folders_without_a_common_pair_may_be_of_other_weights(tmp_path: Path) -> None:
    commit = {"id": "org/model", "revision": "c" * 40}

    def told(name: str, model: Any, seeds: str) -> list[str]:
        base = REFLECTED | {"model": model}
        a = run(tmp_path / f"{name}a", base, [{"prompt": "a", "seed": 0}], baseline=True)
        b = run(tmp_path / f"{name}b", base, [{"prompt": "a", "seed": seeds}], baseline=True)
        found = gather([a, b])
        assert len(found.columns) == 2
        return [text for text in cautions(found) if "not known" in text and "weights" in text]

    strong, reflected = told("x", "org/model", "1-2")
    assert strong == (
        f"strong: {tmp_path}/xb has no pair in common with {tmp_path}/xa, so whether its weights"
        " are the same is not known."
    )
    assert reflected.startswith("reflected exact: ")
    assert told("y", "org/model", "0-1") == told("z", commit, "1-2") == []


def test_of_the_same_clips_those_that_are_scored_count(tmp_path: Path) -> None:
    both = run(tmp_path / "both", baseline=True)
    plain = run(tmp_path / "plain", BASE, score=lambda job: {"aesthetic_quality": 0.5})
    found = gather([both, plain], {plain: "scored"})
    assert [column.label for column in found.columns] == ["scored", "reflected exact"]
    assert found.scores[0, :, 0].tolist() == [0.5] * 3


def test_another_model_is_told_even_behind_a_label(tmp_path: Path) -> None:
    reflected = run(tmp_path / "reflected")
    other = run(tmp_path / "other", BASE | {"model": "org/other"})
    found = gather([other, reflected], {other: "strong", reflected: "reflected"})
    [told] = [text for text in cautions(found) if "differs in more than its kind" in text]
    assert "model.id org/model, not org/other" in told
    weak = {"weak": {"denoiser": "org/early"}, "steps": 0.5}
    both = run(tmp_path / "both", BASE | {"reflection": weak}, baseline=True)
    own = run(tmp_path / "weak", BASE | {"model": "org/early"})
    assert not [text for text in cautions(gather([both, own])) if "more than its kind" in text]


def test_a_weak_denoiser_alone_is_weak(tmp_path: Path) -> None:
    weak = {"weak": {"denoiser": "org/early"}, "steps": 0.5}
    both = run(tmp_path / "both", BASE | {"reflection": weak}, baseline=True)
    own = BASE | {"model": {"id": "org/model", "denoiser": "org/early"}}
    assert labels(both, run(tmp_path / "weak", own))[2] == "weak"
    other = BASE | {"model": "org/early"}
    assert labels(both, run(tmp_path / "other", other))[2] == "weak"


def test_guidance_that_no_run_has_logged_is_not_matched(tmp_path: Path) -> None:
    both = run(tmp_path / "both", baseline=True)
    guided = run(tmp_path / "guided", BASE | {"guidance_scale": 3.0})
    assert labels(both, guided)[2:] == ["strong, guidance 3"]


def test_a_clip_whose_guidance_is_not_logged_leaves_that_of_others(tmp_path: Path) -> None:
    record(tmp_path / "both", jobs_of(REFLECTED, "ab", baseline=True), guidance=2.6)
    both = record(tmp_path / "both", jobs_of(REFLECTED, "c", baseline=True))
    guided = run(tmp_path / "guided", BASE | {"guidance_scale": 2.6})
    found = gather([both, guided])
    assert [c.label for c in found.columns][2:] == ["strong, matched guidance (2.6)"]
    text = "reflected exact: effective guidance is logged for 2 of 3 clips only."
    assert text in cautions(found)


def test_guidance_is_matched_if_a_run_has_logged_it(tmp_path: Path) -> None:
    folders = [
        run(tmp_path / "both", baseline=True, guidance=2.4),
        run(tmp_path / "near", BASE | {"guidance_scale": 2.5}),
        run(tmp_path / "far", BASE | {"guidance_scale": 3.0}),
    ]
    assert labels(*folders)[2:] == ["strong, matched guidance (2.5)", "strong, guidance 3"]


def test_a_sweep_is_columns(tmp_path: Path) -> None:
    jobs = [
        job
        for gap in (0.5, 1.0, 1.5)
        for job in jobs_of(with_(gap=gap), [{"prompt": p, "name": f"{p}{gap}"} for p in "ab"])
    ]
    plain = jobs_of(BASE, ["a", "b"])
    found = labels(record(tmp_path / "sweep", [*plain, *jobs]))
    gaps = ["reflected exact, gap 0.5", "reflected exact, gap 1", "reflected exact, gap 1.5"]
    assert found == ["strong", *gaps]


def test_a_commit_is_named_by_its_first_digits(tmp_path: Path) -> None:
    models = [{"id": "org/model", "revision": letter * 40} for letter in "ab"]
    found = labels(*(run(tmp_path / m["revision"], BASE | {"model": m}) for m in models))
    assert found == ["strong", "strong, model.revision bbbbbbb"]


def test_what_a_row_has_of_its_own_is_no_column(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "num_frames": 8}, {"prompt": "b", "num_frames": 8, "fps": 4}]
    found = gather([run(tmp_path / "run", prompts=rows, baseline=True)])
    assert len(found.columns) == 2
    assert found.columns[0].varying == ["fps"]


def test_the_same_plain_clips_in_two_folders_are_one_column(tmp_path: Path) -> None:
    a = run(tmp_path / "a", with_(gap=0.5), baseline=True)
    b = run(tmp_path / "b", with_(gap=2.0), prompts=("b", "c", "a"), baseline=True)
    found = gather([a, b])
    assert [c.label for c in found.columns] == [
        "strong",
        "reflected exact, gap 0.5",
        "reflected exact, gap 2",
    ]
    assert found.columns[0].folders == (a, b)
    assert len(found.pairs) == 3


def test_shares_of_a_list_are_one_column(tmp_path: Path) -> None:
    a = run(tmp_path / "a", prompts=("a", "b"), baseline=True)
    b = run(tmp_path / "b", prompts=("c", "d"), baseline=True)
    found = gather([a, b])
    assert [len(c.clips) for c in found.columns] == [4, 4]
    assert len(found.pairs) == 4


def test_the_same_list_twice_can_be_compared(tmp_path: Path) -> None:
    found = gather([run(tmp_path / "here", BASE), run(tmp_path / "there", BASE)])
    assert [c.label for c in found.columns] == ["strong [here]", "strong [there]"]


def test_other_weights_are_another_column(tmp_path: Path) -> None:
    """Their ids differ, though their settings are the same."""
    model = with_weights(tmp_path, b"old")
    a = run(tmp_path / "a", REFLECTED | {"model": model}, baseline=True)
    with_weights(tmp_path, b"new weights")
    b = run(tmp_path / "b", REFLECTED | {"model": model}, baseline=True)
    assert labels(a, b) == [
        "strong [a]",
        "reflected exact [a]",
        "strong [b]",
        "reflected exact [b]",
    ]


def test_names_that_are_given(tmp_path: Path) -> None:
    both, other = run(tmp_path / "both", baseline=True), run(tmp_path / "x", with_(mode="implicit"))
    found = gather([both, other], {both: "ours", other: "theirs"})
    assert [c.label for c in found.columns] == ["ours: strong", "ours: reflected exact", "theirs"]
    for wanted in ("theirs", "THEIRS", "the"):
        against = gather([both, other], {other: "theirs"}, against=wanted)
        assert [c.label for c in against.columns] == ["theirs", "strong", "reflected exact"]


def test_only_pairs_of_all_columns_count(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", BASE, prompts=("a", "b", "c"))
    reflected = run(tmp_path / "reflected", prompts=("d", "c", "a"))
    found = gather([plain, reflected])
    assert found.pairs == [("a", 0), ("c", 0)]
    assert found.dropped == {("b", 0): ["reflected exact"], ("d", 0): ["strong"]}


def test_seeds_are_pairs_of_their_own(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "seed": "0-3"}]
    assert len(gather([run(tmp_path / "r", prompts=rows, baseline=True)]).pairs) == 4


def test_what_is_not_done_is_told(tmp_path: Path) -> None:
    folder = run(tmp_path / "run", baseline=True, failed=["b"])
    next((folder / "clips").glob("c-s0.mp4")).unlink()
    found = gather([folder])
    assert found.pairs == [("a", 0)]
    assert found.folders[0].left_out == {"failed": 2, "lost": 1}


def test_clips_of_one_setting_and_seed_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for name, content in (("first", b"old"), ("second", b"new weights")):
        model = with_weights(tmp_path, content)
        run(folder, BASE | {"model": model}, prompts=[{"prompt": "a", "name": name}])
    with pytest.raises(InputError, match="'first' and 'second' are the same prompt, seed 0"):
        gather([folder, run(tmp_path / "other")])


def test_no_two_labels_are_alike(tmp_path: Path) -> None:
    clips = gather([run(tmp_path / "r", baseline=True)]).columns[0].clips
    columns = [Column(clips, (Path("x/out"),)), Column(clips, (Path("y/out"),))]
    assert [c.label for c in labelled(columns * 2, {})] == [
        "strong [out] [x/out] (1)",
        "strong [out] [y/out] (1)",
        "strong [out] [x/out] (2)",
        "strong [out] [y/out] (2)",
    ]
