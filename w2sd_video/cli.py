"""The command line: ``w2sd-video``, and ``render`` for short.

Heavy imports happen inside commands: ``--help`` and every complaint about bad input answer
without torch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from w2sd_video.eval import cli as eval_cli
from w2sd_video.eval.evidence import cli as evidence_cli
from w2sd_video.render.errors import BAD_INPUT, INTERRUPTED, OK, SOME_FAILED, InputError

app = typer.Typer(
    name="w2sd-video",
    help="Render videos from prompt lists with weak-to-strong reflection.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
configs_app = typer.Typer(help="List, show and copy the presets.", rich_markup_mode=None)
app.add_typer(configs_app, name="configs")
render_app = typer.Typer(
    name="render", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


def render(
    prompts: Annotated[
        str | None,
        typer.Argument(metavar="[PROMPTS]", help="A .txt, .csv, .jsonl or .yaml list, or -."),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            metavar="SUITE",
            help="Instead of a list: vbench, vbench:DIMENSION,..., w2sd-200,"
            " drawbench:FILE, pick-a-pic:FILE or geneval:FILE.",
        ),
    ] = None,
    config: Annotated[
        str, typer.Option("--config", "-c", help="A preset's name or a YAML file.")
    ] = "shapes",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the run. [default: renders/LIST]"),
    ] = None,
    samples: Annotated[
        str | None, typer.Option(metavar="N", help="Clips per prompt, seeds counting up.")
    ] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="SEEDS", help="One seed or several: 0, 0-4, 0-4,9.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a key, such as reflection.gap=0.5."),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option("--sweep", metavar="KEY=V1,V2", help="Render every row with each value."),
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Render each plain clip too, from the same noise.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check everything and say what it would cost; may render batches to time them.",
        ),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Render the I-th of N shares, as in a job array."),
    ] = None,
    engine: Annotated[
        str, typer.Option(metavar="local|ray", help="Render on this machine or a Ray cluster.")
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Processes that render side by side. [default: 1; ray: all]"
        ),
    ] = None,
    verify: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Then render N finished clips again, and compare.",
            show_default=False,
        ),
    ] = 0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Take up again what failed before.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON events, one a line.")] = False,
) -> None:
    """Render every prompt of a list.

    A clip that is there already, whole and with the same settings, is skipped.
    Exit codes: 0 all done, 1 some clips failed, 2 bad input, 130 interrupted.
    """
    from dataclasses import replace

    from w2sd_video.eval.images.lists import LISTS
    from w2sd_video.render.command import option_layers, render_list
    from w2sd_video.render.jobs.shards import Shard
    from w2sd_video.render.request import Request

    if not (prompts or suite):
        raise InputError("Missing argument 'PROMPTS', or --suite.")
    if prompts and suite:
        raise InputError("takes the place of a list; leave one of them out", "--suite")
    request = Request(
        prompts=prompts or "",
        config=config,
        folder=output,
        options=option_layers(samples, seed, set_ or []),
        sweeps=sweep or [],
        baseline=baseline,
        dry_run=dry_run,
        verify=verify,
        retry_failed=retry_failed,
        shard=Shard.read(shard) if shard else None,
        engine=engine,
        workers=workers,
        as_json=as_json,
    )
    if suite and suite.partition(":")[0] in LISTS:
        request = replace(request, **_list(suite))
    elif suite:
        # The suite's rows have samples and seeds, a clip each.
        request = replace(
            request, options=option_layers(None, None, set_ or []), **_suite(suite, samples, seed)
        )
    raise typer.Exit(render_list(request))


def _list(text: str) -> dict[str, Any]:
    """What a request has of a published list, by name of the field."""
    from w2sd_video.eval.images.lists import PromptList

    prompts = PromptList.read(text)
    return {"prompts": prompts.name, "suite": str(prompts), "rows": prompts.rows()}


def _suite(text: str, samples: str | None, seed: str | None) -> dict[str, Any]:
    """What a request has of a suite, by name of the field."""
    from w2sd_video.eval.images.lists import LISTS
    from w2sd_video.eval.vbench.dimensions import LIMIT
    from w2sd_video.eval.vbench.suite import OFFICIAL, SAMPLED, Suite, rows
    from w2sd_video.render.errors import did_you_mean

    name, known = text.partition(":")[0], (OFFICIAL, SAMPLED, *LISTS)
    if name not in known:
        near = did_you_mean(name, known)
        raise InputError(f"unknown suite '{name}'{near} ({', '.join(known)})", "--suite")
    suite = Suite.read(text)
    return {
        "prompts": suite.name,
        "suite": str(suite),
        "rows": rows(suite, samples, seed),
        "shorter_than": LIMIT if suite.name == OFFICIAL else None,
    }


app.command("render")(render)
render_app.command()(render)


@app.command("gallery")
def gallery(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Write the gallery page of a folder of clips again."""
    from w2sd_video.render.reporting.gallery import write_gallery

    print(write_gallery(folder))


app.command("eval")(eval_cli.evaluate)
app.add_typer(eval_cli.vbench_app, name="vbench")
app.command("evidence")(evidence_cli.evidence)


@app.command("status")
def status(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Say how far a folder of clips is, and what failed in it."""
    from rich.console import Console

    from w2sd_video.render.reporting.status import report

    # A table in a file or a pipe is not to be folded to some terminal's width.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
    for part in report(folder):
        console.print(part)


@app.command("compare")
def compare(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...")],
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR=NAME", help="Name what a folder has; may be repeated."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Compare with this column. [default: the first]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the report. [default: DIR/compare]"),
    ] = None,
    clips: Annotated[
        int, typer.Option(metavar="N", min=0, help="Pairs of clips in the report.")
    ] = 24,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Compare clips of the same prompts and seeds: a table, and a report to look at."""
    from w2sd_video.eval.compare.command import Request
    from w2sd_video.eval.compare.command import compare as compare_folders

    compare_folders(Request(folders, label or [], against, output, clips, as_json))


@configs_app.command("ls")
def configs_ls() -> None:
    """List the presets: what they compare, how large, how often, at what cost."""
    from rich.console import Console

    from w2sd_video.render.reporting.presets import table

    width = None if sys.stdout.isatty() else 200
    Console(highlight=False, soft_wrap=True, width=width).print(table())


@configs_app.command("show")
def configs_show(name: str) -> None:
    """Print a preset."""
    print(_preset(name), end="")


@configs_app.command("cp")
def configs_cp(name: str, file: Path) -> None:
    """Copy a preset into a file, to edit it."""
    from w2sd_video.render.errors import InputError

    text = _preset(name)
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise InputError("is there already", str(file)) from None
    except OSError as error:
        raise InputError(f"can't be written: {error.strerror}", str(file)) from None
    print(f"{file}: copied; use it with: render PROMPTS -c {file}")


def _preset(name: str) -> str:
    """A preset's text, or a complaint."""
    from w2sd_video import configs
    from w2sd_video.render.errors import InputError, did_you_mean

    if name not in configs.names():
        raise InputError(f"unknown preset '{name}'{did_you_mean(name, configs.names())}")
    text: str = configs.read(name)
    return text


@app.command("doctor")
def doctor() -> None:
    """Say what this machine can do."""
    from w2sd_video.render.reporting.doctor import findings

    complete = True
    for finding in findings():
        complete &= finding.ok
        print(f"{'ok ' if finding.ok else '-- '} {finding.what:16} {finding.text}")
    ready, text = eval_cli.told_of_vbench()  # which nothing but scoring needs
    print(f"{'ok ' if ready else '-- '} {'VBench':16} {text}")
    raise typer.Exit(OK if complete else SOME_FAILED)


if find_spec("w2sd_video.shapes.cli"):
    from w2sd_video.shapes.cli import app as shapes_app

    app.add_typer(shapes_app, name="shapes")


def _run(command: Callable[..., Any], prog: str, arguments: list[str]) -> None:
    """Run an app; a complaint is one line on standard error and exit code 2."""
    from w2sd_video.render.errors import InputError, RunError

    try:
        code = command(arguments, prog_name=prog, standalone_mode=False)
    except InputError as error:
        code = _complain(str(error))
    except RunError as error:
        _complain(str(error))
        code = SOME_FAILED
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = SOME_FAILED
    except Exception as error:
        if not hasattr(error, "format_message"):  # the parser's complaints have it
            raise
        code = _complain(error.format_message())
    sys.exit(code if isinstance(code, int) else OK)


def _complain(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return BAD_INPUT


def main() -> None:
    """Entry point of ``w2sd-video``."""
    _run(app, "w2sd-video", sys.argv[1:] or ["--help"])


def render_main() -> None:
    """Entry point of ``render``."""
    _run(render_app, "render", sys.argv[1:])


if __name__ == "__main__":
    main()
