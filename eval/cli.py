"""``w2sd-video eval`` and ``w2sd-video vbench``: scores of clips, and what takes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from w2sd_video.render.errors import OK, SOME_FAILED, InputError, did_you_mean

if TYPE_CHECKING:
    from rich.console import RenderableType

vbench_app = typer.Typer(
    help="Set up the official VBench, apart from everything else.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
SUITES = ("vbench", "shapes", "images")

Environment = Annotated[
    Path | None,
    typer.Option(
        "--env", metavar="DIR", help="VBench's environment. [default: $W2SD_VBENCH_ENV or cache]"
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Weights. [default: $VBENCH_CACHE_DIR or ~/.cache/vbench; of images the hub cache]",
    ),
]


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    suite: Annotated[
        str, typer.Option(metavar="vbench|shapes|images", help="Who scores.", show_default=False)
    ] = "vbench",
    dimensions: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Or all. [default: of the folder's suite, or the paper's + flickering]",
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            metavar="auto|standard|custom",
            help="Standard: the official prompts, complete. Custom: any clips.",
        ),
    ] = "auto",
    scores: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Of images: pickscore, hps-v2, clip-t, fid, ... [see docs/images.md]",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Of images: others that clip-i, dino and fid compare with."
        ),
    ] = None,
    allow_pickle: Annotated[
        bool,
        typer.Option("--allow-pickle", help="Of images: load pickled weights, which can run code."),
    ] = False,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR2", help="Another folder to score likewise; then compare DIR with it."
        ),
    ] = None,
    weights: Weights = None,
    env: Environment = None,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="S", min=1, help="Seconds a clip may take until VBench counts as hung."
        ),
    ] = 1800.0,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="One JSON object; with --baseline also DIR2's and the comparison."
        ),
    ] = False,
) -> None:
    """Score the clips or images of a folder; what has a score, and has not changed, keeps it.

    Exit codes: 0 all scored, 1 some images can't be read, 2 bad input, 3 weights or clips are
    missing, 4 VBench or a model crashed, 5 its result or weights are unusable, 6 it hung, 130
    interrupted.
    """
    if suite not in SUITES:
        near = did_you_mean(suite, SUITES)
        raise InputError(f"unknown suite '{suite}'{near} ({', '.join(SUITES)})", "--suite")
    if suite != "vbench" and dimensions:
        raise InputError(f"means nothing to the suite {suite}", "--dimensions")
    of_images = {"--scores": scores, "--reference": reference, "--allow-pickle": allow_pickle}
    given = [option for option, value in of_images.items() if value]
    if given and suite != "images":
        raise InputError(f"means nothing to the suite {suite}; use --suite images", given[0])
    if baseline and baseline.resolve() == folder.resolve():
        raise InputError("is the folder itself", "--baseline")
    if baseline:  # before the work: clips are paired by what ledgers tell
        from w2sd_video.render.record.folder import rows

        for each in (folder, baseline):
            rows(each)

    def score(folder: Path) -> int:
        if suite == "images":
            return _images(folder, scores, weights, reference, allow_pickle, as_json)
        if suite == "shapes":
            return _shapes(folder, as_json)
        return _vbench(folder, dimensions, mode, weights, env, timeout, as_json)

    code = score(folder)
    if baseline:
        code = max(code, score(baseline))
        _compare(baseline, folder, as_json)
    raise typer.Exit(code)


def _compare(baseline: Path, folder: Path, as_json: bool) -> None:
    from w2sd_video.eval.compare.command import Request, compare

    output = folder / "compare"
    compare(Request([baseline, folder], baseline=baseline, output=output, as_json=as_json))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _tell(
    value: dict[str, Any], as_json: bool, table: RenderableType, remarks: Sequence[str] = ()
) -> None:
    """One JSON object, or a table and what is to be said beside it."""
    from rich.console import Console

    if as_json:
        print(json.dumps(value, ensure_ascii=False))
        return
    Console(highlight=False, soft_wrap=True).print(table)
    for line in remarks:
        _say(line)


def _vbench(
    folder: Path,
    listed: str | None,
    asked_mode: str,
    weight_folder: Path | None,
    env: Path | None,
    timeout: float,
    as_json: bool,
) -> int:
    from w2sd_video.eval import clips
    from w2sd_video.eval.vbench import environment, membership, scoring, told, weights
    from w2sd_video.eval.vbench.dimensions import DEFAULT, chosen

    rendered = membership.rendered_suite(folder)
    if listed is not None:
        dimensions = chosen([part.strip() for part in listed.split(",")], "--dimensions")
    else:
        dimensions = [*rendered.dimensions] if rendered else chosen(DEFAULT, "")
    request = scoring.Request(
        folder=folder,
        dimensions=dimensions,
        mode=membership.mode_of(asked_mode, rendered),
        environment=env or environment.place(),
        weights=weights.root(weight_folder),
        silence=timeout,
    )
    if line := clips.skipped(folder):
        _say(line)
    report = scoring.evaluate(request, _say)
    _tell(told.as_json(report), as_json, told.table(report), told.remarks(report))
    return report.code


def _shapes(folder: Path, as_json: bool) -> int:
    from w2sd_video.eval import clips, shapes

    if line := clips.skipped(folder):
        _say(line)
    report = shapes.evaluate(folder, _say)
    _tell(report.as_json(), as_json, report.table())
    return OK


def _images(
    folder: Path,
    listed: str | None,
    weight_folder: Path | None,
    reference: Path | None,
    allow_pickle: bool,
    as_json: bool,
) -> int:
    from w2sd_video.eval.images import scoring, told
    from w2sd_video.eval.images.scores import chosen

    request = scoring.Request(
        folder=folder,
        kinds=chosen(listed, has_reference=reference is not None),
        weights=weight_folder,
        reference=reference,
        allow_pickle=allow_pickle,
    )
    report = scoring.evaluate(request, _say)
    _tell(told.as_json(report), as_json, told.table(report), told.remarks(report))
    return report.code


@vbench_app.command()
def setup(env: Environment = None) -> None:
    """Make VBench's environment, or finish one: about 6 GB.

    Exit codes: 0 all can be imported but what needs detectron2, 1 others can't.
    """
    from w2sd_video.eval.vbench import environment
    from w2sd_video.eval.vbench.dimensions import DIMENSIONS

    state = environment.setup(env or environment.place(), _say)
    for name, reason in environment.report(state):
        print(f"{'-- ' if reason else 'ok '} {name:24} {reason}".rstrip())
    print(f"{len(state.available)} of {len(state.dimensions)} dimensions can be imported")
    needed = {name for name, dimension in DIMENSIONS.items() if not dimension.detectron}
    raise typer.Exit(OK if needed <= {*state.available} else SOME_FAILED)


@vbench_app.command("doctor")
def vbench_doctor(env: Environment = None, weights: Weights = None) -> None:
    """Say which dimensions can be scored here, and what the others lack."""
    from w2sd_video.eval.errors import NOT_THERE
    from w2sd_video.eval.vbench import environment
    from w2sd_video.eval.vbench import weights as files

    folder, state = environment.opened(env or environment.place())
    root = files.root(weights)
    print(f"environment {folder}\nweights     {root}")
    ready = 0
    for name, reason in environment.report(state):
        lacking = [reason] if reason else files.missing(name, root)
        ready += not lacking
        print(f"{'-- ' if lacking else 'ok '} {name:24} {lacking[0] if lacking else ''}".rstrip())
        for line in lacking[1:]:
            print(f"    {'':24} {line}")
    print(f"{ready} of {len(state.dimensions)} dimensions can be scored")
    raise typer.Exit(OK if ready == len(state.dimensions) else NOT_THERE)


def told_of_vbench() -> tuple[bool, str]:
    """Whether VBench is here, and in a few words what it can score."""
    from w2sd_video.eval.vbench import environment, weights

    try:
        _, state = environment.opened()
    except InputError as error:
        return False, error.message
    root = weights.root()
    ready = [name for name in state.available if not weights.missing(name, root)]
    count = f"{len(ready)} of {len(state.dimensions)}"
    return True, f"{count} dimensions can be scored; see: w2sd-video vbench doctor"
