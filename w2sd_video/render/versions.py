"""The versions that a clip depends on, told without importing anything heavy."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("w2sd-video", "torch", "diffusers", "transformers", "av")


@cache
def versions() -> dict[str, str]:
    """Version by package name, and Python's; "unknown" for what is not installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
