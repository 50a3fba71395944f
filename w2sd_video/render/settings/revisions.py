"""The commits that revisions of hub repositories stand for.

A branch moves on. So that a clip's identity is of the weights that made it, and every worker loads
the same ones, a run names commits from its plan on.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TypeVar

from w2sd_video.render.settings import models
from w2sd_video.render.settings.config import Section

log = logging.getLogger(__name__)

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
    if "revision" in type(section).model_fields:
        place = getattr(section, "id", None) or getattr(section, "path", "")
        changed["revision"] = commit(place, getattr(section, "revision", None))
    return section.model_copy(update=changed)


@cache
def commit(reference: str, revision: str | None = None) -> str | None:
    """The commit that was downloaded for a revision, or that the hub has for it now.

    The revision as it is for what comes from no hub, and where the hub can't be asked: then
    nothing can be loaded, either.
    """
    if not models.on_hub(reference):
        return revision
    from huggingface_hub import HfApi

    for local in (True, False):
        try:  # the hub's answer is written to the cache
            found = HfApi().resolve_revision(reference, revision=revision, local_files_only=local)
            return str(found.resolved)
        except Exception as error:  # refused, offline, ...: loading will tell
            log.debug("the commit of %s is not known: %s", reference, error)
    return revision
