"""What is said of the numbers, and what has to be said beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from w2sd_video.eval.compare.cautions import cautions
from w2sd_video.eval.compare.comparison import Comparison, gather
from w2sd_video.eval.compare.verdicts import main_column, sentence, verdicts
from w2sd_video.eval.results import LEFT_OUT, Results, Score, digest

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
    assert any("With 3 prompts, intervals are rough" in text for text in cautions(found))


def test_a_metric_of_few_prompts_is_called_rough(tmp_path: Path) -> None:
    def score(job: Job) -> dict[str, float]:
        of_all = {"imaging_quality": 0.5, "dynamic_degree": 1.0}
        return of_all | ({"aesthetic_quality": 0.4} if job.prompt in PROMPTS[:2] else {})

    found = gather([run(tmp_path, prompts=PROMPTS, score=score, baseline=True)])
    assert (
        "Intervals of aesthetic quality are rough: fewer than 10 prompts have both clips scored."
        in cautions(found)
    )


def test_seeds_of_one_prompt_are_no_draws_beside_other_prompts(tmp_path: Path) -> None:
    score = by_kind(aesthetic_quality=(0.1, 0.9))

    def compared(prompts: list[str]) -> Comparison:
        rows = [{"prompt": prompt, "seed": seed} for prompt in prompts for seed in range(6)]
        folder = tmp_path / str(len(prompts))
        return gather([run(folder, prompts=rows, score=score, baseline=True)])

    two, one = compared(PROMPTS[:2]), compared(PROMPTS[:1])
    assert "no difference that these 12 pairs can show on aesthetic quality" in said(two)
    assert "With 2 prompts, intervals are rough; take 10 or more." in cautions(two)
    low, high = two.mean_intervals["strong", "aesthetic_quality"]
    assert high - low > 0.005  # of two draws that are 0.001 apart, not of twelve
    assert "better on aesthetic quality, over 6 pairs" in said(one)  # of this prompt
    assert "With 6 pairs, intervals are rough; take 10 or more." in cautions(one)


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


STILL = {"prompt 0": (1, 1), "prompt 1": (1, 0), "prompt 2": (0, 1)}  # others hold still


def filtered(job: Job) -> dict[str, float]:
    """What VBench's standard mode keeps: reflected clips flicker less, but where they move."""
    still = STILL.get(job.prompt, (1, 1))[job.kind == "reflected"]
    flickering = (0.9 if still else 0.1) + (0.05 if job.kind == "reflected" else 0)
    return {"temporal_flickering": flickering, "static_filter": still, "dynamic_degree": 0.0}


def test_the_filter_of_flickering_is_no_metric_and_leaves_out_what_moves(tmp_path: Path) -> None:
    found = gather([run(tmp_path, prompts=PROMPTS, score=filtered, baseline=True)])
    assert [metric.name for metric in found.metrics] == ["dynamic_degree", "temporal_flickering"]
    result = found.results["reflected exact", "temporal_flickering"]
    assert (result.n, result.difference) == (10, pytest.approx(0.05))
    assert result.p_holm == 2 * result.p  # over two metrics
    texts = cautions(found)
    assert texts[0] == (
        "temporal flickering is of clips that VBench's filter finds still: strong 11 of 12;"
        " reflected exact 11 of 12."
    )
    assert not any("not scored" in text or "standard mode" in text for text in texts)


def test_what_vbench_has_left_out_has_no_score(tmp_path: Path) -> None:
    folder = run(tmp_path, score=lambda job: {"color": 0.5} if job.prompt != "a" else {})
    plain = run(tmp_path / "plain", BASE, score=lambda job: {"color": 0.25})
    left_out = LEFT_OUT + digest(folder / "clips" / "a-s0.mp4")
    with Results(folder) as results:
        results.add([Score(left_out, "color", "test 1", 0.0)])
    found = gather([plain, folder])
    assert [metric.name for metric in found.metrics] == ["color"]
    result = found.results["reflected exact", "color"]
    assert (result.n, result.difference) == (2, 0.25)


def test_a_filter_that_looked_at_some_only_is_told(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", BASE, prompts=PROMPTS, score=filtered)
    custom = by_kind(temporal_flickering=(0.9, 0.9), dynamic_degree=(0.0, 0.0))
    reflected = run(tmp_path / "reflected", prompts=PROMPTS, score=custom)
    assert (
        "Some clips have temporal flickering without VBench's filter, which leaves out those that"
        " move: score all in standard mode." in cautions(gather([plain, reflected]))
    )


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


@pytest.mark.parametrize("metric", ["dynamic_degree", "aesthetic_quality"])
def test_mixed_frame_rates_matter_to_dynamic_degree(tmp_path: Path, metric: str) -> None:
    rows = [{"prompt": "a", "fps": 8}, {"prompt": "b", "fps": 4}]
    found = gather([run(tmp_path, prompts=rows, score=lambda job: {metric: 0.5}, baseline=True)])
    texts = [text for text in cautions(found) if "fps" in text]
    both = [f"{c.label}: fps is not the same for all its clips." for c in found.columns]
    assert texts == (both if metric == "dynamic_degree" else [])


def test_pairs_left_out_are_named(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", BASE, prompts=PROMPTS)
    reflected = run(tmp_path / "reflected", prompts=PROMPTS[:8])
    texts = cautions(gather([plain, reflected]))
    assert any(
        text.startswith("4 pairs not in all columns left out: “prompt 8” seed 0 (not in reflected")
        and text.endswith(", ….")
        for text in texts
    )


def missing(*folders: Path) -> list[str]:
    return [text for text in cautions(gather(folders)) if text.startswith("Missing")]


def test_baselines_that_are_missing_are_named(tmp_path: Path) -> None:
    strong = run(tmp_path / "strong", BASE)
    reflected = run(tmp_path / "reflected", guidance=2.6)
    assert missing(strong, reflected) == [
        "Missing beside reflected exact: strong with as many evaluations (50 a clip), strong at its"
        " effective guidance (2.6) and extrapolate; what that would give is not known."
    ]
    every = [
        strong,
        run(tmp_path / "steps", BASE | {"num_inference_steps": 25}),
        run(tmp_path / "guided", BASE | {"guidance_scale": 2.7}),
        run(tmp_path / "2s-w", REFLECTED | {"reflection": REFLECTION | {"mode": "extrapolate"}}),
        reflected,
    ]
    assert not missing(*every)
    names = (
        "strong alone",
        "strong with as many evaluations (50 a clip)",
        "strong at its effective guidance (2.6)",
        "extrapolate",
    )
    for i, name in enumerate(names):
        [text] = missing(*every[:i], *every[i + 1 :])
        assert text.endswith(f": {name}; what that would give is not known.")
    assert not missing(*every[:2])  # nothing is reflected


def test_guidance_that_is_not_logged_is_told(tmp_path: Path) -> None:
    both = run(tmp_path / "both", baseline=True)
    guided = run(tmp_path / "guided", BASE | {"guidance_scale": 3.0})
    assert "strong at its effective guidance (not logged)" in missing(both, guided)[0]


def test_other_plain_clips_are_no_baselines(tmp_path: Path) -> None:
    """Of another model, or of more steps and more guidance at once."""
    both = run(tmp_path / "both", baseline=True, guidance=2.6)
    more = {"num_inference_steps": 25, "guidance_scale": 2.6}
    others = [run(tmp_path / "x", BASE | more), run(tmp_path / "y", BASE | {"model": "org/other"})]
    assert missing(both, *others) == missing(both)


def test_what_extrapolates_is_not_what_a_comparison_is_about(tmp_path: Path) -> None:
    first = run(tmp_path / "2s-w", REFLECTED | {"reflection": REFLECTION | {"mode": "extrapolate"}})
    both = run(tmp_path / "both", baseline=True)
    named = gather([first, both], {first: "2S-W"}, against="strong")
    assert main_column(named).label == "reflected exact"
    assert "beside reflected exact" in missing(first, both)[0]
    alone = gather([first, run(tmp_path / "plain", BASE)])
    assert main_column(gather([run(tmp_path / "more", BASE), first])).label == "extrapolate"
    assert main_column(alone).label == "strong"  # the only other one


def test_seconds_on_other_devices(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", BASE, device="Slow GPU")
    reflected = run(tmp_path / "reflected", device="Fast GPU")
    text = "Clips were rendered on different devices, so seconds can't be compared."
    assert text in cautions(gather([plain, reflected]))
