"""The commits that revisions of hub repositories stand for.

A branch moves on. So that a clip's identity is of the weights that made it, and every worker loads
the same ones, a run names commits from its plan on.
"""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

from w2sd_video.render.settings import models
from w2sd_video.render.settings.config import Section

log = logging.getLogger(__name__)

COMMIT = re.compile("[0-9a-f]{40}")
PATIENCE = 10.0  # seconds, with the hub

S = TypeVar("S", bound=Section)


def pinned(section: S) -> S:
    """The same with a commit for every revision of weights from the hub."""
    changed: dict[str, object] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            changed[name] = pinned(value)
        elif isinstance(value, dict):
            changed[name] = {
                key: pinned(one) if isinstance(one, Section) else one for key, one in value.items()
            }
    if hasattr(section, "revision"):
        place = getattr(section, "id", None) or getattr(section, "path", "")
        changed["revision"] = commit(place, section.revision)
    return section.model_copy(update=changed)


@cache
def commit(reference: str, revision: str | None = None) -> str | None:
    """The commit that is known here for a revision, or that the hub has for it now.

    The revision as it is for what comes from no hub, and where nobody can tell.
    """
    if not models.on_hub(reference) or COMMIT.fullmatch(revision or ""):
        return revision
    ref = models.cached(reference, "refs", revision or "main")
    try:
        found = ref.read_text("utf-8").strip()
    except OSError:
        found = ""
    return found if COMMIT.fullmatch(found) else _asked(reference, revision, ref)


def _asked(reference: str, revision: str | None, ref: Path) -> str | None:
    """The hub's answer, which the cache is to remember: else the next plan may have another.

    Not by ``HfApi.resolve_revision``, which would wait for a silent hub forever.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    try:
        found = HfApi().model_info(reference, revision=revision, timeout=PATIENCE).sha
    except OfflineModeIsEnabled:
        return revision
    except Exception as error:  # loading will tell if it is more than a hub that can't be reached
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        known = f"its clips are known by '{revision or 'main'}'"
        log.warning("the commit of %s is not known, so %s: %s", reference, known, why)
        return revision
    with suppress(OSError):  # a cache that can't be written to
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(found or "", encoding="utf-8")
    return found or revision
