"""What a user asks for: validation, how many steps, which calls, at what cost."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy
import pytest

from w2sd_video.core.reflection import MODES, Reflection, Side, Stage

GUIDANCE = Reflection(weak=Side(guidance_scale=1.0))
WEIGHTS = Reflection(weak=Side(denoiser="another"))


@pytest.mark.parametrize(
    ("steps", "total", "expected"),
    [(1.0, 50, 50), (0.5, 25, 13), (0.0, 50, 0), (1, 50, 1), (7, 50, 7), (80, 50, 50)],
)
def test_a_float_is_a_fraction_and_an_int_a_number(steps: float, total: int, expected: int) -> None:
    assert Reflection(steps=steps).count(total) == expected


def test_official_leaves_the_last_step_alone() -> None:
    assert Reflection(mode="official").count(50) == 49


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "exakt"}, "mode 'exakt' is not known; choose from exact, official"),
        ({"steps": 1.5}, "write an integer"),
        ({"steps": -1}, "must not be negative, got -1"),
        ({"steps": True}, "steps must be a number, not True"),
        ({"steps": "0.5"}, "steps must be a number, not '0.5'"),
        ({"steps": float("nan")}, "steps must be a number, not nan"),
        ({"gap": float("inf")}, "gap must be a number, not inf"),
        ({"gap": "x"}, "gap must be a number, not 'x'"),
        ({"weak": None}, "weak must be a Side, not None"),
    ],
)
def test_nonsense_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reflection(**arguments)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("guidance_scale", float("nan"), "guidance_scale of a side must be a finite number, not n"),
        ("guidance_scale", "7", "guidance_scale of a side must be a finite number, not '7'"),
        ("controlnet_scale", [1.0, "0.5"], "must be a finite number, or one for each of several"),
        ("controlnet_scale", [], "must be a finite number, or one for each of several"),
        ("ip_adapter_scale", True, "ip_adapter_scale of a side must be a finite number, not True"),
        ("adapters", "art", "adapters of a side must be names and scales, for example .*'art'$"),
        ("adapters", {"art": {"down": 0.5}}, "the scale of 'art' must be a finite number, not {'d"),
        ("adapters", {"art": float("inf")}, "the scale of 'art' must be a finite number, not inf"),
        ("adapters", {1: 0.5}, "adapters of a side must have names, not 1"),
        ("prompt", 3, "^prompt of a side must be a string or some, not 3"),
        ("prompt", ["a ring", None], r"^prompt of a side must be a string or some, not \['a ring'"),
        ("negative_prompt", b"x", "^negative_prompt of a side must be a string or some, not b'x'"),
        ("experts", "all", "experts of a side must be 'best' or 'worst', not 'all'"),
    ],
)
def test_nonsense_in_a_side_is_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Side(**{field: value})


@pytest.mark.parametrize("prompt", ["a ring", ["a ring", "a star"], {0: "a ring", 8: "a star"}])
def test_what_makes_sense_is_taken(prompt: object) -> None:
    side = Side(None, -1, {"art": Fraction(1, 2)}, prompt, prompt, 0, numpy.float32(0.5), "worst")
    assert side.prompt == side.negative_prompt == prompt


def of(reflection: Reflection, mode: str) -> Reflection:
    return Reflection(reflection.strong, reflection.weak, mode=mode)


@pytest.mark.parametrize(
    ("mode", "guidance", "weights"),
    # Samples a reflected step at guidance 5, both halves counted; method.md's table of modes.
    [
        ("exact", 5, 6),
        ("official", 5, 6),
        ("implicit", 4, 6),
        ("cached", 2, 4),
        ("extrapolate", 2, 4),
    ],
)
def test_cost_of_a_reflected_step(mode: str, guidance: int, weights: int) -> None:
    for reflection, each in ((GUIDANCE, guidance), (WEIGHTS, weights)):
        reflection = of(reflection, mode)
        plain = 10 - reflection.count(10)
        assert reflection.cost(5.0, 10) == each * reflection.count(10) + 2 * plain


def test_strong_other_than_final_costs_its_own_call() -> None:
    three = Reflection(Side(adapters={"art": 1.5}), Side(adapters={"art": -1.5}), mode="cached")
    assert three.stages() == (Stage.STRONG, Stage.WEAK, Stage.FINAL)


def test_without_guidance_each_call_is_one_sample() -> None:
    assert WEIGHTS.cost(1.0, 10) == 30
    assert of(GUIDANCE, "implicit").cost(1.0, 10) == 20


def test_the_method_needs_no_torch() -> None:
    code = "import sys, w2sd_video; w2sd_video.Reflection; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_mode_has_stages() -> None:
    for mode in MODES:
        assert of(WEIGHTS, mode).stages()[-1] is Stage.FINAL
