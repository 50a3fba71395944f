"""The weight files that dimensions need: where they have to lie, and where they come from.

They are looked for before a dimension is run, since VBench would try to fetch what is missing,
and fails late and far from the reason where there is no network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from w2sd_video.eval.digest import of_files
from w2sd_video.eval.vbench.dimensions import STATIC

INCOMPLETE = 0.9  # of the expected size; sizes differ a little by version


@dataclass(frozen=True)
class Weight:
    """One file.

    Attributes:
        path: below the root; may be a pattern.
        size: megabytes, about.
        source: where to get it.
        fetched_as: what lies at the source, where that is something else.
    """

    path: str
    size: float
    source: str
    fetched_as: str = ""

    def fault(self, root: Path) -> str:
        """What is wrong with it, in one line; nothing if it is there."""
        sizes = [place.stat().st_size for place in root.glob(self.path) if place.is_file()]
        if not sizes:
            what = "missing"
        elif max(sizes) < INCOMPLETE * self.size * 1e6:
            what = f"incomplete ({max(sizes) / 1e6:.1f} MB)"
        else:
            return ""
        how = f"; {self.fetched_as}" if self.fetched_as else ""
        return f"{what}: {root / self.path}, about {self.size:g} MB, from {self.source}{how}"


_DINO = Weight(
    "dino_model/dino_vitbase16_pretrain.pth",
    343,
    "https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth",
)
_DINO_CODE = Weight(
    "dino_model/facebookresearch_dino_main/hubconf.py",
    0,
    "https://github.com/facebookresearch/dino",
    "the repository, in that folder",
)
_CLIP_B = Weight(
    "clip_model/ViT-B-32.pt",
    354,
    "https://openaipublic.azureedge.net/clip/models/"
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt",
)
_CLIP_L = Weight(
    "clip_model/ViT-L-14.pt",
    933,
    "https://openaipublic.azureedge.net/clip/models/"
    "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836/ViT-L-14.pt",
)
_AESTHETIC = Weight(
    "aesthetic_model/emb_reader/sa_0_4_vit_l_14_linear.pth",
    0.003,
    "https://github.com/LAION-AI/aesthetic-predictor",
)
_MUSIQ = Weight(
    "pyiqa_model/musiq_spaq_ckpt-358bb6af.pth",
    109,
    "https://github.com/chaofengc/IQA-PyTorch/releases/tag/v0.1-weights",
)
_RAFT = Weight(
    "raft_model/models/raft-things.pth",
    21,
    "https://dl.dropboxusercontent.com/s/4j4z58wuv8o0mfz/models.zip",
    "a ZIP with the folder models in it",
)
_AMT = Weight(
    "amt_model/amt-s.pth", 12, "https://huggingface.co/lalala125/AMT/resolve/main/amt-s.pth"
)
_VICLIP = Weight(
    "ViCLIP/ViClip-InternVid-10M-FLT.pth",
    1700,
    "https://huggingface.co/OpenGVLab/VBench_Used_Models",
)
_VOCABULARY = Weight(
    "ViCLIP/bpe_simple_vocab_16e6.txt.gz",
    1.4,
    "https://github.com/openai/CLIP/tree/main/clip",
)
_UMT = Weight(
    "umt_model/l16_ptk710_ftk710_ftk400_f16_res224.pth",
    607,
    "https://huggingface.co/OpenGVLab/VBench_Used_Models",
)
_TAG2TEXT = Weight(
    "caption_model/tag2text_swin_14m.pth",
    4480,
    "https://huggingface.co/spaces/xinyu1205/recognize-anything",
)
_of_bert = partial(
    Weight,
    source="https://huggingface.co/bert-base-uncased",
    fetched_as="as huggingface_hub keeps it",
)
# By the first, transformers finds the others.
_BERT_WORDS = (
    _of_bert("huggingface/hub/models--bert-base-uncased/refs/main", 0),
    _of_bert("huggingface/hub/models--bert-base-uncased/snapshots/*/vocab.txt", 0.23),
)
# Safetensors, or what was there before.
_BERT = _of_bert("huggingface/hub/models--bert-base-uncased/snapshots/*/*model.[bs]*", 440)
_GRIT = Weight(
    "grit_model/grit_b_densecap_objectdet.pth",
    417,
    "https://datarelease.blob.core.windows.net/grit/models/grit_b_densecap_objectdet.pth",
)

WEIGHTS: dict[str, tuple[Weight, ...]] = {
    "subject_consistency": (_DINO, _DINO_CODE),
    "background_consistency": (_CLIP_B,),
    "temporal_flickering": (),
    "motion_smoothness": (_AMT,),
    "dynamic_degree": (_RAFT,),
    "aesthetic_quality": (_CLIP_L, _AESTHETIC),
    "imaging_quality": (_MUSIQ,),
    "object_class": (_GRIT, *_BERT_WORDS),
    "multiple_objects": (_GRIT, *_BERT_WORDS),
    "human_action": (_UMT,),
    "color": (_GRIT, *_BERT_WORDS),
    "spatial_relationship": (_GRIT, *_BERT_WORDS),
    "scene": (_TAG2TEXT, *_BERT_WORDS, _BERT),
    "appearance_style": (_CLIP_B,),
    "temporal_style": (_VICLIP, _VOCABULARY),
    "overall_consistency": (_VICLIP, _VOCABULARY),
    STATIC: (_RAFT,),
}


def root(given: Path | None = None) -> Path:
    """Where weights lie: the folder given, ``VBENCH_CACHE_DIR``, or VBench's own place."""
    if given is None:
        named = os.environ.get("VBENCH_CACHE_DIR")
        given = Path(named) if named else Path.home() / ".cache" / "vbench"
    return given.expanduser().absolute()


def missing(name: str, folder: Path) -> list[str]:
    """What a dimension lacks, one line each."""
    return [fault for weight in WEIGHTS[name] if (fault := weight.fault(folder))]


def fingerprint(name: str, folder: Path) -> str:
    """Of the files that a dimension reads; empty where there are none.

    Raises:
        OSError: if one can't be read.
    """
    found = (sorted(folder.glob(weight.path)) for weight in WEIGHTS[name])
    files = [file for places in found for file in places if file.is_file()]
    return of_files(files) if files else ""


def variables(folder: Path) -> dict[str, str]:
    """The environment variables that make VBench look there."""
    found = {"VBENCH_CACHE_DIR": str(folder)}
    home = folder / "huggingface"
    if home.is_dir():  # older names, too, since each that the shell has would win
        names = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE",
                 "PYTORCH_TRANSFORMERS_CACHE")  # fmt: skip
        found |= {"HF_HOME": str(home)} | dict.fromkeys(names, str(home / "hub"))
    return found
