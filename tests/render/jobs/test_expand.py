from __future__ import annotations

import pytest

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs import expand
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.settings.layers import Layer


def prompts(text: str) -> list[str]:
    row = Layer({"prompt": text, "fps": 4}, "l", {(): 1})
    found = expand.prompts(row)
    assert all((r.data["fps"], r.file, r.line(())) == (4, "l", 1) for r in found)
    return [r.data["prompt"] for r in found]


def test_the_leftmost_group_turns_slowest() -> None:
    assert prompts("a {red|blue} {ring|cross | star} moving") == [
        "a red ring moving",
        "a red cross moving",
        "a red star moving",
        "a blue ring moving",
        "a blue cross moving",
        "a blue star moving",
    ]


def test_a_choice_may_be_nothing() -> None:
    assert prompts("a {|big} ring{|, moving}") == [
        "a ring",
        "a ring, moving",
        "a big ring",
        "a big ring, moving",
    ]


@pytest.mark.parametrize("text", ["a ring", "a {ring}", "{}", "a | b", "} {", "{a|b", "a|b}"])
def test_braces_without_a_choice_are_just_braces(text: str) -> None:
    assert prompts(text) == [text]


@pytest.mark.parametrize("text", ["{a|{b|c}}", "x{a|b {c|d} e}"])
def test_groups_in_groups_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"l:1: prompt: \{…\|…\} within"):
        prompts(text)


def test_too_many_choices_are_refused() -> None:
    with pytest.raises(InputError, match=r"l:1: prompt: stands for 16384 clips; the most is 10000"):
        prompts("{a|b}" * 14)


def test_sweeps_combine_the_first_turning_slowest() -> None:
    layers = expand.sweeps(["reflection.gap=0.5,1", "reflection.mode=exact, implicit"])
    assert [layer.data["reflection"] for layer in layers] == [
        {"gap": 0.5, "mode": "exact"},
        {"gap": 0.5, "mode": "implicit"},
        {"gap": 1, "mode": "exact"},
        {"gap": 1, "mode": "implicit"},
    ]


def test_values_are_read_as_yaml() -> None:
    (one, two) = expand.sweeps(["output.formats=[mp4, gif],[png]"])
    assert one.data["output"]["formats"] == ["mp4", "gif"]
    assert two.data["output"]["formats"] == ["png"]
    texts = expand.sweeps(["""negative_prompt=null,007,"a, b",'c, d'"""])
    assert [layer.data["negative_prompt"] for layer in texts] == ["null", "007", "a, b", "c, d"]
    assert [layer.data for layer in expand.sweeps([])] == [{}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["fps"], "--sweep: must be key=v1,v2, got 'fps'"),
        (["fps="], "--sweep: must be key=v1,v2, got 'fps='"),
        (["fps=1", "fps=2"], "--sweep: fps: swept over twice"),
        (["fps=[1"], "--sweep: fps: can't read the values '[1'"),
        (["seed=" + ",".join(["1"] * 10_001)], "--sweep: stands for 10001 clips"),
    ],
)
def test_bad_sweeps(given: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        expand.sweeps(given)
    assert str(error.value).startswith(message)


def test_every_row_meets_every_combination_and_shares_its_plain_twin() -> None:
    base = {"model": "org/model", "reflection": {}, "guidance_scale": 3.0}
    rows = [Layer({"prompt": p}, "l", {(): i}) for i, p in enumerate("ab", 1)]
    swept = expand.sweeps(["reflection.gap=0.5,1", "num_inference_steps=4,8"])
    jobs = plan([Layer(base, "f")], rows, baseline=True, swept=swept).jobs
    reflected = [
        (job.prompt, job.config.reflection.gap, job.config.num_inference_steps)
        for job in jobs
        if job.config.reflection
    ]
    assert reflected == [(p, gap, n) for p in "ab" for gap in (0.5, 1.0) for n in (4, 8)]
    assert len(jobs) == 8 + 4
    with pytest.raises(InputError, match=r"^--sweep: reflection\.mode: unknown mode"):
        plan([Layer(base, "f")], rows, swept=expand.sweeps(["reflection.mode=exat"]))
