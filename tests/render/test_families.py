"""Whole runs of other families, loaded from folders: what the configuration names is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from diffusers import DiTPipeline
from diffusers.models.embeddings import ImageProjection
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.events import Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.jobs.prompts import read_prompts
from w2sd_video.render.media.video import read_mp4, read_png
from w2sd_video.render.record.folder import open_folder
from w2sd_video.render.record.ledger import Ledger
from w2sd_video.render.record.standing import standing
from w2sd_video.render.reporting.gallery import write_gallery
from w2sd_video.render.run import check_calls, run
from w2sd_video.render.settings.resolve import read_layer

from .. import tiny
from ..tiny.parts import VISION, WIDTH, picture
from ..tiny.unet import controlnet
from . import families

GUIDED = {"weak": {"guidance_scale": 1.0}, "steps": 1}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny pipeline."""
    folders: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp("model")
            tiny.FAMILIES[name].make().save_pretrained(folders[name])
        return folders[name]

    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(settings: dict[str, Any], rows: str = "prompt\na red circle\n") -> list[Job]:
    """What a config and a CSV in the folder ``lists`` make."""
    Path("lists").mkdir(exist_ok=True)
    Path("lists/l.csv").write_text(rows)
    text = json.dumps({"num_inference_steps": 2, **settings})
    return plan([read_layer(text, "c.yaml")], read_prompts("lists/l.csv"), baseline=True).jobs


def render(jobs: list[Job], folder: str = "out") -> list[Result]:
    results: list[Result] = []
    with open_folder(Path(folder)) as ledger:
        todo = standing(jobs, Path(folder), ledger).jobs
        check_calls(todo)
        run(todo, Path(folder), ledger, lambda step: None, results.append)
    return results


def frames(result: Result) -> np.ndarray:
    assert result.error is None
    assert result.path
    read = read_png if result.path.suffix == ".png" else read_mp4
    return read(result.path).frames.astype(int)


def test_two_transformers_and_two_others(here: Path, saved: Callable[[str], Path]) -> None:
    model = saved("WanPipeline-2.2")
    call = families.settings("WanPipeline-2.2", here)
    weak = {"denoiser": str(model), "guidance_scale": 1.0}
    settings = {**call, "num_inference_steps": 2, "model": str(model), "fps": 16}
    jobs = planned({**settings, "reflection": {"weak": weak, "steps": 1}})
    reflected, plain = render(jobs)
    assert [r.cost.evaluations for r in (reflected, plain)] == [j.cost for j in jobs] == [7, 4]
    assert frames(reflected).shape == frames(plain).shape == (5, 32, 32, 3)
    assert reflected.path
    assert read_mp4(reflected.path).fps == 16


def test_a_first_frame_lies_beside_the_list(here: Path, saved: Callable[[str], Path]) -> None:
    call = families.settings("LTXImageToVideoPipeline", here)
    (here / "lists").mkdir()
    for name in "ab":
        picture(32, ord(name)).save(here / "lists" / f"{name}.png")
    settings = {
        **call,
        "num_inference_steps": 2,
        "model": str(saved("LTXImageToVideoPipeline")),
        "image": None,
        "reflection": GUIDED,
        "memory": {"batch_size": 2},
    }
    rows = "prompt,image\na red circle,a.png\na red circle,b.png\na blue ring,b.png\n"
    jobs = planned(settings, rows)
    assert {Path(str(j.config.image)) for j in jobs} == {here / "lists" / f"{n}.png" for n in "ab"}
    results = render(jobs)
    assert len(results) == 6
    assert [r.error for r in results] == [None] * 6
    first, second = (next(r for r in results if r.job.id == j.id) for j in (jobs[0], jobs[2]))
    assert (frames(first) != frames(second)).any()
    # The clip is known by the picture, wherever it lies and whatever its name.
    before = [job.id for job in planned(settings, rows)]
    (here / "lists" / "a.png").rename(here / "lists" / "c.png")
    assert [job.id for job in planned(settings, rows.replace("a.png", "c.png"))] == before


def test_an_input_that_is_missing(here: Path) -> None:
    settings = {"model": {"id": "o/m", "pipeline": "WanImageToVideoPipeline"}}
    with pytest.raises(InputError) as wrong:
        render(planned(settings))
    assert str(wrong.value) == "lists/l.csv:2: image: is missing; WanImageToVideoPipeline needs it"
    with Ledger(here / "out" / "ledger.sqlite") as ledger:
        assert not list(ledger.rows())


ARGUMENTS = {
    "arguments.true_cfg_scal: FluxPipeline has no such argument, did you mean 'true_cfg_scale'?": {
        "arguments": {"true_cfg_scal": 4.0}
    },
    "arguments.guidance_scale: is a key by itself: guidance_scale": {
        "arguments": {"guidance_scale": 4.0}
    },
    "arguments.output_type: FluxPipeline has no such argument": {
        "arguments": {"output_type": "latent"}
    },
    "strength: FluxPipeline has no such argument": {"strength": 0.5},
}


@pytest.mark.parametrize("message", ARGUMENTS)
def test_what_a_call_does_not_take(here: Path, message: str) -> None:
    settings = {"model": {"id": "o/m", "pipeline": "FluxPipeline"}, **ARGUMENTS[message]}
    with pytest.raises(InputError) as wrong:
        render(planned(settings))
    assert str(wrong.value) == f"c.yaml:1: {message}"


def test_controlnet_over_none(here: Path, saved: Callable[[str], Path]) -> None:
    torch.manual_seed(0)
    net = controlnet()
    for parameter in net.parameters():  # its last layers begin at zero
        torch.nn.init.normal_(parameter, std=0.2)
    net.save_pretrained("net")
    picture(8).save("edges.png")
    settings = {
        "model": {"id": str(saved("StableDiffusionPipeline")), "controlnet": "net"},
        "height": 8,
        "width": 8,
        "guidance_scale": 2.0,
        "image": "edges.png",
        "controlnet_conditioning_scale": 0.8,
        "reflection": {"weak": {"controlnet_scale": 0.0}},
    }
    reflected, plain = render(planned(settings))
    assert (reflected.cost.evaluations, plain.cost.evaluations) == (12, 4)
    assert (frames(reflected) != frames(plain)).any()
    off = render(planned({**settings, "controlnet_conditioning_scale": 0.0}), "off")[1]
    assert (frames(off) != frames(plain)).any()


def test_an_ip_adapter_over_none(here: Path, saved: Callable[[str], Path]) -> None:
    model = saved("StableDiffusionPipeline")
    _write_ip_adapter(Path("ip/models"), tiny.FAMILIES["StableDiffusionPipeline"].make())
    picture(8).save("look.png")
    adapter = {"path": "ip", "subfolder": "models", "weight_name": "ip.safetensors", "scale": 0.7}
    settings = {
        "model": {"id": str(model), "ip_adapter": adapter},
        "height": 8,
        "width": 8,
        "guidance_scale": 2.0,
        "ip_adapter_image": "look.png",
        "reflection": {"weak": {"ip_adapter_scale": 0.0}},
        "memory": {"batch_size": 2},
    }
    rows = "prompt\na red circle\na blue ring\n"
    results = render(planned(settings, rows))
    assert [r.cost.evaluations for r in results] == [12, 12, 4, 4]
    assert (frames(results[0]) != frames(results[2])).any()
    picture(8, seed=5).save("look.png")
    other = render(planned(settings), "other")
    assert (frames(other[1]) != frames(results[2])).any()


def _write_ip_adapter(folder: Path, pipe: Any) -> None:
    torch.manual_seed(0)
    image = ImageProjection(WIDTH, WIDTH, num_image_text_embeds=4).state_dict()
    state = {f"image_proj.{k.replace('image_embeds', 'proj')}": v for k, v in image.items()}
    cross = [n for n in pipe.unet.attn_processors if n.endswith("attn2.processor")]
    for i, name in enumerate(cross):
        weight = pipe.unet.get_submodule(name.removesuffix(".processor")).to_k.weight
        for part in "kv":
            state[f"ip_adapter.{2 * i + 1}.to_{part}_ip.weight"] = torch.randn_like(weight)
    folder.mkdir(parents=True)
    save_file(state, folder / "ip.safetensors")
    encoder = CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION, projection_dim=WIDTH))
    encoder.save_pretrained(folder / "image_encoder")


def test_images_are_published_shown_and_skipped(here: Path, saved: Callable[[str], Path]) -> None:
    settings = {
        "model": str(saved("StableDiffusionPipeline")),
        "height": 16,
        "width": 16,
        "guidance_scale": 2.0,
        "reflection": GUIDED,
        "memory": {"batch_size": 2},
    }
    rows = "prompt\na red circle\na blue ring\n"
    jobs = planned(settings, rows)
    assert all(job.is_image for job in jobs)
    results = render(jobs)
    assert [r.cost.evaluations for r in results] == [7, 7, 4, 4]
    names = {
        f"a-{what}-s0{kind}" for what in ("red-circle", "blue-ring") for kind in ("", ".plain")
    }
    files = sorted(p.name for p in Path("out/clips").iterdir())
    assert files == sorted(f"{name}.{kind}" for name in names for kind in ("png", "json"))
    assert frames(results[0]).shape == (1, 16, 16, 3)
    said = json.loads(Path("out/clips/a-red-circle-s0.json").read_text())
    assert (
        json.loads(Image.open("out/clips/a-red-circle-s0.png").info["comment"])["id"] == said["id"]
    )
    page = write_gallery(Path("out")).read_text()
    assert page.count('<img src="clips/a-') == 4
    assert "<video src" not in page
    assert render(planned(settings, rows)) == []
    Path("out/clips/a-red-circle-s0.png").write_bytes(b"")
    assert [r.job.name for r in render(planned(settings, rows))] == ["a-red-circle-s0"]


def test_an_unknown_image_model_is_known_once_loaded(
    here: Path, saved: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a hub id that was never downloaded: its files can't be planned."""
    settings = {"model": str(saved("StableDiffusionPipeline")), "height": 8, "width": 8}
    monkeypatch.setattr("w2sd_video.render.settings.models.index", lambda *_: {})
    with pytest.raises(InputError) as wrong:
        render(planned(settings))
    assert str(wrong.value) == (
        "c.yaml:1: model.id: is a StableDiffusionPipeline, which makes images;"
        " set model.pipeline: StableDiffusionPipeline"
    )


def test_classes_by_name_and_number(here: Path) -> None:
    pipe = tiny.FAMILIES["DiTPipeline"].make()
    pipe.register_to_config(id2label={"0": "tench, Tinca tinca", "207": "golden retriever"})
    pipe.save_pretrained("dit")
    settings = {"model": "dit", "guidance_scale": 4.0, "reflection": GUIDED}
    rows = "class_labels,name\ngolden retriever,one\n207,two\nTinca tinca,three\n"
    one, two, three, *_ = sorted(
        (r for r in render(planned(settings, rows)) if r.job.kind == "plain"),
        key=lambda r: ("one", "two", "three").index(r.job.name.removesuffix(".plain")),
    )
    assert one.cost.evaluations == 4
    assert one.job.prompt == "golden retriever"
    assert (frames(one) == frames(two)).all()
    assert (frames(one) != frames(three)).any()
    with pytest.raises(InputError) as wrong:
        planned(settings, "class_labels\ngolden retreiver\n")
    assert str(wrong.value) == (
        "lists/l.csv:2: class_labels: unknown class 'golden retreiver',"
        " did you mean 'golden retriever'?"
    )
    with pytest.raises(InputError) as wrong:
        render(planned(settings, "class_labels\n1000\n"))
    assert str(wrong.value) == (
        "lists/l.csv:2: class_labels: the model knows classes 0 to 999, got 1000"
    )
    together = settings | {"memory": {"batch_size": 4}}
    found = render(planned(together, "class_labels\n0\n1\n1000\n2\n"))
    wrong = {r.job.source: r.error for r in found if r.error}
    assert wrong == {
        "lists/l.csv:4": "lists/l.csv:4: class_labels: the model knows classes 0 to 999, got 1000"
    }
    assert len(found) == 8


def test_experts_of_another_folder(here: Path) -> None:
    moe = tiny.FAMILIES["DiTMoEPipeline"].make()
    moe.transformer.save_pretrained("moe")
    plain_parts = {**tiny.FAMILIES["DiTPipeline"].make().components, "vae": moe.vae}
    DiTPipeline(**plain_parts).save_pretrained("dit")
    settings = {
        "model": {"id": "dit", "pipeline": "DiTMoEPipeline", "denoiser": "moe"},
        "guidance_scale": 4.0,
        "reflection": {"strong": {"experts": "best"}, "weak": {"experts": "worst"}},
    }
    Path("l.txt").write_text("33\n")
    base = [read_layer(json.dumps({"num_inference_steps": 2, **settings}), "c.yaml")]
    reflected, plain = render(plan(base, read_prompts("l.txt"), baseline=True).jobs)
    assert (reflected.cost.evaluations, plain.cost.evaluations) == (12, 4)
    assert (frames(reflected) != frames(plain)).any()
    call = tiny.FAMILIES["DiTMoEPipeline"].call(steps=2, output_type="np", guidance_scale=4.0)
    call |= {"class_labels": [33], "generator": torch.Generator().manual_seed(0)}
    direct = np.rint(np.clip(np.asarray(moe(**call).images), 0, 1) * 255)
    assert np.abs(direct - frames(plain)).max() <= 1


def test_a_video_is_read_and_stands_for_its_length(
    here: Path, saved: Callable[[str], Path]
) -> None:
    call = families.settings("WanVideoToVideoPipeline", here)
    iio.imwrite("in.gif", families.pixels(size=32, frames=5), duration=100, loop=0)
    settings = {
        **call,
        "num_inference_steps": 4,
        "strength": 0.5,
        "model": str(saved("WanVideoToVideoPipeline")),
        "video": "in.gif",
        "reflection": GUIDED,
    }
    reflected, plain = render(planned(settings))
    assert (reflected.cost.evaluations, plain.cost.evaluations) == (7, 4)
    assert frames(plain).shape == (5, 32, 32, 3)
    with pytest.raises(InputError, match=r"num_frames: WanVideoToVideoPipeline has no such argum"):
        render(planned({**settings, "num_frames": 5}))
