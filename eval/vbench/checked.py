"""What the runner says, believed only where it is whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from w2sd_video.eval.errors import Unusable
from w2sd_video.eval.vbench.dimensions import Dimension


def values(
    result: Mapping[str, Any], paths: Iterable[str], may_leave_out: bool = False
) -> dict[str, float]:
    """By path what was said of each clip, as VBench says it.

    Args:
        result: of the tasks ``score`` and ``static``.
        paths: of all clips that were asked about.
        may_leave_out: whether some may be missing, or all, of which there is no aggregate.

    Raises:
        Unusable: if a clip is missing, unknown or named twice, or a value is no finite number.
    """
    asked = dict.fromkeys(paths)
    listed = result.get("clips")
    if not isinstance(listed, list):
        raise Unusable("the result lists no clips")
    if may_leave_out and not listed and result.get("aggregate") is None:
        return {}
    found: dict[str, float] = {}
    for item in listed:
        try:
            path, value = item["path"], item["value"]
        except (TypeError, KeyError):
            raise Unusable(f"the result has {item!r} where a clip should be") from None
        if path not in asked:
            raise Unusable(f"the result names a clip that was not asked about: {path}")
        if path in found:
            raise Unusable(f"the result names a clip twice: {path}")
        if not _is_finite(value):
            raise Unusable(f"the value of {path} is {value!r}, not a finite number")
        found[path] = float(value)
    if not _is_finite(result.get("aggregate")):
        raise Unusable(f"the aggregate is {result.get('aggregate')!r}, not a finite number")
    lacking = [path for path in asked if path not in found]
    if not found or (lacking and not may_leave_out):
        raise Unusable(
            f"{len(found)} of {len(asked)} clips have a value; the first without: {lacking[0]}"
        )
    return found


def _is_finite(value: Any) -> bool:
    return isinstance(value, bool | int | float) and math.isfinite(value)


def agrees(
    dimension: Dimension, result: Mapping[str, Any], clips: Iterable[tuple[float, int]]
) -> bool:
    """Whether the aggregate of these clips is the one that VBench gives of them."""
    own = dimension.aggregate(clips)
    return math.isclose(own, float(result["aggregate"]), rel_tol=1e-4, abs_tol=1e-5)
