"""Pages in a real browser, opened from the file system."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
needs_browser = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is installed"),
]

# As a prompt, it is to be shown and to do nothing.
EVIL = "</h2><script>alert(1)</script><img src=x onerror=alert(2)> \" onload='x' ' & \u202e"


@contextmanager
def launched() -> Iterator[Any]:
    """A browser."""
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser: Any, file: Path, width: int, height: int, **context: Any) -> Any:
    """A page; in its list ``heard`` is what it says, fails in and asks for."""
    page = browser.new_page(viewport={"width": width, "height": height}, **context)
    page.heard = []
    page.on("dialog", lambda dialog: (page.heard.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: page.heard.append(str(error)))
    page.on("console", lambda message: page.heard.append(message.text))
    page.on("request", lambda asked: page.heard.append(asked.url))
    page.goto(file.as_uri())
    return page


def shown(page: Any, heading: str) -> list[str]:
    """The prompts of what is to be seen, without their seeds."""
    texts = page.locator(f"article:visible {heading}").all_inner_texts()
    return [text.split(" seed")[0] for text in texts]


def check_filter(page: Any, heading: str) -> None:
    """See that of four, with a blue ring and a red circle of seed 3, what is looked for is left."""
    assert len(shown(page, heading)) == 4
    page.fill("#filter", "BLUE ring")
    assert shown(page, heading) == ["a blue ring"]
    page.fill("#filter", "seed 3")
    assert shown(page, heading) == ["a red circle"]  # and not seed 36
    page.fill("#filter", "nothing like it")
    assert shown(page, heading) == []
    assert page.locator("#none").is_visible()


def screen(page: Any) -> np.ndarray:
    """What is to be seen, as ``(height, width, 3)`` of ints."""
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
