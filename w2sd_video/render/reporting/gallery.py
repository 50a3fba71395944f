"""``gallery.html``: all clips and images of a folder on one page that needs nothing but them."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader

from w2sd_video.render.files.atomic import write_whole
from w2sd_video.render.record.folder import rows

SMALL = 256  # clips narrower than this are enlarged with hard pixel edges


def write_gallery(folder: Path) -> Path:
    """Write the page from the folder's ledger and return its path.

    Clips that differ in nothing but their reflection stand side by side.

    Raises:
        InputError: if the folder has no ledger.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    counts = {"done": 0, "failed": 0}
    for row in rows(folder):
        if row["state"] in counts:
            counts[row["state"]] += 1
            groups.setdefault(row["pair"], []).append(_card(row, folder))
    for cards in groups.values():
        cards.sort(key=lambda card: card["kind"])  # plain before reflected
    environment = Environment(
        loader=PackageLoader("w2sd_video.render.reporting", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("gallery.html.j2").render(
        title=folder.resolve().name, groups=list(groups.values()), counts=counts
    )
    path = folder / "gallery.html"
    write_whole(path, page)
    return path


def _card(row: dict[str, Any], folder: Path) -> dict[str, Any]:
    config = row["config"]
    clip = f"clips/{row['name']}.mp4"
    image = f"clips/{row['name']}.png"  # beside a clip, a contact sheet
    is_image = (folder / image).is_file() and not (folder / clip).is_file()
    width, height = config["width"] or SMALL, config["height"] or SMALL
    settings = {k: v for k, v in config.items() if k not in ("prompt", "seed", "samples", "name")}
    return row | {
        "src": image if is_image else clip,
        "is_image": is_image,
        "width": width,
        "height": height,
        "small": width < SMALL,
        "label": _label(config),
        "settings": _text(json.dumps(settings)),
    }


@lru_cache(maxsize=1000)
def _text(settings: str) -> str:
    """Settings, given as JSON, for people; most clips of a run have the same."""
    return yaml.safe_dump(_given(json.loads(settings)), sort_keys=False, allow_unicode=True)


def _label(config: dict[str, Any]) -> str:
    """What a clip is in a few words."""
    reflection = config["reflection"]
    if reflection is None:
        return "plain"
    gap = "" if reflection["gap"] == 1 else f", gap {reflection['gap']:g}"
    return f"reflected, {reflection['mode']}{gap}"


def _given(value: Any) -> Any:
    """Settings without what was left to its default."""
    if isinstance(value, dict):
        inner = {key: _given(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in (None, {})}
    return value
