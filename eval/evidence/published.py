"""What the paper (arXiv 2502.00473) reports on the same questions, to stand beside ours.

Its models, prompts and scores are others, so only the sign of a difference and who is ahead can
be held against what is measured here. It gives no intervals.
"""

from __future__ import annotations

from .result import Table

_OTHER = "Its models and scores are others; signs compare, sizes do not."

_VIDEO = Table(
    note="In the paper (table 12): AnimateDiff, 200 prompts, dimensions of VBench. Of these only "
    "the last one is measured here, by speed.",
    columns=["strong", "reflected"],
    rows=[
        ("subject consistency", ["96.08", "97.14"]),
        ("background consistency", ["97.55", "97.94"]),
        ("aesthetic quality", ["57.71", "59.37"]),
        ("imaging quality", ["64.17", "64.70"]),
        ("motion smoothness", ["96.88", "96.87"]),
        ("dynamic degree", ["13.07", "8.00"]),
    ],
)
# By the names of evidences.
PUBLISHED: dict[str, Table] = {
    "shapes-video": _VIDEO,
    "shapes-dit": _VIDEO,
    "experts": Table(
        note=f"In the paper (table 3): DiT-MoE-S, 50,000 pictures of ImageNet. {_OTHER}",
        columns=["best experts", "reflected"],
        rows=[("IS ↑", ["45.44", "55.53"]), ("FID ↓", ["15.10", "9.10"])],
    ),
    "captions": Table(
        note=f"In the paper (table 5): raw and refined prompts of GenEval. {_OTHER}",
        columns=["refined", "reflected"],
        rows=[
            ("HPS v2", ["28.57", "29.40"]),
            ("aesthetic", ["5.77", "5.88"]),
            ("PickScore", ["21.64", "21.81"]),
            ("preferred by MPS, %", ["45.77", "54.23"]),
        ],
    ),
    "addition": Table(
        note="In the paper (table 6): HPS v2 of Juggernaut-XL over SDXL on Pick-a-Pic, and how "
        f"often a picture scores higher than the strong model's. {_OTHER}",
        columns=["HPS v2", "wins"],
        rows=[
            ("neither", ["31.64", "–"]),
            ("weights", ["32.10", "76 %"]),
            ("condition", ["32.82", "84 %"]),
            ("both", ["32.96", "90 %"]),
        ],
    ),
}
