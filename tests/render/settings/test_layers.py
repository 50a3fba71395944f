from __future__ import annotations

from collections.abc import Callable

import pytest

from w2sd_video.render.errors import InputError
from w2sd_video.render.settings.layers import Layer, blame, merge, nested, read_yaml, scalar


def test_a_shorthand_replaces_and_a_mapping_adds() -> None:
    below = merge({}, {"model": "shapes", "scheduler": "DDIMScheduler"})
    assert below == {"model": {"id": "shapes"}, "scheduler": {"name": "DDIMScheduler"}}
    above = merge(below, {"model": {"dtype": "float16"}})
    assert above["model"] == {"id": "shapes", "dtype": "float16"}
    assert merge(above, {"model": "other"})["model"] == {"id": "other"}
    assert merge(above, {"model": None})["model"] is None
    assert below["model"] == {"id": "shapes"}


def test_dotted_keys_unfold() -> None:
    flat = {"reflection.gap": 1, "reflection": {"weak.prompt": "x"}, "fps": 8}
    assert nested(flat, "f") == {"reflection": {"gap": 1, "weak": {"prompt": "x"}}, "fps": 8}
    with pytest.raises(InputError, match=r"f:3: a\.b: 'a' is given as a value already"):
        nested({"a": 1, "a.b": 2}, "f", 3)


def test_scalars_are_yaml_but_for_text() -> None:
    assert scalar("0.5", "reflection.steps", "f") == 0.5
    assert scalar("12", "reflection.steps", "f") == 12
    assert scalar("null", "reflection", "f") is None
    assert scalar("1984", "prompt", "f") == "1984"
    assert scalar("yes", "reflection.weak.prompt", "f") == "yes"


@pytest.mark.parametrize("read", [lambda t: scalar(t, "seed", "f"), lambda t: read_yaml(t, "f")[0]])
def test_whole_numbers_are_decimal(read: Callable[[str], object]) -> None:
    """YAML 1.1 has 010 for 8 and 1:30 for 90."""
    texts = ("010", "08", "077", "-7", "0x1f", "1:30", "0-4", "1e3")
    assert [read(text) for text in texts] == [10, 8, 77, -7, 31, "1:30", "0-4", "1e3"]


def test_yaml_remembers_lines() -> None:
    data, lines = read_yaml("model: shapes\nreflection:\n  gap: 1\n\nfps: 8\n", "f")
    assert data == {"model": "shapes", "reflection": {"gap": 1}, "fps": 8}
    layer = Layer(data, "f", lines)
    assert [layer.line(("reflection", "gap")), layer.line(("fps",))] == [3, 5]
    assert layer.line(("reflection", "nowhere")) == 2
    assert read_yaml("", "f")[0] is None


def test_yaml_bombs_are_refused() -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\n"
    with pytest.raises(InputError, match="aliases"):
        read_yaml(bomb, "f")
    with pytest.raises(InputError, match="nested too deep"):
        read_yaml("[" * 1000, "f")
    with pytest.raises(InputError, match=r"f:3: x: can't read the value .* aliases"):
        scalar("{a: &a [x, x], b: &b [*a, *a]}", "x", "f", 3)
    with pytest.raises(InputError, match=r"f:3: x: can't read the value .* nested too deep"):
        scalar("[" * 1000, "x", "f", 3)
    with pytest.raises(InputError, match="f:3: nested too deep"):
        nested({"a." * 100 + "b": 1}, "f", 3)


def test_the_last_layer_that_wrote_a_key_is_blamed() -> None:
    low = Layer({"fps": 8, "reflection": {"gap": 1}}, "low")
    high = Layer({"fps": 9}, "high")
    assert str(blame([low, high], "bad", ("fps",))) == "high: fps: bad"
    assert str(blame([low, high], "bad", ("reflection", "gap"))) == "low: reflection.gap: bad"
    assert str(blame([low, high], "missing", ("model",))) == "low: model: missing"
