"""The paper's algorithm as a plain loop, for families that have little in common."""

from .images import SD, SD3, Conditioned, DiTMoE
from .loop import GAP, REFLECTED, STEPS, ByHand, Scale, prompts, same
from .videos import LTX2, CogVideoX, CogVideoXDPM, Wan

__all__ = ["GAP", "HANDS", "LTX2", "REFLECTED", "SD", "STEPS", "ByHand", "Scale", "prompts", "same"]

HANDS = {
    "StableDiffusionPipeline": SD,
    "StableDiffusionControlNetPipeline-ip": Conditioned,
    "StableDiffusion3Pipeline": SD3,
    "WanPipeline-2.2": Wan,
    "CogVideoXPipeline": CogVideoX,
    "CogVideoXPipeline-dpm": CogVideoXDPM,
    "LTX2Pipeline": LTX2,
    "DiTMoEPipeline": DiTMoE,
}
