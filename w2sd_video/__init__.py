"""W2SD for diffusers: reflection on video and image pipelines, and a batch renderer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core.reflection import Reflection, Side
    from .pipelines import reflect

__all__ = ["Reflection", "Side", "reflect"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Imported when first used: `render --help` must not wait for torch.
    if name in ("Reflection", "Side"):
        from .core import reflection

        return getattr(reflection, name)
    if name == "reflect":
        from .pipelines import reflect

        return reflect
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
