"""The settings of a reflection swept: gap, steps, mode, and the number of sampling steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from w2sd_video.core.reflection import MODES, Mode, Reflection, Side

from ..known.mixture import Mixture, corners, line
from ..known.pairs import Size, masses_off
from ..measured import Measured
from ..panels import BY_MODE, Level, Line, Lines, Panel, Row
from ..result import Claim, Expected, Result, Table
from ..wording import capital

FULL, QUICK = Size(4000, 8), Size(100, 2)
GAPS = (-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
SHARES = (0.25, 0.5, 1.0)
SAMPLING_STEPS = (10, 25, 50)

T = TypeVar("T")  # a cell: gap, or share and gap


@dataclass(frozen=True)
class Pair:
    name: str
    weak: Mixture
    strong: Mixture
    truth: Mixture


PAIRS = (
    Pair(
        "plane, a matched pair",
        corners(0.60, 0.35, 0.05),
        corners(0.45, 0.35, 0.20),
        corners(1 / 3, 1 / 3, 1 / 3),
    ),
    Pair("line, a pair too far apart", line(0.05), line(0.40), line(0.50)),
)


class Sweep:
    """Masses off of one pair, by setting."""

    def __init__(self, pair: Pair, size: Size, seed: int) -> None:
        self.pair, self._size, self._seed = pair, size, seed
        self.alone = self._off(None)
        self.by_share = {
            share: {gap: self._reflected(gap=gap, share=share) for gap in GAPS} for share in SHARES
        }
        self.by_mode: dict[Mode, dict[float, Measured]] = {
            mode: self.by_share[1.0]
            if mode == "exact"
            else {gap: self._reflected(mode=mode, gap=gap) for gap in GAPS}
            for mode in MODES
        }
        self.by_steps = {
            mode: [self._reflected(mode=mode, sampling=n) for n in SAMPLING_STEPS] for mode in MODES
        }
        self.alone_by_steps = [self._off(None, n) for n in SAMPLING_STEPS]

    def _reflected(
        self, mode: Mode = "exact", gap: float = 1.0, share: float = 1.0, sampling: int = 50
    ) -> Measured:
        if gap == 0 and sampling == 50:
            return self.alone  # x~ = x: exactly what strong samples
        weak = Side(denoiser=self.pair.weak)
        return self._off(Reflection(weak=weak, mode=mode, gap=gap, steps=share), sampling)

    def _off(self, reflection: Reflection | None, sampling: int = 50) -> Measured:
        pair = self.pair
        return masses_off(pair.truth, pair.strong, reflection, self._size, self._seed, sampling)

    def best(self) -> tuple[float, float, Measured]:
        """Share, gap, and masses off of the best cell: chosen on the first half of the
        repetitions, measured on the second."""
        cells = {(share, gap): self.by_share[share][gap] for share in SHARES for gap in GAPS}
        share, gap = self._nearest(cells)
        return share, gap, self.second_half(cells[share, gap])

    def best_of(self, mode: Mode) -> tuple[float, Measured]:
        """Gap, and masses off, of a mode on all steps; likewise."""
        gap = self._nearest(self.by_mode[mode])
        return gap, self.second_half(self.by_mode[mode][gap])

    def _nearest(self, found: Mapping[T, Measured]) -> T:
        half = self._size.repeats // 2
        return min(found, key=lambda cell: sum(found[cell].values[:half]))

    def second_half(self, value: Measured) -> Measured:
        return Measured.of(value.values[self._size.repeats // 2 :])


def run(seed: int, quick: bool) -> Result:
    size = QUICK if quick else FULL
    sweeps = [Sweep(pair, size, seed) for pair in PAIRS]
    return Result(
        name="sweep",
        title="Gap, steps and modes",
        about=(
            "Reflection's two settings on two pairs with exact scores: one whose difference is "
            "about what the strong model lacks (the plane above), and one whose weak model is "
            "much too weak (weak .05, strong .40, truth .50 in the left mode). *Masses off* "
            f"over {size.repeats} repetitions of {size.n} samples."
        ),
        claims=[claim for sweep in sweeps for claim in _claims(sweep)],
        tables=[made(sweep) for sweep in sweeps for made in (_by_share, _by_mode, _sampling)],
        figure=[
            Row(title="Mode exact, by steps that reflect", panels=[_shares(s) for s in sweeps]),
            Row(title="All steps, by mode", panels=[_modes(s) for s in sweeps]),
        ],
        caption="Distance to the truth against gap: on top for shares of reflected steps, below "
        "for the modes; left a matched pair, right a pair too far apart",
        remarks=[remark(sweep) for sweep in sweeps for remark in (_chosen, _at_few_steps)],
    )


def _chosen(sweep: Sweep) -> str:
    share, gap, off = sweep.best()
    default = sweep.second_half(sweep.by_share[1.0][1.0])
    return (
        f"{capital(sweep.pair.name)}: the best cell is gap {gap:g} on "
        f"{share:.0%} of the steps, {off} (chosen on half of the repetitions, measured on the "
        f"others); the default, gap 1 on all steps, has {default}, strong alone "
        f"{sweep.second_half(sweep.alone)}."
    )


def _at_few_steps(sweep: Sweep) -> str:
    """Modes with the fewest sampling steps, the nearest to the truth first."""
    few = {mode: values[0] for mode, values in sweep.by_steps.items()}
    order = sorted(few, key=lambda mode: few[mode].mean)
    told = ", ".join(f"{mode} {few[mode]}" for mode in order)
    return (
        f"{capital(sweep.pair.name)}, with {SAMPLING_STEPS[0]} sampling "
        f"steps: {told}; strong alone {sweep.alone_by_steps[0]}."
    )


def _shares(sweep: Sweep) -> Panel:
    lines = [
        Line(
            label=f"{share:.0%} of the steps",
            x=[*GAPS],
            y=[*by_gap.values()],
            shade=i / (len(SHARES) - 1),
        )
        for i, (share, by_gap) in enumerate(sweep.by_share.items())
    ]
    return _panel(sweep, lines)


def _modes(sweep: Sweep) -> Panel:
    lines = [
        Line(label=mode, x=[*GAPS], y=[*by_gap.values()], role=BY_MODE[mode])
        for mode, by_gap in sweep.by_mode.items()
    ]
    return _panel(sweep, lines)


def _panel(sweep: Sweep, lines: list[Line]) -> Panel:
    return Lines(
        title=capital(sweep.pair.name),
        x="gap",
        y="masses off (lower is better)",
        lines=lines,
        levels=[Level(label="strong alone", at=sweep.alone.mean, role="strong")],
        marks=[Level(label="default", at=1.0), Level(label="no reflection", at=0.0)],
    )


def _by_share(sweep: Sweep) -> Table:
    return _by_gap(
        f"{capital(sweep.pair.name)}, mode exact, by the share of "
        f"steps that reflect; strong alone {sweep.alone}.",
        {f"{share:.0%} of the steps": by_gap for share, by_gap in sweep.by_share.items()},
    )


def _by_mode(sweep: Sweep) -> Table:
    return _by_gap("The same pair on all of the steps, by mode.", dict(sweep.by_mode.items()))


def _by_gap(note: str, found: Mapping[str, dict[float, Measured]]) -> Table:
    return Table(
        note=note,
        columns=[*found],
        rows=[
            (f"gap {gap:g}".replace("-", "−"), [by_gap[gap] for by_gap in found.values()])
            for gap in GAPS
        ],
    )


def _sampling(sweep: Sweep) -> Table:
    rows: list[tuple[str, list[Measured | str]]] = [("strong alone", [*sweep.alone_by_steps])]
    rows += [(mode, [*values]) for mode, values in sweep.by_steps.items()]
    return Table(
        note="The same pair with fewer sampling steps, gap 1 on all of them.",
        columns=[f"{n} steps" for n in SAMPLING_STEPS],
        rows=rows,
    )


def _claims(sweep: Sweep) -> list[Claim]:
    name, alone = sweep.pair.name.partition(",")[0], sweep.alone
    all_steps, half = sweep.by_share[1.0], sweep.by_share[0.5]
    few = {mode: values[0] for mode, values in sweep.by_steps.items()}
    exact, extrapolate = (sweep.best_of(mode) for mode in ("exact", "extrapolate"))

    def claim(
        text: str, row: str, measured: Measured, expected: Expected, bound: float = 0
    ) -> Claim:
        return Claim(
            text=text, row=f"{name}, {row}", measured=measured, expected=expected, bound=bound
        )

    return [
        claim("The default helps", "gap 1 on all steps − strong",
              all_steps[1].minus(alone), "below"),
        claim("A smaller gap helps, too", "gap 0.25 on all steps − strong",
              all_steps[0.25].minus(alone), "below"),
        claim("A larger gap helps more", "gap 2 − gap 1 on all steps",
              all_steps[2].minus(all_steps[1]), "below"),
        claim("A negative gap does harm", "gap −1 on all steps − strong",
              all_steps[-1].minus(alone), "above"),
        claim("Fewer steps push less: the same gap on half of them is further from the truth",
              "gap 1 on half − on all steps", half[1].minus(all_steps[1]), "above"),
        claim("With ten sampling steps it still helps", "exact, 10 steps − strong, 10 steps",
              few["exact"].minus(sweep.alone_by_steps[0]), "below"),
        claim("At their best gaps, exact is no worse than extrapolate", f"exact, gap {exact[0]:g} "
              f"− extrapolate, gap {extrapolate[0]:g}", exact[1].minus(extrapolate[1]), "below",
              0.005),
    ]  # fmt: skip
