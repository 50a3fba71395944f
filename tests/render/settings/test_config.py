from __future__ import annotations

from pathlib import Path

import pytest

from w2sd_video import configs
from w2sd_video.render.errors import InputError
from w2sd_video.render.settings.complaints import keys
from w2sd_video.render.settings.config import Adapter, Config, Model, ModelRef, parse_seeds
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.settings.resolve import read_config, read_layer, resolve


def settings(**data: object) -> Config:
    return resolve([Layer({"model": "org/model", **data}, "f")])


@pytest.mark.parametrize("name", configs.names())
def test_every_preset_is_valid(name: str) -> None:
    assert resolve([read_config(name)]).model.id


def test_defaults_leave_the_pipeline_its_own() -> None:
    config = settings()
    assert (config.num_inference_steps, config.guidance_scale, config.reflection) == (None,) * 3
    assert (config.seed, config.samples, config.memory.batch_size) == (0, 1, 1)


def test_steps_keep_their_type() -> None:
    for given in (0, 1, 12, 0.0, 0.5, 1.0):
        reflection = settings(reflection={"steps": given}).reflection
        assert reflection
        assert reflection.steps == given
        assert type(reflection.steps) is type(given)


def test_off_is_no_truth_value() -> None:
    """YAML reads ``off`` as false."""
    file = read_layer("model: org/model\nmemory: {attention: off}\n", "f.yaml")
    assert resolve([file]).memory.attention == "off"
    assert settings(memory={"attention": "off"}).memory.attention == "off"
    assert settings(memory={"attention": 64}).memory.attention == 64
    for wrong in (True, 0, "on"):
        with pytest.raises(InputError, match=r"memory\.attention"):
            settings(memory={"attention": wrong})


def test_a_path_in_the_user_s_home_is_the_one_written_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Libraries that load weights don't know ~; and a clip has one id."""
    monkeypatch.setenv("HOME", str(tmp_path))
    model = Model(id="~/m", denoiser=ModelRef(id="~/d"), adapters={"a": Adapter(path="~/a")})
    assert model.id == str(tmp_path / "m")
    assert model.denoiser == ModelRef(id=str(tmp_path / "d"))
    assert model.adapters["a"].path == str(tmp_path / "a")


def test_later_layers_win() -> None:
    file = read_layer("model: org/model\nfps: 8\nreflection: {gap: 2, steps: 3}\n", "f.yaml")
    config = resolve([file, Layer({"reflection": {"gap": 0.5}}, "--set")])
    assert config.reflection
    assert (config.reflection.gap, config.reflection.steps) == (0.5, 3)
    assert resolve([file, Layer({"reflection": None}, "--set")]).reflection is None


def test_what_is_dumped_can_be_read_again() -> None:
    config = settings(
        scheduler={"name": "DDIMScheduler", "timestep_spacing": "trailing"},
        reflection={"weak": {"denoiser": "a/b", "adapters": {"x": -1.5}}, "steps": 4},
        output={"formats": ["mp4", "gif"]},
    )
    assert resolve([Layer(config.model_dump(mode="json"), "f")]) == config


def test_seeds() -> None:
    assert parse_seeds(7) == [7]
    assert parse_seeds("0-3, 9,2") == [0, 1, 2, 3, 9]
    assert settings(seed=5).seeds(3) == [5, 6, 7]
    assert settings(seed="4-6").seeds(1) == [4, 5, 6]
    for wrong in ("", "a", "1-", "-1", "1,,2", "1.5", "4-2"):
        with pytest.raises(ValueError, match=r"seed|range"):
            parse_seeds(wrong)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "-x",
        "a, 1.5 (b)'_",
        "\u05e9\u05dc\u05d5\u05dd",
        "\u7ea2",
        "\u00e9" * 110,
        "com10",
        "cons",
    ],
)
def test_names_that_are_plain_file_names(name: str) -> None:
    assert settings(name=name).name == name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "/etc/passwd",
            "../x",
            "..",
            ".",
            "a/b",
            "a\\b",
            "C:x",
            "~x",
            "$x",
            ".x",
            "x.",
            "x ",
            " ",
            "",
        ),
        *("a\nb", "a\0b", "\ud800", "\U0001f600", "\u202ex", "a\u200fb", "e\u0301", "\u212b"),
        *("x" * 221, "x" * 300, "\u00e9" * 111),
    ],
)
def test_names_that_are_no_plain_file_names(name: str) -> None:
    with pytest.raises(InputError, match=r"^f: name: '.*' can't be a file name; use at most 220"):
        settings(name=name)


@pytest.mark.parametrize("name", ["con", "NUL", "aux.x", "Prn .a.b", "com1", "LPT\u00b2.x"])
def test_names_that_windows_keeps(name: str) -> None:
    with pytest.raises(InputError, match=r"^f: name: '.*' is a reserved file name on Windows"):
        settings(name=name)


def test_passed_on_values_stay_as_they_are() -> None:
    value = {"a": [1, 1.0, True, None, "\0\u05e9", {"b": -(10**30)}], "c": 0.1}
    config = settings(arguments={"x": value}, scheduler={"name": None, "x": value})
    assert repr(config.arguments["x"]) == repr(config.scheduler.x) == repr(value)


def test_keys_lists_every_key() -> None:
    names = {".".join(path) for path in keys()}
    assert {"prompt", "model.id", "reflection.weak.denoiser.subfolder", "output.crf"} <= names


def test_adapters_are_named_freely_but_checked() -> None:
    good = {"id": "a/b", "adapters": {"style": {"path": "x/y", "weight_name": "a", "scale": 0.8}}}
    assert settings(model=good).model.adapters["style"].scale == 0.8
    bad = {"id": "a/b", "adapters": {"style": {"path": "x/y", "scal": 0.8}}}
    with pytest.raises(InputError, match=r"f: model\.adapters\.style\.scal: unknown key"):
        settings(model=bad)
