"""Weights are found, or what is missing is named; pickles are refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import ViTConfig, ViTModel
from w2sd_video.eval import digest
from w2sd_video.eval.errors import NotThere, Unusable
from w2sd_video.eval.images import loading, models
from w2sd_video.eval.images.weights import MODELS, fingerprint, locate

from .conftest import CLIP_PIXELS, VISION, WIDTH, draw, lively, make_aesthetic, make_clip


def why(name: str, root: Path | None, allow_pickle: bool = False) -> str:
    with pytest.raises(NotThere) as stop:
        locate(MODELS[name], root, allow_pickle)
    return str(stop.value)


def test_missing_below_a_folder(tmp_path: Path) -> None:
    assert why("pickscore", tmp_path) == (
        f"missing: {tmp_path}/pickscore, 3.94 GB; get it with: hf download"
        f" yuvalkirstain/PickScore_v1 --local-dir {tmp_path}/pickscore"
    )
    assert why("hps-v2", tmp_path) == (  # of a size that is not certain
        f"missing: {tmp_path}/hps-v2; get it with: hf download adams-story/HPSv2-hf"
        f" --revision refs/pr/2 --local-dir {tmp_path}/hps-v2"
    )
    assert why("inception", tmp_path) == (
        f"missing: {tmp_path}/inception, 95.6 MB; get it from"
        " https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights"
    )


def test_missing_in_the_hub_cache() -> None:
    assert why("dino", None) == (
        "missing: facebook/dino-vits16, 86.7 MB, in the hub cache; get it with: hf download"
        " facebook/dino-vits16 --revision refs/pr/1; or name a folder that has 'dino' with"
        " --weights"
    )
    assert why("inception", None) == (
        "missing: the folder 'inception', 95.6 MB, in one that --weights names; get it from"
        " https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights"
    )


def in_hub(cache: Path, repository: str, revision: str, made: Path) -> Path:
    """As huggingface_hub keeps a snapshot."""
    root = cache / f"models--{repository.replace('/', '--')}"
    (root / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
    (root / "refs" / revision).write_text("c0ffee")
    return Path(shutil.copytree(made, root / "snapshots" / "c0ffee"))


@pytest.mark.parametrize("revision", ["refs/pr/1", "main"])
def test_found_in_the_hub_cache(tmp_path: Path, made: Path, revision: str) -> None:
    there = in_hub(tmp_path / "no hub", MODELS["dino"].source, revision, made / "dino")
    assert locate(MODELS["dino"], None) == there
    assert locate(MODELS["dino"], tmp_path) == there  # which has none
    assert locate(MODELS["dino"], made) == made / "dino"


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("config.json", "has no config.json"),
        (
            "tokenizer.json",
            "has no tokenizer.json, and no vocab.json with merges.txt (any CLIP's will do)",
        ),
        ("model.safetensors", "has no weights (*.safetensors)"),
    ],
)
def test_incomplete(tmp_path: Path, made: Path, lost: str, words: str) -> None:
    shutil.copytree(made / "clip", tmp_path / "clip")
    (tmp_path / "clip" / lost).unlink()
    assert why("clip", tmp_path) == f"{tmp_path}/clip {words}"


def test_a_shard_that_is_missing(tmp_path: Path, made: Path) -> None:
    shutil.copytree(made / "clip", tmp_path / "clip")
    place = tmp_path / "clip"
    (place / "model.safetensors").rename(place / "model-00001-of-00002.safetensors")
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (place / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    assert why("clip", tmp_path) == f"{place} has no model-00002-of-00002.safetensors"


@pytest.mark.parametrize("said", ["{}", '{"weight_map": 5}', '{"weight_map": {"a": 5}}', "[", "5"])
def test_a_broken_index(tmp_path: Path, made: Path, said: str) -> None:
    index = Path(shutil.copytree(made / "clip", tmp_path / "clip")) / "model.safetensors.index.json"
    index.write_text(said)
    with pytest.raises(Unusable, match=re.escape(f"{index} is no index of weights: ")):
        locate(MODELS["clip"], tmp_path)


def test_files_that_cannot_be_read(tmp_path: Path, made: Path) -> None:
    place = Path(shutil.copytree(made / "clip", tmp_path / "clip"))
    (place / "notes.txt").symlink_to(tmp_path / "gone")
    words = re.escape(f"{place / 'notes.txt'} can't be read: No such file or directory")
    with pytest.raises(Unusable, match=words):
        fingerprint(place)


def test_hps_reads_prompts_as_open_clip_does(made: Path) -> None:
    words = ["a blue ring & a red circle", "  a blue ring &amp;amp; a red circle\n"]
    a, b = models.Hps(made / "hps-v2").texts(words)
    assert torch.equal(a, b)
    a, b = models.Clip(made / "clip").texts(words)
    assert not torch.equal(a, b)
    assert models.CLASSES["hps-v2"] is models.Hps


def test_hps_leaves_the_preprocessor_aside(made: Path) -> None:
    from PIL import Image

    ends = [Image.new("RGB", (96, 32), "gray") for _ in range(2)]
    ends[1].paste("red", (0, 0, 24, 32))  # which would be cut off
    a, b = models.Hps(made / "hps-v2").images(ends)
    assert not torch.allclose(a, b, atol=1e-3)
    a, b = models.Clip(made / "clip").images(ends)
    torch.testing.assert_close(a, b)


def pickled(made: Path, place: Path) -> Path:
    """The same model with its weights in a pickle."""
    shutil.copytree(made, place)
    torch.save(load_file(place / "model.safetensors"), place / "pytorch_model.bin")
    (place / "model.safetensors").unlink()
    return place


def test_pickles_are_refused(tmp_path: Path, made: Path) -> None:
    place = pickled(made / "clip", tmp_path / "clip")
    assert why("clip", tmp_path) == (
        f"{place} has no safetensors but pytorch_model.bin, a pickle, which can run code when it"
        " is loaded: it is refused without --allow-pickle"
    )
    with pytest.raises(Unusable, match="can't be loaded"):
        models.Clip(place)
    assert locate(MODELS["clip"], tmp_path, allow_pickle=True) == place


def test_pickles_are_loaded_if_they_may(tmp_path: Path, made: Path) -> None:
    image = [draw(tmp_path / "a.png")]
    from PIL import Image

    shown = [Image.open(path).convert("RGB") for path in image]
    for name in ("clip", "aesthetic"):
        place = pickled(made / name, tmp_path / name)
        a = models.CLASSES[name](place, True).images(shown)
        b = models.CLASSES[name](made / name).images(shown)
        torch.testing.assert_close(a, b)


def test_what_would_be_made_up_is_refused(tmp_path: Path, made: Path) -> None:
    from safetensors.torch import save_file

    shutil.copytree(made / "clip", tmp_path / "clip")
    file = tmp_path / "clip" / "model.safetensors"
    tensors = load_file(file)
    del tensors["visual_projection.weight"], tensors["text_projection.weight"]
    save_file(tensors, file, {"format": "pt"})
    words = "clip lacks 2 weights of CLIPModel, the first: text_projection.weight"
    with pytest.raises(Unusable, match=words):
        models.Clip(tmp_path / "clip")


def test_broken_weights(tmp_path: Path, made: Path) -> None:
    for name in ("clip", "aesthetic", "dino"):
        shutil.copytree(made / name, tmp_path / name)
        file = tmp_path / name / "model.safetensors"
        file.write_bytes(file.read_bytes()[:1000])
        with pytest.raises(Unusable, match=re.escape(f"{tmp_path / name} can't be loaded: ")):
            models.CLASSES[name](tmp_path / name)


def test_the_first_dino_has_no_pooler(tmp_path: Path) -> None:
    place = tmp_path / "dino"
    torch.manual_seed(0)
    model = ViTModel(ViTConfig(**VISION), add_pooling_layer=False)
    lively(model)
    model.save_pretrained(place)
    (place / "preprocessor_config.json").write_text(json.dumps(CLIP_PIXELS))
    from PIL import Image

    shown = [Image.open(draw(tmp_path / "a.png"))]
    pixels = loading.preparation(place)(shown)
    expected = model.eval()(pixels).last_hidden_state[:, 0]
    expected = expected / expected.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(models.Dino(place).images(shown), expected)


def test_what_is_no_dino(made: Path) -> None:
    with pytest.raises(Unusable, match=r"clip has a model of type 'clip', which is no DINO"):
        models.Dino(made / "clip")


def test_code_that_comes_with_weights_is_not_run(tmp_path: Path, made: Path) -> None:
    for name in ("clip", "dino"):
        place = Path(shutil.copytree(made / name, tmp_path / name))
        said = json.loads((place / "config.json").read_text())
        said |= {"model_type": "own", "auto_map": {"AutoConfig": "own.C", "AutoModel": "own.M"}}
        (place / "config.json").write_text(json.dumps(said))
        (place / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass C: pass\n")
    with pytest.raises(Unusable, match="can't be loaded: "):
        models.Dino(tmp_path / "dino")
    models.Clip(tmp_path / "clip")  # asks for a CLIP, and nothing for what it is
    assert not (tmp_path / "ran").exists()


def test_pickles_of_more_than_tensors(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "a.pth")
    with pytest.raises(Unusable, match=r"a.pth can't be loaded: it has more in it than tensors"):
        loading.tensors(tmp_path, allow_pickle=True)
    torch.save(Path("a"), tmp_path / "a.pth")  # whose loading would call something
    with pytest.raises(Unusable, match=r"a.pth can't be loaded: .*[Ww]eights"):
        loading.tensors(tmp_path, allow_pickle=True)


def test_heads_of_another_kind(tmp_path: Path) -> None:
    relu = make_aesthetic(tmp_path / "relu", (0, 3, 6, 9, 11))
    with pytest.raises(Unusable, match=r"relu is no linear aesthetic predictor: it has 10 tensors"):
        models.Aesthetic(relu)
    from safetensors.torch import save_file

    place = make_aesthetic(tmp_path / "wide")
    tensors = load_file(place / "model.safetensors")
    tensors["layers.0.weight"] = torch.zeros(8, WIDTH + 1)
    save_file(tensors, place / "model.safetensors", {"format": "pt"})
    with pytest.raises(Unusable, match=rf"wide: layers.0 doesn't fit a width of {WIDTH}"):
        models.Aesthetic(place)
    tensors["layers.0.weight"] = torch.zeros(8, WIDTH)
    tensors["layers.7.weight"], tensors["layers.7.bias"] = torch.zeros(2, 3), torch.zeros(2)
    save_file(tensors, place / "model.safetensors", {"format": "pt"})
    with pytest.raises(Unusable, match=r"wide: layers.7 gives 2 values, not one score"):
        models.Aesthetic(place)


def test_fingerprints(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fingerprint(made / "clip")
    assert re.fullmatch("[0-9a-f]{12}", first)
    place = Path(shutil.copytree(made / "clip", tmp_path / "copy"))
    assert fingerprint(place) == first
    file = place / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert fingerprint(place) != first
    file.write_bytes(whole)
    (place / "preprocessor_config.json").write_text("{}")
    assert fingerprint(place) != first
    # Of a large file only some places are read, the ends among them.
    monkeypatch.setattr(digest, "BLOCK", 16)
    monkeypatch.setattr(digest, "BLOCKS", 8)
    sampled = fingerprint(made / "clip")
    other = make_clip(tmp_path / "other", seed=7)
    shutil.copy(made / "clip" / "config.json", other)
    assert fingerprint(other) != sampled
    place = Path(shutil.copytree(made / "clip", tmp_path / "end"))
    (place / "model.safetensors").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert fingerprint(place) != sampled
