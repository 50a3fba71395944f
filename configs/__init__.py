"""Presets: YAML files that can be used by name, looked at, and copied out to edit."""

from __future__ import annotations

from importlib.resources import files


def names() -> list[str]:
    """The presets there are."""
    entries = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(".yaml") for name in entries if name.endswith(".yaml"))


def read(name: str) -> str:
    """A preset's YAML text.

    Raises:
        FileNotFoundError: if there is no such preset.
    """
    return (files(__name__) / f"{name}.yaml").read_text("utf-8")
