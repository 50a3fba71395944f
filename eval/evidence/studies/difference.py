"""Figures 11 and 12: gain against the size and the sign of the weak-to-strong difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from w2sd_video.core.reflection import Mode, Reflection, Side

from ..known.mixture import Mixture, corners, line
from ..known.pairs import Size, masses_off
from ..measured import Measured
from ..panels import Level, Line, Lines, Panel, Role, Row
from ..result import Claim, Result, Table

FULL, QUICK = Size(4000, 8), Size(100, 2)
MODES: dict[Mode, Role] = {"exact": "reflected", "implicit": "ideal", "extrapolate": "baseline"}


@dataclass(frozen=True)
class Case:
    """A strong model, the truth, and weak models on the straight line through both.

    ``behind`` is how far the weak model is behind the strong one, in units of how far that is
    behind the truth: at 1 the difference is just what the strong model lacks, at 0 there is
    none, and at −1 the "weak" model is the truth itself.
    """

    name: str
    family: Callable[..., Mixture]
    strong: tuple[float, ...]
    truth: tuple[float, ...]
    behind: tuple[float, ...]

    def weak(self, behind: float) -> Mixture:
        pairs = zip(self.strong, self.truth, strict=True)
        return self.family(*(s + behind * (s - t) for s, t in pairs))


CASES = (
    Case("Line, strong .30", line, (0.30,), (0.5,), (-1, -0.5, 0, 0.25, 0.5, 0.75, 1, 1.2, 1.4)),
    Case("Line, strong .40", line, (0.40,), (0.5,), (-1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5)),
    Case(
        "Plane",
        corners,
        (0.45, 0.35, 0.20),
        (1 / 3, 1 / 3, 1 / 3),
        (-1, -0.5, 0, 0.25, 0.5, 0.75, 1, 1.2, 1.4),
    ),
)


def run(seed: int, quick: bool) -> Result:
    size = QUICK if quick else FULL
    found = {case.name: _measure(case, size, seed) for case in CASES}
    return Result(
        name="difference",
        title="Size and sign of the difference",
        about=(
            "The paper's figures 11 and 12, with exact scores. Weak models are set up behind or "
            "before the strong one, on the straight line through it and the truth. At 1 the "
            "difference is as large as what the strong model lacks; at 0 weak = strong; below 0 "
            "the weak model is the better one. *Masses off* as above, over "
            f"{size.repeats} repetitions of {size.n} samples; gap 1, all steps."
        ),
        claims=[claim for case in CASES for claim in _claims(case, found[case.name])],
        tables=[_table(case, found[case.name]) for case in CASES],
        figure=[Row(title="", panels=[_panel(case, found[case.name]) for case in CASES])],
        caption="Distance to the truth against how far the weak model is behind the strong one: "
        "harm below 0, a valley near 1, and harm again where the difference is too large",
        remarks=[_limits(case, found[case.name]) for case in CASES],
    )


Found = tuple[Measured, dict[Mode, list[Measured]]]


def _measure(case: Case, size: Size, seed: int) -> Found:
    """Strong alone, and each mode with each weak model."""
    truth, strong = case.family(*case.truth), case.family(*case.strong)
    by_mode: dict[Mode, list[Measured]] = {}
    for mode in MODES:
        pairs = [
            Reflection(weak=Side(denoiser=case.weak(behind)), mode=mode) for behind in case.behind
        ]
        by_mode[mode] = [masses_off(truth, strong, pair, size, seed) for pair in pairs]
    return masses_off(truth, strong, None, size, seed), by_mode


def _limits(case: Case, found: Found) -> str:
    """Where the valley is, from where on it does harm, and how much the modes differ."""
    alone, by_mode = found
    exact = dict(zip(case.behind, by_mode["exact"], strict=True))
    best = min(exact, key=lambda behind: exact[behind].mean)
    harm = [b for b, off in exact.items() if b > 1 and (off.minus(alone).low or 0) > 0]
    too_far = (
        f"worse than strong alone from {min(harm):g} on"
        if harm
        else f"better than strong alone as far as was tried ({max(exact):g})"
    )
    apart = max(
        abs(e.mean - o.mean) for e, o in zip(exact.values(), by_mode["extrapolate"], strict=True)
    )
    return (
        f"{case.name}: best with a weak model {best:g} behind ({exact[best]}; strong alone "
        f"{alone}), {too_far}. `extrapolate`, which evaluates two models a step and not three, "
        f"is never further than {apart:.3f} from `exact`."
    )


def _panel(case: Case, found: Found) -> Panel:
    alone, by_mode = found
    return Lines(
        title=case.name,
        x="how far weak is behind strong (−1: it is the truth)",
        y="masses off (lower is better)",
        lines=[
            Line(label=mode, x=[*case.behind], y=values, role=MODES[mode])
            for mode, values in by_mode.items()
        ],
        levels=[Level(label="strong alone", at=alone.mean, role="strong")],
        marks=[
            Level(label="weak = strong", at=0.0),
            Level(label="as far as the truth", at=1.0),
        ],
    )


def _table(case: Case, found: Found) -> Table:
    alone, by_mode = found
    return Table(
        note=f"{case.name}; strong alone {alone}.",
        columns=[f"{mode}, masses off" for mode in by_mode],
        rows=[
            (
                f"weak {behind:g} behind".replace("-", "−"),
                [values[i] for values in by_mode.values()],
            )
            for i, behind in enumerate(case.behind)
        ],
    )


def _claims(case: Case, found: Found) -> list[Claim]:
    alone, by_mode = found
    exact = dict(zip(case.behind, by_mode["exact"], strict=True))
    other = dict(zip(case.behind, by_mode["extrapolate"], strict=True))

    def at(behind: float) -> str:
        return f"{case.name}, exact at {behind:g}".replace("-", "−")

    gains = {behind: value.minus(alone) for behind, value in exact.items()}
    far = max(case.behind)
    return [
        Claim(
            text="A weak model that is behind helps",
            row=f"{at(1)} − strong", measured=gains[1], expected="below",
        ),
        Claim(
            text="and helps more the further it is behind, up to 1",
            row=f"{at(1)} − at 0.5", measured=exact[1].minus(exact[0.5]), expected="below",
        ),
        Claim(
            text="No difference, no gain, no harm",
            row=f"{at(0)} − strong", measured=gains[0], expected="within", bound=0.02,
        ),
        Claim(
            text='A "weak" model that is the better one does harm',
            row=f"{at(-1)} − strong", measured=gains[-1], expected="above",
        ),
        Claim(
            text="The largest difference of all still helps",
            row=f"{at(far)} − strong", measured=gains[far], expected="below",
        ),
        Claim(
            text="Where the difference is as large as the lack, reflection beats extrapolation",
            row=f"{at(1)} − extrapolate", measured=exact[1].minus(other[1]), expected="below",
        ),
    ]  # fmt: skip
