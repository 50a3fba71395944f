"""The ways of sampling that figures 6 and 7 set side by side."""

from __future__ import annotations

from ..arms import Arm, pair, plain, turned

# Share of the rare shape in the training data. Balanced is a third: there are three shapes.
SHARES = {"weak": 0.02, "strong": 0.10, "balanced": 1 / 3}
# Of the models that are trained, all from seeds and pictures of their own; the twin has strong's
# shares.
MODELS = {**SHARES, "twin": SHARES["strong"]}

GAPS = (0.5, 1.0, 1.5, 2.0, 3.0)
LONGER = 1.5  # extrapolation has two evaluations a step where exact has three
# By gap: what reflects, and extrapolation for as many evaluations.
REFLECTED = {gap: "reflected" if gap == 1 else f"reflected, gap {gap:g}" for gap in GAPS}
EXTRAPOLATED = {
    gap: "extrapolate, equal evaluations" + (f", gap {gap:g}" if gap != 1 else "") for gap in GAPS
}
ARMS = (
    Arm("weak", "weak", plain("weak")),
    Arm("strong", "strong", plain("strong")),
    Arm("strong, three times the steps", "strong", plain("strong"), times=3),
    Arm("extrapolate", "baseline", pair(mode="extrapolate")),
    *(
        Arm(label, "baseline", pair(mode="extrapolate", gap=gap), times=LONGER)
        for gap, label in EXTRAPOLATED.items()
    ),
    *(Arm(label, "reflected", pair(gap=gap)) for gap, label in REFLECTED.items()),
    Arm("reflected, half of the steps", "reflected", pair(steps=0.5)),
    Arm("implicit", "reflected", pair(mode="implicit")),
    Arm("weak = strong trained again", "other", pair("twin")),
    Arm("reversed", "harm", turned),
    Arm("balanced data", "ideal", plain("balanced")),
)
