"""The ways of sampling that figures 4 and 5 set side by side."""

from __future__ import annotations

from ..arms import Arm, pair, plain, turned

STEPS = 50
EXACT, TRAINED = "exact scores", "trained networks"
# What has learnt weak's data, strong's, the true ones, and strong's again from another seed.
MODELS = ("weak", "strong", "ideal", "twin")

ARMS = (
    Arm("weak", "weak", plain("weak")),
    Arm("strong", "strong", plain("strong")),
    Arm("strong, 150 steps", "strong", plain("strong"), times=3),
    Arm("extrapolate", "baseline", pair(mode="extrapolate")),
    Arm("reflected", "reflected", pair()),
    Arm("reflected, half of the steps", "reflected", pair(steps=0.5)),
    Arm("official", "reflected", pair(mode="official"), only=EXACT),
    Arm("implicit", "reflected", pair(mode="implicit")),
    Arm("cached", "reflected", pair(mode="cached"), only=EXACT),
    Arm("weak = strong", "other", pair("strong")),
    Arm("weak = strong trained again", "other", pair("twin"), only=TRAINED),
    Arm("reversed", "harm", turned),
    Arm("ideal", "ideal", plain("ideal")),
)
