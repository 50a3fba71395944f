"""Every preset is whole: it resolves offline, and diffusers takes what it says."""

from __future__ import annotations

import inspect
import io
import sys
from pathlib import Path

import diffusers
import pytest
from rich.console import Console
from w2sd_video.pipelines.catalog import MODULES

from w2sd_video import cli, configs
from w2sd_video.core.steps import SUPPORTED
from w2sd_video.render import kinds, presets
from w2sd_video.render.calls import check, parameters
from w2sd_video.render.config import Config
from w2sd_video.render.jobs import evaluations
from w2sd_video.render.loading import pipeline_class
from w2sd_video.render.resolve import read_config, resolve

# What a row of these has to bring.
OF_ROWS = {"sd15-controlnet": "image", "sd15-ip-adapter": "ip_adapter_image"}


@pytest.fixture(params=configs.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def config(name: str) -> Config:
    return resolve([read_config(name)])


def test_it_can_be_planned_offline(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("l.txt").write_text("a red circle\n")
    monkeypatch.setattr(sys, "argv", ["render", "l.txt", "-c", name, "--baseline", "--dry-run"])
    with pytest.raises(SystemExit) as stop:
        cli.render_main()
    assert stop.value.code == 0, capsys.readouterr().err
    assert "2 clips, " in capsys.readouterr().out


def test_it_reflects_at_a_known_cost(name: str, config: Config) -> None:
    assert kinds.pipeline_name(config.model) in MODULES
    assert config.reflection
    reflection = config.reflection.build(lambda reference: reference)
    assert (reflection.strong != reflection.weak) == (name != "sdxl-prompt")
    plain = evaluations(config.model_copy(update={"reflection": None}))
    reflected = evaluations(config)
    assert plain
    assert reflected
    assert plain < reflected <= 3 * plain


def test_its_scheduler_reflects_and_has_its_settings(config: Config) -> None:
    if config.scheduler is None:
        assert config.model.id == "shapes"
        return
    assert config.scheduler.name in SUPPORTED
    cls = getattr(diffusers, config.scheduler.name)
    settings = config.scheduler.model_extra or {}
    assert set(settings) <= set(inspect.signature(cls.__init__).parameters)
    if config.scheduler.name == "DDIMScheduler":
        assert settings["clip_sample"] is False


def test_its_pipeline_takes_what_it_says(name: str, config: Config) -> None:
    cls = pipeline_class(config.model)
    given = {OF_ROWS[name]: "x.png"} if name in OF_ROWS else {}
    check(cls, config.model_copy(update=given))
    if name not in ("flux", "hunyuan-video"):  # theirs is the same number, but not a CFG scale
        assert kinds.true_guidance(cls.__name__, config) == config.guidance_scale
    assert config.num_inference_steps
    assert "num_inference_steps" in parameters(cls)


def test_it_says_what_it_is(name: str) -> None:
    lines = configs.read(name).splitlines()
    head = lines[: lines.index("")]
    assert 1 <= len(head) <= 8
    assert all(line.startswith("#") for line in head)


def test_the_table() -> None:
    screen = Console(file=io.StringIO(), width=200)
    screen.print(presets.table())
    said = {line.split()[0]: " ".join(line.split()) for line in screen.file.getvalue().splitlines()}
    assert list(said) == ["name", *configs.names()]
    assert said["sdxl-art-lora"] == (
        "sdxl-art-lora guidance 5.5 / 1, LoRA art 1.5 / -1.5 1024 x 1024 50 exact 49 100 / 247"
    )
    assert said["sdxl-prompt"].startswith("sdxl-prompt given by each row ")
    assert said["sd15-controlnet"].startswith("sd15-controlnet ControlNet 1 / 0 ")
    assert said["dit-moe-experts"].startswith("dit-moe-experts experts best / worst its own 50 ")
