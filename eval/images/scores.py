"""Which scores there are, what each needs, and which can't be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from w2sd_video.render.errors import InputError, did_you_mean

WHERE = "--scores"
SOURCE = "images 2"  # counts up when values are computed otherwise


@dataclass(frozen=True)
class Kind:
    """One score.

    Attributes:
        name: as it is asked for, and kept.
        model: whose weights it takes, see ``weights.MODELS``.
        needs_prompt: whether the value depends on the prompt.
        needs_reference: whether it depends on the images of another folder.
        of_set: whether a whole set of images has one value, and none of them one of its own.
    """

    name: str
    model: str
    needs_prompt: bool = False
    needs_reference: bool = False
    of_set: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        Kind("pickscore", "pickscore", needs_prompt=True),
        Kind("hps-v2", "hps-v2", needs_prompt=True),
        Kind("aesthetic", "aesthetic"),
        Kind("clip-t", "clip", needs_prompt=True),
        Kind("clip-i", "clip", needs_reference=True),
        Kind("dino", "dino", needs_reference=True),
        Kind("is", "inception", of_set=True),
        Kind("fid", "inception", needs_reference=True, of_set=True),
    )
}
DEFAULT = ("pickscore", "hps-v2", "aesthetic", "clip-t")
WITH_REFERENCE = ("clip-i", "dino")  # asked for by naming a reference, too
# The paper has these, and no maintained package does.
NOT_OFFERED = {
    "imagereward": "its package, image-reward 1.5 of July 2023, pins timm 0.6.13 and fairscale"
    " 0.4.13 and imports torchvision",
    "mps": "no package has it, and its weights are a pickle of a whole model",
}


def chosen(listed: str | None, has_reference: bool) -> list[Kind]:
    """Scores by name, each once; ``all`` is every one of them.

    Args:
        listed: names with commas between them; None for those that make sense of any folder.
        has_reference: whether there are other images to compare with.

    Raises:
        InputError: for a name that is none.
    """
    if listed is None:
        return [KINDS[n] for n in (*DEFAULT, *(WITH_REFERENCE if has_reference else ()))]
    return list({kind.name: kind for kind in _named(listed.split(","))}.values())


def _named(names: Sequence[str]) -> list[Kind]:
    found = []
    for given in names:
        name = given.strip().lower().replace("_", "-")
        if name == "all":
            return list(KINDS.values())
        if name in NOT_OFFERED:
            raise InputError(f"'{name}' can't be scored: {NOT_OFFERED[name]}", WHERE)
        if name not in KINDS:
            near = did_you_mean(name, KINDS)
            raise InputError(f"unknown score '{given.strip()}'{near} ({', '.join(KINDS)})", WHERE)
        found.append(KINDS[name])
    return found
