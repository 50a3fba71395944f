"""docs/families.md says what is measured."""

from __future__ import annotations

import pytest

from .. import tiny
from . import table


@pytest.mark.slow
@pytest.mark.parametrize("key", list(tiny.FAMILIES))
def test_row(key: str) -> None:
    assert table.row(key) in table.FILE.read_text("utf-8"), "python -m tests.pipelines.table"


def test_no_row_is_left_over() -> None:
    measured = table.FILE.read_text("utf-8").split(table.BEGIN)[1].split(table.END)[0]
    assert len(measured.splitlines()) == len(tiny.FAMILIES) + 2
