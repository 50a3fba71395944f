"""What figures 4 and 5 share: every setting sampled, with exact scores and trained networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..arms import Models, cost
from ..measured import Measured
from ..panels import Dot, Dots, Level, Panel, Role, Row
from ..result import Claim, Hypothesis, Result, Table
from ..wording import capital
from .arms import ARMS, EXACT, MODELS, STEPS, TRAINED
from .distances import Transport, off, width
from .mixture import Mixture
from .network import train
from .sampling import ddim, noise, sample

# The paper's four, which are drawn.
SHOWN: dict[str, Role] = {
    "weak": "weak",
    "strong": "strong",
    "reflected": "reflected",
    "ideal": "ideal",
}


class Size(NamedTuple):
    """``n`` samples a repetition, in ``exact`` and ``trained`` ones; ``training`` steps."""

    n: int
    exact: int
    trained: int
    training: int


FULL, QUICK = Size(4000, 8, 5, 2500), Size(100, 2, 2, 10)

Measure = Literal["off", "transport", "width"]
MEASURES: dict[Measure, str] = {
    "off": "masses off",
    "transport": "transport",
    "width": "width of the modes",
}


@dataclass(frozen=True)
class Held(Hypothesis):
    by: Measure = "off"


CLAIMS = (
    Held("Reflection corrects the masses", "reflected", "strong", "below"),
    Held("It is nearer to the truth as a whole", "reflected", "strong", "below", by="transport"),
    Held("More steps of strong do not do as much", "reflected", "strong, 150 steps", "below"),
    Held("Half of the steps correct less", "reflected, half of the steps", "reflected", "above"),
    Held("The pair reversed does harm", "reversed", "strong", "above"),
    Held("With weak = strong the masses are as far off", "weak = strong", "strong", "within", 0.02),
    Held(
        "With weak = strong the modes stay as they are",
        "weak = strong",
        "strong",
        "within",
        0.05,
        "width",
    ),
    Held(
        "With a weak model trained on the same data the masses are as far off",
        "weak = strong trained again",
        "strong",
        "within",
        0.02,
    ),
    Held("Its masses are as good as the ideal model's", "reflected", "ideal", "within", 0.02),
    Held("Its modes have the ideal model's width", "reflected", "ideal", "within", 0.05, "width"),
    Held("It beats extrapolation in the masses", "reflected", "extrapolate", "below"),
    Held("It beats extrapolation as a whole", "reflected", "extrapolate", "below", by="transport"),
)


@dataclass
class Outcome:
    """How far one setting's samples are from the truth, by repetition.

    Attributes:
        evaluations: of a denoiser, for one sample.
        first: ``(n, d)``, the samples of the first repetition.
        levels: likewise at the beginning and after each step; only of those that are drawn.
    """

    evaluations: int
    off: list[float] = field(default_factory=list)
    transport: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    first: Tensor = field(default_factory=lambda: torch.empty(0))
    levels: list[Tensor] = field(default_factory=list)

    def measured(self, by: Measure) -> Measured:
        return Measured.of(getattr(self, by))

    @property
    def paths(self) -> Tensor:
        """``(n, levels, d)``."""
        return torch.stack(self.levels, dim=1)


class Experiment:
    """All settings on one family of distributions.

    Args:
        weak, strong, ideal: what the models have learnt; ideal is the truth.
    """

    def __init__(
        self, weak: Mixture, strong: Mixture, ideal: Mixture, seed: int, quick: bool
    ) -> None:
        self.truth, self.size, self._seed = ideal, QUICK if quick else FULL, seed
        self._learnt = dict(zip(MODELS, (weak, strong, ideal, strong), strict=True))
        self._transport = Transport(ideal)
        self.outcomes: dict[str, dict[str, Outcome]] = {EXACT: {}, TRAINED: {}}
        for repeat in range(self.size.exact):
            self._sample(self._learnt, EXACT, repeat)
        for repeat in range(self.size.trained):
            self._sample(self._train(repeat), TRAINED, repeat)

    def _train(self, repeat: int) -> Models:
        """Networks of this repetition's own."""
        first = 1000 * self._seed + 10 * repeat
        steps = self.size.training
        return {
            name: train(data, steps, first + k)
            for k, (name, data) in enumerate(self._learnt.items())
        }

    def _sample(self, models: Models, kind: str, repeat: int) -> None:
        """In every setting, from the same noise."""
        start = noise(self.size.n, self.truth.means.shape[1], 1000 * self._seed + repeat)
        for arm in ARMS:
            if arm.only not in ("", kind):
                continue
            model, reflection = arm.make(models)
            steps = round(arm.times * STEPS)
            outcome = self.outcomes[kind].setdefault(arm.label, Outcome(cost(reflection, steps)))
            watched = repeat == 0 and arm.label in SHOWN
            watch: Callable[[Tensor], None] = outcome.levels.append if watched else _ignore
            x = sample(ddim(), model, reflection, noise=start, steps=steps, watch=watch)
            outcome.off.append(off(x, self.truth))
            outcome.transport.append(self._transport(x))
            outcome.width.append(width(x, self.truth))
            outcome.first = x if repeat == 0 else outcome.first

    def result(
        self, name: str, title: str, about: str, caption: str, shown: Callable[[str, str], Panel]
    ) -> Result:
        """All that follows from the outcomes.

        Args:
            shown: the panel of a kind (EXACT, TRAINED) and one of the labels in SHOWN.
        """
        kinds = (EXACT, TRAINED)
        return Result(
            name=name,
            title=title,
            about=about,
            claims=[claim for kind in kinds for claim in self._claims(kind)],
            tables=[self._table(kind) for kind in kinds],
            figure=[
                *(
                    Row(title=capital(kind), panels=[shown(kind, s) for s in SHOWN])
                    for kind in kinds
                ),
                Row(title="How far the masses are off", panels=[self._dots(k) for k in kinds]),
            ],
            caption=caption,
            remarks=[remark for kind in kinds for remark in self._remarks(kind)],
        )

    def _table(self, kind: str) -> Table:
        size = self.size
        repeats = f"{size.exact} repetitions of {size.n} samples."
        if kind == TRAINED:
            repeats = (
                f"{size.trained} repetitions of {size.n} samples, each with networks of its own "
                f"({size.training} training steps)."
            )
        return Table(
            note=f"With {kind}, {repeats}",
            columns=["denoiser evaluations", *MEASURES.values()],
            rows=[
                (label, [str(found.evaluations), *(found.measured(by) for by in MEASURES)])
                for label, found in self.outcomes[kind].items()
            ],
        )

    def _dots(self, kind: str) -> Dots:
        found = self.outcomes[kind]
        return Dots(
            title=capital(kind),
            x="masses off (total variation; further left is better)",
            dots=[
                Dot(label=s.label, role=s.role, value=found[s.label].measured("off"))
                for s in ARMS
                if s.label in found
            ],
            levels=[Level(label="strong", at=found["strong"].measured("off").mean, role="strong")],
        )

    def _claims(self, kind: str) -> list[Claim]:
        found = self.outcomes[kind]
        return [
            held.claim(
                f"{kind}, {MEASURES[held.by]}: {held.a} − {held.b}",
                found[held.a].measured(held.by).minus(found[held.b].measured(held.by)),
            )
            for held in CLAIMS
            if held.a in found
        ]

    def _remarks(self, kind: str) -> list[str]:
        """Which way leads nearest to the truth as a whole."""
        found = {label: o.measured("transport") for label, o in self.outcomes[kind].items()}
        ways = ["reflected", "implicit", "extrapolate"]
        order = sorted(ways, key=lambda label: found[label].mean)
        told = ", ".join(f"{label} {found[label]}" for label in order)
        return [
            f"With {kind}, from the nearest to the truth by transport: {told}; the ideal model "
            f"itself has {found['ideal']}, strong {found['strong']}, and strong reflected with "
            f"itself {found['weak = strong']}."
        ]


def _ignore(x: Tensor) -> None:
    """For those whose way is not drawn."""


def percent(mass: Tensor) -> list[str]:
    return [f"{100 * float(share):.0f} %" for share in mass]
