"""The embedded world of moving shapes: its clips, its scorer, and models trained on it.

pipe = load_pipeline("video")                    # diffusers' AnimateDiffPipeline
weak = load_pipeline("video", weak=True).unet    # its weak partner, for a Side
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

WEIGHTS = Path(__file__).parent / "weights"

# The UNets' video model and image model, the video DiT, and the mixture of experts.
Kind = Literal["video", "image", "dit", "moe"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FOLDERS: dict[Kind, Path] = {
    "video": WEIGHTS / "unet",
    "image": WEIGHTS / "unet",
    "dit": WEIGHTS / "dit",
    "moe": WEIGHTS / "moe",
}
PIPELINES: dict[Kind, str] = {
    "video": "AnimateDiffPipeline",
    "image": "StableDiffusionPipeline",
    "dit": "LattePipeline",
    "moe": "DiTMoEPipeline",
}
# What configurations call them: which model it is, and whether its weak partner is meant.
MODELS: dict[str, tuple[Kind, bool]] = {
    "shapes": ("video", False),
    "shapes/weak": ("video", True),
    "shapes/image": ("image", False),
    "shapes/image/weak": ("image", True),
    "shapes/dit": ("dit", False),
    "shapes/dit/weak": ("dit", True),
    "shapes/moe": ("moe", False),
}


def load_pipeline(kind: Kind = "video", *, weak: bool = False) -> DiffusionPipeline:
    """Load a shipped model into an unmodified pipeline, in float32.

    Args:
        kind: ``video`` is an AnimateDiffPipeline, and ``image`` the StableDiffusionPipeline
            whose layers it is built on; ``dit`` is a LattePipeline; ``moe`` makes single
            frames by class, a DiTMoEPipeline.
        weak: the weak partner, trained on a fraction of the steps. The mixture has none: its
            weak side are its own worst experts.

    Raises:
        FileNotFoundError: if the weights are not there.
        ValueError: for the mixture's weak partner.
    """
    if weak and kind == "moe":
        raise ValueError("the mixture's weak side are its own: Side(experts='worst')")
    folder = FOLDERS[kind]
    if not folder.exists():
        raise FileNotFoundError(
            f"no weights in {folder}; make them with `w2sd-video shapes train FOLDER` and "
            f"`w2sd-video shapes export FOLDER {folder}`"
        )
    import diffusers

    variant = "weak" if weak else None
    if kind == "video":
        return diffusers.AnimateDiffPipeline.from_pretrained(folder, variant=variant)
    if kind == "dit":
        return diffusers.LattePipeline.from_pretrained(folder, variant=variant)
    if kind == "moe":
        from w2sd_video.pipelines.dit_moe import DiTMoEPipeline

        return DiTMoEPipeline.from_pretrained(folder)
    return diffusers.StableDiffusionPipeline.from_pretrained(
        folder, variant=variant, safety_checker=None, requires_safety_checker=False
    )
