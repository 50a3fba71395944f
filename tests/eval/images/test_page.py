"""What docs/images.md prints for a shell is run as printed, with small models under its names."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from w2sd_video.eval.images import of_sets, sets
from w2sd_video.eval.images.scores import KINDS, NOT_OFFERED
from w2sd_video.eval.images.weights import MODELS

from ... import tiny
from ...conftest import Call
from .conftest import loose, rendered
from .test_lists import DRAWBENCH, GENEVAL, PICK
from .test_sets import Tiny, needs_extra

PAGE = Path(__file__).parents[3] / "docs" / "images.md"
TEXT = PAGE.read_text()


@needs_extra
def test_commands(call: Call, tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, "weights")
    Path("weights/inception").mkdir()
    Path("weights/inception/fid.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(of_sets, "_network", lambda task: Tiny().eval())
    monkeypatch.setattr(sets, "FID_LEAST", 20)
    monkeypatch.setattr(sets, "IS_LEAST", 20)
    rendered(Path("renders/drawbench"), ["a blue ring"])
    rendered(Path("renders/imagenet"), [f"a {i}" for i in range(20)])
    loose(Path("imagenet"), [f"b {i}" for i in range(20)], seed=90)
    loose(Path("photos"), ["a red circle"])
    loose(Path("mydog"), ["x", "y"], seed=70)
    Path("drawbench.csv").write_text(DRAWBENCH)
    Path("pick.jsonl").write_text(PICK)
    Path("evaluation_metadata.jsonl").write_text(GENEVAL)
    tiny.FAMILIES["StableDiffusionPipeline"].make().save_pretrained("tiny")
    settings = {"model": str(tmp_path / "tiny"), "height": 16, "width": 16}
    settings |= {"num_inference_steps": 2, "reflection": {"weak": {"guidance_scale": 1.0}}}
    Path("my.yaml").write_text(yaml.safe_dump(settings))
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.S)
    commands = [line for block in blocks for line in block.splitlines()]
    assert len(commands) == 8
    for command in commands:
        program, *words = shlex.split(command)
        told = call(*words) if program == "w2sd-video" else call("render", *words)
        assert told.code == 0, f"{command}: {told.err}"
        assert told.out or told.err
    assert len([*Path("renders/pick-a-pic/clips").glob("*.png")]) == 2 * 4


def test_all_scores_and_models_are_told_of() -> None:
    for name in KINDS:
        assert f"\n| `{name}` |" in TEXT
    for name in NOT_OFFERED:
        assert name in TEXT.lower()
    for model in MODELS.values():
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{model.name}` | ["))
        assert model.source in row
        assert model.revision is None or f"`{model.revision}`" in row
        assert f"| {model.size} |".replace("  ", " ") in row
        kinds = [f"`{kind.name}`" for kind in KINDS.values() if kind.model == model.name]
        assert row.endswith(f"| {', '.join(kinds)} |")
    assert f"{sets.FID_LEAST:,}" in TEXT
    assert f"{sets.IS_LEAST:,}" in TEXT
    assert f"{sets.FEW:,}" in TEXT
    assert f"{sets.USUAL:,}" in TEXT
