"""Every preset is whole: it resolves offline, and diffusers takes what it says."""

from __future__ import annotations

import inspect
import io
import sys
from pathlib import Path

import diffusers
import pytest
from peft import LoraConfig
from rich.console import Console
from w2sd_video.pipelines.catalog import MODULES

from w2sd_video import Side, cli, configs, shapes
from w2sd_video.core.steps import SUPPORTED
from w2sd_video.render.inference import worker
from w2sd_video.render.inference.calls import check, parameters
from w2sd_video.render.inference.loading import pipeline_class
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.reporting import presets
from w2sd_video.render.settings import kinds
from w2sd_video.render.settings.config import Config
from w2sd_video.render.settings.cost import evaluations
from w2sd_video.render.settings.layers import Layer
from w2sd_video.render.settings.resolve import read_config, resolve

from ... import tiny
from .. import families

# What a row of these has to bring.
OF_ROWS = {
    "sd15-controlnet": "image",
    "sdxl-controlnet": "image",
    "animatediff-controlnet": "conditioning_frames",
    "animatediff-sparsectrl": "conditioning_frames",
    "animatediff-video": "video",
    "sd15-ip-adapter": "ip_adapter_image",
    "wan21-image": "image",
    "cogvideox-5b-image": "image",
}


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
    Path("l.txt").write_text("a red circle on a white background\n")
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


# Of the strong side, the weak side and the call itself: guidance, and the scale of the LoRA.
PUBLISHED = {
    "animatediff-sdxl-juggernaut": ((3.0, None), (1.0, None), (3.0, None)),
    "sdxl-art-lora": ((5.5, 1.5), (1.0, -1.5), (5.5, 0.8)),
    "sdxl-juggernaut-guidance": ((5.5, None), (1.0, None), (5.5, None)),
}


@pytest.mark.parametrize("name", PUBLISHED, indirect=True)
def test_its_sides_are_the_published_ones(name: str, config: Config) -> None:
    assert config.reflection
    scales = {key: adapter.scale for key, adapter in config.model.adapters.items()}
    call = Side(guidance_scale=config.guidance_scale, adapters=scales)
    reflection = config.reflection.build(lambda reference: reference)

    def settings(side: Side) -> tuple[float | None, float | None]:
        return side.guidance(config.guidance_scale), (side.adapters or {}).get("art")

    sides = (reflection.strong, reflection.weak, call)
    assert tuple(settings(side) for side in sides) == PUBLISHED[name]


def test_its_scheduler_reflects_and_has_its_settings(config: Config) -> None:
    if config.scheduler is None:
        assert config.model.id in shapes.MODELS
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


# Where the tiny pipeline is a variant of the one that the preset names.
VARIANTS = {"wan22": "WanPipeline-2.2", "wan22-ti2v": "WanPipeline-ti2v"}


# They take an image encoder, or weights; see test_families, and tests/shapes.
ELSEWHERE = {"sd15-ip-adapter", "shapes", "shapes-dit", "shapes-image", "shapes-moe"}


@pytest.mark.parametrize("name", sorted({*configs.names()} - ELSEWHERE), indirect=True)
def test_it_runs_with_tiny_weights(
    name: str, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that a preset says but for sizes, steps and weights, on a pipeline of its kind."""
    kind = VARIANTS.get(name) or str(kinds.pipeline_name(config.model))
    pipe = tiny.FAMILIES[kind].make()
    for adapter in config.model.adapters:
        lora = LoraConfig(r=2, target_modules=["to_q"], init_lora_weights=False)
        pipe.unet.add_adapter(lora, adapter_name=adapter)
    other = tiny.FAMILIES[kind].make()
    for p in (getattr(other, "unet", None) or other.transformer).parameters():
        p.data.mul_(1.1)
    monkeypatch.setattr(worker, "load_pipeline", lambda model: pipe)
    monkeypatch.setattr(worker, "load_denoiser", lambda *_, **__: other.unet)
    small = families.settings(kind, tmp_path)
    for key in ("model", "negative_prompt", "guidance_scale", "reflection"):
        small.pop(key, None)
    small["arguments"] = {k: v for k, v in small["arguments"].items() if k not in config.arguments}
    rows = [Layer({tiny.FAMILIES[kind].prompt: tiny.FAMILIES[kind].prompts[0]}, "l")]
    if name == "sdxl-prompt":
        rows[0].data["reflection"] = {"weak": {"prompt": "a circle"}}
    jobs = plan([read_config(name), Layer(small, "small")], rows, baseline=True).jobs
    clips = [worker.Worker().render([job], lambda step: None)[0] for job in jobs]
    assert [clip.cost.evaluations for clip in clips] == [job.cost for job in jobs]
    if name != "allegro":  # the tiny one's VAE paints all gray
        assert (clips[0].frames != clips[1].frames).any()


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
