"""Evidence: the paper's figures and tables made from nothing, with rows that could refute them.

An evidence is a module in ``studies/`` that has ``run(seed, quick) -> Result`` and stands in
``EVIDENCES`` below. All else follows from the result, which is JSON: ``plots.py`` draws it,
``section.py`` writes it down, with the paper's numbers (``published.py``), ``keep.py`` keeps it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from w2sd_video.render.errors import InputError, did_you_mean
from w2sd_video.shapes import FOLDERS, Kind

if TYPE_CHECKING:
    from .embedded.record import Record
    from .result import Result

# Name and what it shows, in the order of the page. The module has the name with underscores.
EVIDENCES = {
    "gaussians-1d": "Two Gaussians on a line, weak to ideal (the paper's figure 4)",
    "gaussians-2d": "Three Gaussians in the plane, weak to ideal (figure 5)",
    "difference": "Gain against the size and the sign of the difference (figures 11 and 12)",
    "sweep": "The settings gap and steps, and every mode, swept",
    "imbalance": "Image models of data with a rare class (figures 6 and 7)",
}
# Of these, those whose model has weights.
ON_MODELS: dict[Kind, dict[str, str]] = {
    "moe": {"experts": "A mixture of experts and its own worst ones (table 3)"},
    "image": {
        "captions": "Raw and refined captions (table 5)",
        "addition": "Weights, guidance, and both: do gains add up? (table 6)",
        "cost": "Quality against evaluations and seconds, plainly and by mode (figure 13)",
        "settings-image": "The best settings of the image model, and whether they are worth it",
    },
    "video": {
        "shapes-video": "Reflection on the shapes video UNet (table 12's question)",
        "settings-video": "The best settings of the video UNet, and whether they are worth it",
    },
    "dit": {
        "shapes-dit": "Reflection on the shapes video transformer",
        "settings-dit": "The best settings of the video transformer, and whether they are worth it",
    },
}
MISSING: dict[str, Kind] = {}  # those whose model has none, and that model
for _kind, _named in ON_MODELS.items():
    if FOLDERS[_kind].exists():
        EVIDENCES |= _named
    else:
        MISSING |= dict.fromkeys(_named, _kind)
# What two cores do not do together with the others in two hours. What was measured of every clip
# or still is kept beside the result, in a file whose name ends so.
LONG = (
    "addition", "cost", "settings-image",
    "shapes-video", "settings-video", "shapes-dit", "settings-dit",
)  # fmt: skip
RECORD = ".clips.jsonl.gz"
# Names of several.
GROUPS = {
    "short": [name for name in EVIDENCES if name not in LONG],
    "long": [name for name in EVIDENCES if name in LONG],
    "all": [*EVIDENCES],
}


class Evidence(Protocol):
    """What a module in studies/ has."""

    def run(self, seed: int, quick: bool) -> Result:
        """Measure.

        Args:
            seed: of every random number; results for one seed are the same each time.
            quick: a size that takes seconds and shows only that everything runs.
        """
        ...


class Recorded(Evidence, Protocol):
    """What those in ``LONG`` have."""

    def run(self, seed: int, quick: bool, recorded: Record | None = None) -> Result:
        """Likewise; ``recorded`` clips are not sampled again."""
        ...


def load(name: str) -> Evidence:
    """The evidence of this name, imported now."""
    module = import_module(f"{__name__}.studies.{name.replace('-', '_')}")
    return cast(Evidence, module)


def chosen(names: list[str]) -> list[str]:
    """Of the names asked for, groups among them, those that are meant, in the page's order.

    Raises:
        InputError: for a name that is not known, or whose model has no weights.
    """
    for name in names:
        if name in MISSING:
            kind = MISSING[name]
            raise InputError(
                f"{name} needs weights of the shapes model '{kind}', and this version has none; "
                f"w2sd-video shapes train FOLDER --model {kind} makes them"
            )
        if name not in GROUPS and name not in EVIDENCES:
            known = [*EVIDENCES, *GROUPS]
            near = did_you_mean(name, [*known, "ls"])
            raise InputError(f"unknown evidence '{name}'{near} ({', '.join(known)})")
    meant = {one for name in names for one in GROUPS.get(name, [name])}
    return [name for name in EVIDENCES if name in meant]
