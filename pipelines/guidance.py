"""Refusals that several families share: guidance of other kinds beside the classifier-free one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.family import Call
from ..core.reflection import Reflection

Refuses = Callable[[Any, Call, Reflection], str | None]


def unless_off(is_on: Callable[[Call], bool], how: str) -> Refuses:
    """Refuse what guidance terms made by further denoiser calls do not allow.

    Those terms start from the conditional output, which then must be there unchanged.

    Args:
        is_on: whether a call has such terms.
        how: the arguments that switch them off.
    """

    def refuses(pipe: Any, call: Call, reflection: Reflection) -> str | None:
        if not is_on(call):
            return None
        scales = {reflection.strong.guidance_scale, reflection.weak.guidance_scale}
        if not scales <= {None, 1.0}:
            return (
                f"beside the other guidance of this call, a side's guidance_scale can be 1 only; "
                f"pass {how}"
            )
        if reflection.mode == "implicit" and reflection.guidance_pair:
            return (
                f"mode='implicit' cannot take a pair in guidance beside the other guidance of "
                f"this call; pass {how}, or use mode='exact'"
            )
        return None

    return refuses
