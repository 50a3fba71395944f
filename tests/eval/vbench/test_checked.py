"""Results that are not whole are not believed."""

from __future__ import annotations

import math
from typing import Any

import pytest
from w2sd_video.eval.errors import Unusable
from w2sd_video.eval.vbench import checked


def result(**values: Any) -> dict[str, Any]:
    return {"aggregate": 0.5, "clips": [{"path": p, "value": v} for p, v in values.items()]}


def test_numbers_and_booleans_are_values() -> None:
    assert checked.values(result(a=0.25, b=True), ["a", "b"]) == {"a": 0.25, "b": 1.0}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "lists no clips"),
        (result(), "0 of 2 clips have a value; the first without: a"),
        (result(a=1), "1 of 2 clips have a value; the first without: b"),
        (result(a=1, b=2, c=3), "not asked about: c"),
        (result(a=1, b=math.nan), "value of b is nan"),
        (result(a=1, b=math.inf), "value of b is inf"),
        (result(a=1, b=None), "value of b is None"),
        (result(a=1, b="x"), "value of b is 'x'"),
        (result(a=1, b=2) | {"aggregate": math.nan}, "aggregate is nan"),
        ({"clips": result(a=1, b=2)["clips"]}, "aggregate is None"),
        ({"aggregate": 1, "clips": [{"value": 1}]}, "where a clip should be"),
        ({"aggregate": 1, "clips": [3]}, "where a clip should be"),
        ({"aggregate": 1, "clips": 2 * result(a=1)["clips"]}, "names a clip twice: a"),
    ],
)
def test_unusable(said: dict[str, Any], words: str) -> None:
    with pytest.raises(Unusable, match=words):
        checked.values(said, ["a", "b"])


def test_some_dimensions_leave_clips_out() -> None:
    assert checked.values(result(a=1), ["a", "b"], may_leave_out=True) == {"a": 1.0}
    none = {"aggregate": None, "clips": []}
    assert checked.values(none, ["a"], may_leave_out=True) == {}
    with pytest.raises(Unusable, match="aggregate is None"):
        checked.values(none, ["a"])
    with pytest.raises(Unusable, match="0 of 1 clips"):
        checked.values(result(), ["a"], may_leave_out=True)
