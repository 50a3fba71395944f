"""DiT-MoE (arXiv 2407.11633): class-conditional images by a transformer with sparse experts."""

from .experts import gates
from .pipeline import DiTMoEPipeline, DiTMoEW2SDPipeline
from .transformer import SIZES, DiTMoETransformer2DModel

__all__ = ["SIZES", "DiTMoEPipeline", "DiTMoETransformer2DModel", "DiTMoEW2SDPipeline", "gates"]
