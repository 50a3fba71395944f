"""Runs in VBench's environment: weights of the right shapes and random values, for the six
quality dimensions. They prove that everything is connected, and nothing else.

    python wiring.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import clip.model
import torch
import vbench
from easydict import EasyDict
from omegaconf import OmegaConf
from pyiqa.archs.musiq_arch import MUSIQ
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from vbench.third_party.amt.utils.build_utils import build_from_cfg
from vbench.third_party.RAFT.core.raft import RAFT

# In place of the published code, which no registry carries: the same model by another library.
HUBCONF = """
import torch
from timm.models.vision_transformer import VisionTransformer

dependencies = ["torch", "timm"]
URL = "https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth"


def dino_vitb16(pretrained=True, **unused):
    model = VisionTransformer(num_classes=0, dynamic_img_size=True)
    model.load_state_dict(torch.hub.load_state_dict_from_url(URL, map_location="cpu"))
    return model.eval()
"""


def main(folder: Path) -> None:
    torch.manual_seed(0)

    def save(place: str, content: object) -> None:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, path)

    hubconf = folder / "dino_model" / "facebookresearch_dino_main" / "hubconf.py"
    hubconf.parent.mkdir(parents=True, exist_ok=True)
    hubconf.write_text(HUBCONF)
    dino = VisionTransformer(num_classes=0)
    save("dino_model/dino_vitbase16_pretrain.pth", dino.state_dict())

    # embed_dim, resolution, layers, width, patch; context, vocabulary, width, heads, layers
    base = clip.model.CLIP(512, 224, 12, 768, 32, 77, 49408, 512, 8, 12)
    large = clip.model.CLIP(768, 224, 24, 1024, 14, 77, 49408, 768, 12, 12)
    for name, model in (("ViT-B-32", base), ("ViT-L-14", large)):
        path = folder / "clip_model" / f"{name}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture, words = torch.zeros(1, 3, 224, 224), torch.zeros(1, 77, dtype=torch.int64)
        traced = torch.jit.trace(model.eval(), (picture, words), check_trace=False)
        traced.save(str(path))  # TorchScript, as it is published
    linear = nn.Linear(768, 1).state_dict()
    save("aesthetic_model/emb_reader/sa_0_4_vit_l_14_linear.pth", linear)

    musiq = MUSIQ(pretrained=False)
    save("pyiqa_model/musiq_spaq_ckpt-358bb6af.pth", musiq.state_dict())

    raft = RAFT(EasyDict(small=False, mixed_precision=False, alternate_corr=False))
    flow = {f"module.{name}": value for name, value in raft.state_dict().items()}
    save("raft_model/models/raft-things.pth", flow)

    config = Path(vbench.__file__).parent / "third_party" / "amt" / "cfgs" / "AMT-S.yaml"
    amt = build_from_cfg(OmegaConf.load(config).network)
    save("amt_model/amt-s.pth", {"state_dict": amt.state_dict()})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
