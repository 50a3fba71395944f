"""``w2sd-video evidence``: make what the docs claim, from nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from w2sd_video.render.errors import InputError

from . import EVIDENCES, LONG, chosen

if TYPE_CHECKING:
    from .embedded.record import Record


def evidence(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...",
            help="Which, or short, long, all; ls lists them. Long ones take up to a night, "
            "unless --recorded.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of JSON, plot and text. [default: evidence]"),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of every random number.")] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Seconds only, to see that it runs; shows nothing.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Write docs/evidence.md of this checkout.")
    ] = False,
    recorded: Annotated[
        bool,
        typer.Option(
            "--recorded", help="Reckon anew from the clips in docs/evidence/, of the long ones."
        ),
    ] = False,
    redraw: Annotated[
        bool, typer.Option("--redraw", help="Plot and text anew from the JSON that is there.")
    ] = False,
    plot: Annotated[bool, typer.Option("--plot/--no-plot", help="Draw it.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Results as JSON, one a line.")] = False,
) -> None:
    """Measure what the docs claim, with the rows that could refute it.

    Every claim is told with its verdict: holds, refuted, or open. Exit code 0 whatever they are.
    """
    if names == ["ls"]:
        for name, about in EVIDENCES.items():
            print(f"{name:14} {'long ' if name in LONG else 'short'} {about}")
        return
    wanted = chosen(names)
    if keep and (quick or output or not plot):
        raise InputError("takes the whole size, docs/ and the plots", "--keep")
    if redraw and quick:
        raise InputError("measures nothing; leave out --quick", "--redraw")
    if recorded:
        if quick or redraw:
            raise InputError("goes with neither --quick nor --redraw", "--recorded")
        if other := [name for name in wanted if name not in LONG]:
            told = f"of {', '.join(other)} no clips are kept; name {', '.join(LONG)}"
            raise InputError(told, "--recorded")
    from rich.console import Console

    from . import keep as files
    from .running import measured
    from .told import terminal

    folder = output or Path("evidence")
    clips = {name: _clips(name, seed) for name in wanted} if recorded else {}
    for name in wanted:
        if redraw:
            result = files.load(files.ROOT / "docs" / "evidence" if keep else folder, name)
        else:
            size = ", far too small to show anything" if quick else ""
            print(f"{name}: {EVIDENCES[name]}{size} ...", file=sys.stderr, flush=True)
            result = measured(name, seed, quick, clips.get(name))
        file = files.write_docs(result) if keep else files.write(result, folder, plot)
        if as_json:
            print(json.dumps(result.json_value(), ensure_ascii=False))
        else:
            console = Console(highlight=False, soft_wrap=True)
            for part in terminal(result):
                console.print(part)
            beside = "" if keep else f" ({'JSON and text are' if plot else 'JSON is'} beside it)"
            print(f"{file}{beside}")


def _clips(name: str, seed: int) -> Record:
    """Those in docs/evidence/, which must be of this seed."""
    from .keep import clips

    found = clips(name)
    if found.made and found.made.seed != seed:
        raise InputError(f"the clips of {name} are of seed {found.made.seed}", "--seed")
    return found
