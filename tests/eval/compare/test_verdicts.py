"""What is said of the numbers, and what has to be said beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from w2sd_video.eval.compare.cautions import cautions
from w2sd_video.eval.compare.comparison import Comparison, gather
from w2sd_video.eval.compare.verdicts import main_column, sentence, verdicts
from w2sd_video.eval.results import Results, Score, digest

from w2sd_video.render.jobs.job import Job

from .runs import BASE, REFLECTED, REFLECTION, run

PROMPTS = [f"prompt {i}" for i in range(12)]


def by_kind(**values: tuple[float, float]) -> Callable[[Job], dict[str, float]]:
    """Scores of plain and of reflected clips, a little different for each prompt."""

    def score(job: Job) -> dict[str, float]:
        spread = 0.001 * int(job.prompt.split()[1])
        return {name: pair[job.kind == "reflected"] + spread for name, pair in values.items()}

    return score


def comparison(folder: Path, **values: tuple[float, float]) -> Comparison:
    return gather([run(folder, prompts=PROMPTS, score=by_kind(**values), baseline=True)])


def said(found: Comparison) -> str:
    return sentence(found, main_column(found))


def test_better_and_worse(tmp_path: Path) -> None:
    found = comparison(tmp_path, aesthetic_quality=(0.5, 0.6), dynamic_degree=(0.9, 0.4))
    assert said(found) == (
        "reflected exact against strong: better on aesthetic quality and worse on dynamic degree,"
        " over 12 pairs, at 2.5 times the evaluations."
    )


def test_lower_jitter_is_better(tmp_path: Path) -> None:
    found = comparison(tmp_path, jitter=(2.0, 1.0), dynamic=(1.0, 1.0))
    assert found.results["reflected exact", "jitter"].difference == pytest.approx(-1)
    assert [m.name for m in verdicts(found, found.columns[1])["better"]] == ["jitter"]


def test_no_difference_is_said_to_be_one_of_these_pairs(tmp_path: Path) -> None:
    found = comparison(tmp_path, aesthetic_quality=(0.5, 0.5), dynamic_degree=(0.5, 0.5))
    assert said(found) == (
        "reflected exact against strong: no difference that these 12 pairs can show on any of"
        " 2 metrics, at 2.5 times the evaluations."
    )


def test_few_pairs_show_nothing_however_large_the_difference(tmp_path: Path) -> None:
    score = by_kind(aesthetic_quality=(0.1, 0.9))
    found = gather([run(tmp_path, prompts=PROMPTS[:3], score=score, baseline=True)])
    assert "no difference that these 3 pairs can show on aesthetic quality" in said(found)
    assert any("With 3 pairs, intervals are rough" in text for text in cautions(found))


def test_one_pair(tmp_path: Path) -> None:
    score = by_kind(aesthetic_quality=(0.1, 0.9))
    found = gather([run(tmp_path, prompts=PROMPTS[:1], score=score, baseline=True)])
    assert "no difference that this pair can show" in said(found)


def test_nothing_scored(tmp_path: Path) -> None:
    found = gather([run(tmp_path, baseline=True)])
    assert said(found) == (
        "reflected exact and strong have no scores in common; 3 pairs, at 2.5 times the"
        " evaluations."
    )
    first = cautions(found)[0]
    assert first.startswith("Nothing has been scored, so only evaluations and seconds")
    assert f"w2sd-video eval {tmp_path}" in first


def test_consistency_without_movement_is_said(tmp_path: Path) -> None:
    found = comparison(tmp_path, subject_consistency=(0.5, 0.6), background_consistency=(0.5, 0.5))
    assert cautions(found)[0] == (
        "Dynamic degree has not been scored: a gain in subject consistency and background"
        " consistency may be nothing but less movement."
    )


@pytest.mark.parametrize("movement", ["dynamic_degree", "dynamic"])
def test_consistency_bought_with_stillness_is_said(tmp_path: Path, movement: str) -> None:
    found = comparison(tmp_path, subject_consistency=(0.5, 0.6), **{movement: (0.9, 0.1)})
    assert cautions(found)[0] == (
        "reflected exact: the gain in subject consistency comes with less movement."
    )


def test_dynamic_degree_stands_beside_the_consistencies(tmp_path: Path) -> None:
    names = ("imaging_quality", "subject_consistency", "dynamic_degree", "background_consistency")
    found = comparison(tmp_path, **dict.fromkeys(names, (0.5, 0.6)))
    assert [m.name for m in found.metrics] == [
        "subject_consistency",
        "background_consistency",
        "dynamic_degree",
        "imaging_quality",
    ]


def test_clips_without_a_score_are_counted(tmp_path: Path) -> None:
    everything = by_kind(aesthetic_quality=(0.5, 0.6))

    def score(job: Job) -> dict[str, float]:
        return {} if job.prompt == PROMPTS[0] and job.kind == "plain" else everything(job)

    found = gather([run(tmp_path, prompts=PROMPTS, score=score, baseline=True)])
    assert found.results["reflected exact", "aesthetic_quality"].n == 11
    assert (
        "aesthetic quality is not scored for all 12 clips of each column: strong 11;"
        " reflected exact 12." in cautions(found)
    )


def test_a_clip_rendered_anew_has_no_score(tmp_path: Path) -> None:
    folder = run(tmp_path, score=lambda job: {"aesthetic_quality": 0.5}, baseline=True)
    (folder / "clips" / "a-s0.mp4").write_bytes((folder / "clips" / "b-s0.mp4").read_bytes() + b"x")
    assert gather([folder]).results["reflected exact", "aesthetic_quality"].n == 2


def test_scorers_of_other_versions_are_named(tmp_path: Path) -> None:
    found = run(tmp_path, score=lambda job: {"aesthetic_quality": 0.5}, baseline=True)
    with Results(found) as results:
        clip = digest(found / "clips" / "a-s0.mp4")
        results.add([Score(clip, "aesthetic_quality", "test 2", 0.7)])
    text = "aesthetic quality was scored by test 1 and test 2: score all with one."
    assert text in cautions(gather([found]))


def test_what_else_differs_is_named(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", BASE | {"num_frames": 8})
    longer = run(tmp_path / "longer", REFLECTED | {"fps": 4})
    assert "reflected exact, 4 fps differs in more than its kind: fps 4, not 8." in cautions(
        gather([plain, longer])
    )


def test_mixed_settings_in_a_column_are_named(tmp_path: Path) -> None:
    rows = [
        {"prompt": p, "reflection": REFLECTION | {"gap": g}} for p, g in (("a", 0.5), ("b", 2.0))
    ]
    found = gather([run(tmp_path, prompts=rows, baseline=True)])
    label = "reflected exact, gap varies by prompt"
    assert [c.label for c in found.columns] == ["strong", label]
    assert f"{label}: reflection.gap is not the same for all its clips." in cautions(found)


def test_pairs_left_out_are_named(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", BASE, prompts=PROMPTS)
    reflected = run(tmp_path / "reflected", prompts=PROMPTS[:8])
    texts = cautions(gather([plain, reflected]))
    assert any(
        text.startswith("4 pairs not in all columns left out: “prompt 8” seed 0 (not in reflected")
        and text.endswith(", ….")
        for text in texts
    )


def test_equal_evaluations_are_asked_for_where_they_are_missing(tmp_path: Path) -> None:
    both = run(tmp_path / "both", baseline=True)
    text = (
        "No plain column takes as many evaluations as reflected exact (50 a clip): what more"
        " steps would give is not known."
    )
    assert text in cautions(gather([both]))
    steps = run(tmp_path / "steps", BASE | {"num_inference_steps": 25})
    assert text not in cautions(gather([both, steps]))


def test_seconds_on_other_devices(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", BASE, device="Slow GPU")
    reflected = run(tmp_path / "reflected", device="Fast GPU")
    text = "Clips were rendered on different devices, so seconds can't be compared."
    assert text in cautions(gather([plain, reflected]))
