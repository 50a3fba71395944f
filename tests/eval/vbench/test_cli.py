"""From the suite to the scores, on the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from w2sd_video.eval.results import Results
from w2sd_video.eval.vbench import environment, weights
from w2sd_video.eval.vbench.scoring import SOURCE

from w2sd_video import cli

from ... import tiny
from ..noise import write_clip
from .conftest import FAKE, Fake, is_there, wait_for

Call = Callable[..., SimpleNamespace]


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Call:
    """Run a command in this process, in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(*argv: str) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["w2sd-video", *argv])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return SimpleNamespace(code=stop.value.code or 0, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration of a tiny model."""
    tiny.animatediff().save_pretrained(tmp_path / "tiny")
    settings = {
        "model": str(tmp_path / "tiny"),
        "height": 16,
        "width": 16,
        "num_frames": 4,
        "num_inference_steps": 2,
        "guidance_scale": 3.0,
        "reflection": {"weak": {"guidance_scale": 1.0}, "steps": 1},
        "memory": {"batch_size": 4},
    }
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(settings))
    return str(file)


LONG = "A tableau of " + "very " * 38 + "quiet (and café-like) streets."  # 230 bytes in all


def test_a_suite_is_rendered_and_scored(
    call: Call, config: str, vbench: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    official = json.loads(environment.full_info(vbench).read_text())
    official.append({"prompt_en": LONG[-210:], "dimension": ["aesthetic_quality"]})
    environment.full_info(vbench).write_text(json.dumps(official))
    suite = ["--suite", "vbench:aesthetic_quality,imaging_quality", "--samples", "1"]
    done = call("render", *suite, "-c", config, "--baseline", "--set", "samples=3")
    assert done.code == 0, done.err
    stems = ["A Quiet Town-0", "a quiet town.2-0", f"{LONG[-210:]}-0"]
    clips = {path.stem for path in Path("renders/vbench/clips").glob("*.mp4")}
    assert clips == {*stems, *(f"{stem}.plain" for stem in stems)}

    monkeypatch.setattr(weights, "WEIGHTS", dict.fromkeys(weights.WEIGHTS, ()))
    told = call("eval", "renders/vbench", "--json")
    assert told.code == 0, told.err
    report = json.loads(told.out)
    assert report["mode"] == "standard"
    found = {name: d["clips"] for name, d in report["dimensions"].items()}
    assert found == {
        "aesthetic_quality": {"plain": 3, "reflected": 3},
        "imaging_quality": {"plain": 2, "reflected": 2},
    }
    assert report["totals"]["plain"] == {"quality": None, "semantic": None, "total": None}
    # of clips that differ in case only, too, each has a score of its own
    assert [len(names) for _, names in fake.calls] == [6, 4]
    assert "imaging_quality" in call("eval", "renders/vbench").out


def test_an_incomplete_suite(call: Call, config: str, vbench: Path, fake: Fake) -> None:
    suite = ["--suite", "vbench:aesthetic_quality", "--samples", "1"]
    assert call("render", *suite, "-c", config, "-o", "out").code == 0
    told = call("eval", "out", "--dimensions", "temporal_flickering")
    assert told.code == 3
    assert told.err == (
        "temporal_flickering: none of its 2 prompts has a clip; render them first\n"
        "totals need all of their dimensions; not asked for: subject_consistency,"
        " background_consistency, motion_smoothness, dynamic_degree, aesthetic_quality,"
        " imaging_quality, object_class, multiple_objects, human_action, color,"
        " spatial_relationship, scene, appearance_style, temporal_style, overall_consistency\n"
    )
    assert call("eval", "out", "--dimensions", "temporal_flickering", "--mode", "custom").code == 0


def test_suites_that_can_not_be_rendered(
    call: Call, config: str, vbench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = ("--set", "num_frames=16", "--set", "fps=3.2")
    told = call("render", "--suite", "vbench", "-c", config, *long)
    assert (told.code, told.err) == (
        2,
        "error: --set: num_frames: 16 frames at 3.2 fps last 5 s; this suite is for clips shorter"
        " than 5 s\n",
    )
    both = call("render", "l.txt", "--suite", "vbench")
    assert both.err == "error: --suite: takes the place of a list; leave one of them out\n"
    monkeypatch.setenv("W2SD_VBENCH_ENV", "nowhere")
    assert call("render", "--suite", "vbench").err == (
        "error: the official prompts come with VBench, which is not here;"
        " run: w2sd-video vbench setup\n"
    )
    assert not Path("renders").exists()


def test_exit_codes(call: Call, vbench: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(Path("in/a dog-0.mp4"))
    flickering = ("eval", "in", "--dimensions", "temporal_flickering")
    for fault, code in {"crash": 4, "nan": 5, "": 0}.items():
        fake.set(fault)
        assert call(*flickering).code == code
    assert call("eval", "in").code == 3  # weights are missing
    assert call("eval", "out").code == 2
    assert call("eval", "in", "--suite", "vbnch").err == (
        "error: --suite: unknown suite 'vbnch', did you mean 'vbench'? (vbench, shapes, images)\n"
    )
    assert call("eval", "in", "--mode", "x").code == 2
    assert call("eval", "in", "--dimensions", "hue").code == 2
    assert call("eval", "in", "--suite", "shapes", "--dimensions", "color").code == 2
    monkeypatch.setenv("FAKE_CHILD", "child")
    fake.set("hang")
    write_clip(Path("in/a dog-1.mp4"), 1)
    assert call(*flickering, "--timeout", "1").code == 6


def test_the_runner_knows_where_weights_are(call: Call, vbench: Path, fake: Fake) -> None:
    write_clip(Path("in/a dog-0.mp4"))
    Path("files", "huggingface").mkdir(parents=True)
    flickering = ("eval", "in", "--dimensions", "temporal_flickering")
    assert call(*flickering, "--weights", "files").code == 0
    folder = Path("files").absolute()
    assert fake.variables == [
        {"VBENCH_CACHE_DIR": str(folder), "HF_HOME": str(folder / "huggingface")}
    ]


def test_interrupted_in_the_second_dimension(
    vbench: Path, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "in" / "a dog-0.mp4")
    child = tmp_path / "child"
    monkeypatch.setenv("FAKE_CHILD", str(child))
    fake.set("hang:motion_smoothness")
    code = f"""
import sys
from pathlib import Path
from w2sd_video import cli
from w2sd_video.eval.vbench import process, weights
process.RUNNER = Path({str(FAKE)!r})
weights.WEIGHTS = dict.fromkeys(weights.WEIGHTS, ())
cli.main()
"""
    listed = "temporal_flickering,motion_smoothness,imaging_quality"
    words = ["eval", str(tmp_path / "in"), "--dimensions", listed]
    # Whatever starts these tests may have told them to ignore interruptions.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    run = subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.DEVNULL)
    signal.signal(signal.SIGINT, before)
    wait_for(lambda: child.exists() and child.read_text())
    os.kill(run.pid, signal.SIGINT)
    assert run.wait() == 130
    wait_for(lambda: not is_there(int(child.read_text())))
    assert [task for task, _ in fake.calls] == ["temporal_flickering", "motion_smoothness"]
    with Results(tmp_path / "in") as results:
        assert len(results.of("temporal_flickering", SOURCE)) == 1
        assert not results.of("motion_smoothness", SOURCE)


def test_a_table_says_what_is_not_available(call: Call, vbench: Path, fake: Fake) -> None:
    write_clip(Path("in/a dog-0.mp4"))
    told = call("eval", "in")
    lines = told.out.splitlines()
    assert lines[0].split() == ["vbench", "0.1.5,", "custom", "mode", "%", "clips"]
    assert lines[1].split() == ["subject_consistency", "not", "available"]
    assert lines[-1].split()[0::2] == ["temporal_flickering", "1"]
    assert told.err.splitlines()[0].startswith("subject_consistency: missing: ")
    report = json.loads(call("eval", "in", "--json").out)
    assert report["dimensions"]["aesthetic_quality"]["values"] is None
    assert len(report["dimensions"]["aesthetic_quality"]["reasons"]) == 2


def test_setup_and_doctor(call: Call, vbench: Path, fake: Fake) -> None:
    told = call("vbench", "setup")
    assert told.code == 0
    assert told.out.splitlines()[-1] == "12 of 16 dimensions can be imported"
    looked = call("vbench", "doctor")
    assert looked.code == 3
    assert looked.out.splitlines()[-1] == "1 of 16 dimensions can be scored"
    assert "--  color                    needs detectron2" in looked.out
    nowhere = call("vbench", "doctor", "--env", "nowhere")
    assert nowhere.err == (
        "error: nowhere: VBench is not set up here; run: w2sd-video vbench setup\n"
    )


def test_the_machines_doctor_knows_it(call: Call, vbench: Path) -> None:
    last = call("doctor").out.splitlines()[-1]
    assert last.startswith("ok  VBench           1 of 16 dimensions can be scored")


def test_shapes(call: Call) -> None:
    from ..test_shapes import PROMPT, draw

    Path("in").mkdir()
    draw(Path("in"), PROMPT, PROMPT)
    told = call("eval", "in", "--suite", "shapes")
    assert told.code == 0
    assert told.err == "shapes: 1 clips scored, 0 had a score\n"
    assert told.out.splitlines()[1].split() == ["right", "1.0000", "1"]
    assert json.loads(call("eval", "in", "--suite", "shapes", "--json").out)["scored_now"] == 0
