"""The embedded world of moving shapes: its clips, its scorer, and models trained on it.

pipe = load_pipeline("video")                    # diffusers' AnimateDiffPipeline
weak = load_pipeline("video", weak=True).unet    # its weak partner, for a Side
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from diffusers import AnimateDiffPipeline, StableDiffusionPipeline

WEIGHTS = Path(__file__).parent / "weights"


def load_pipeline(
    kind: Literal["video", "image"] = "video", *, weak: bool = False
) -> AnimateDiffPipeline | StableDiffusionPipeline:
    """Load a shipped model into the unmodified diffusers pipeline, in float32.

    Args:
        kind: the video model, or the image model whose layers it is built on.
        weak: the weak partner, trained on a fraction of the steps.

    Raises:
        FileNotFoundError: if the weights are not there.
    """
    if not WEIGHTS.exists():
        raise FileNotFoundError(
            f"no weights in {WEIGHTS}; make them with `w2sd-video shapes train FOLDER` and "
            f"`w2sd-video shapes export FOLDER {WEIGHTS}`"
        )
    from diffusers import AnimateDiffPipeline, StableDiffusionPipeline

    variant = "weak" if weak else None
    if kind == "video":
        return AnimateDiffPipeline.from_pretrained(WEIGHTS, variant=variant)
    return StableDiffusionPipeline.from_pretrained(
        WEIGHTS, variant=variant, safety_checker=None, requires_safety_checker=False
    )
