"""What stands for several: ``{a|b}`` in a prompt, and ``--sweep key=v1,v2``.

Every row is expanded where it stands: its prompts first, the leftmost group turning slowest,
and each of them with every combination of the sweeps, the first sweep turning slowest.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import yaml

from w2sd_video.render.errors import InputError
from w2sd_video.render.settings.layers import Layer, nested, scalar

MOST = 10_000  # prompts of one row, or combinations of sweeps
GROUP = re.compile(r"\{([^{}]*\|[^{}]*)\}")  # braces without a bar in them are just braces


def prompts(row: Layer) -> list[Layer]:
    """A row for every choice that its prompt offers.

    Raises:
        InputError: for groups within groups, and for too many choices.
    """
    prompt = row.data.get("prompt")
    if not isinstance(prompt, str) or not (groups := GROUP.findall(prompt)):
        return [row]
    between = GROUP.split(prompt)[::2]
    if any("{" in text and "|" in text for text in between):
        raise row.error("{…|…} within {…|…} can't be expanded", ("prompt",))
    choices = [[choice.strip() for choice in group.split("|")] for group in groups]
    _limit(choices, row, ("prompt",))
    return [
        replace(row, data=row.data | {"prompt": _joined(between, chosen)})
        for chosen in itertools.product(*choices)
    ]


def sweeps(assignments: Sequence[str]) -> list[Layer]:
    """A layer for every combination of the values swept over; one without any if none are.

    Values are separated by commas and read as YAML, so that one may be a list itself.

    Raises:
        InputError: if one is no ``key=v1,v2``, or there are too many combinations.
    """
    keys: list[str] = []
    values: list[list[Any]] = []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip()
        if not (equals and key and text.strip()):
            raise InputError(f"must be key=v1,v2, got '{assignment}'", "--sweep")
        if key in keys:
            raise InputError("swept over twice", "--sweep", None, key)
        keys.append(key)
        values.append(list(_values(text, key)))
    _limit(values, Layer({}, "--sweep"), ())
    return [
        Layer(nested(dict(zip(keys, chosen, strict=True)), "--sweep"), "--sweep")
        for chosen in itertools.product(*values)
    ]


def _values(text: str, key: str) -> Iterator[Any]:
    try:
        node = yaml.compose(f"[{text}]", yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        raise InputError(f"can't read the values '{text}'", "--sweep", None, key) from None
    assert node is not None
    for part in node.value:
        start, end = part.start_mark.index - 1, part.end_mark.index - 1
        if isinstance(part, yaml.ScalarNode) and part.style in ("'", '"'):
            yield part.value  # a text with commas, maybe
        else:
            yield scalar(text[start:end], key, "--sweep")


def _limit(choices: list[list[Any]], layer: Layer, path: tuple[str, ...]) -> None:
    count = 1
    for each in choices:
        count *= len(each)
    if count > MOST:
        raise layer.error(f"stands for {count} clips; the most is {MOST}", path)


def _joined(between: list[str], chosen: tuple[str, ...]) -> str:
    texts = itertools.chain.from_iterable(itertools.zip_longest(between, chosen, fillvalue=""))
    return " ".join("".join(texts).split())
