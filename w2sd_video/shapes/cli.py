"""`w2sd-video shapes`: train the embedded models, ship them, measure them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    help="The embedded world of moving shapes: train its models and measure them.",
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(help="Folder of the checkpoints; about 0.7 GB.")]
Model = Annotated[
    Literal["unet", "dit", "moe"],
    typer.Option(help="The UNets (image and video), the video DiT, or the mixture of experts."),
]


@app.command()
def train(
    folder: Folder,
    model: Model = "unet",
    weak: Annotated[
        float, typer.Option(help="The weak partner's share of the steps.", min=0.01, max=1.0)
    ] = 0.165,
    processes: Annotated[
        int, typer.Option(help="Training processes, a thread each; 1 on a GPU.", min=1)
    ] = 2,
    seed: int = 0,
) -> None:
    """Train a model and its weak partner, and first their VAE; run again to resume."""
    from dataclasses import replace

    from .recipe import Recipe

    data = replace(Recipe(), seed=seed)
    if model == "unet":
        from .train import train as train_unet

        train_unet(folder, data, weak, processes, _say)
    elif model == "dit":
        from .dit import DitRecipe, train_dit

        train_dit(folder, DitRecipe(), data, weak, processes, _say)
    else:
        from .moe import MoeRecipe, train_moe

        train_moe(folder, MoeRecipe(), data, processes, _say)


@app.command()
def export(
    folder: Folder,
    weights: Annotated[Path, typer.Argument(help="The diffusers folder to write.")],
    model: Model = "unet",
) -> None:
    """Write trained checkpoints as a diffusers folder with a "weak" variant, in float16."""
    from .export import export_dit, export_moe, export_unet

    try:
        {"unet": export_unet, "dit": export_dit, "moe": export_moe}[model](folder, weights)
    except FileNotFoundError as error:
        raise typer.BadParameter(str(error), param_hint="FOLDER") from None
    except FileExistsError as error:
        raise typer.BadParameter(str(error), param_hint="WEIGHTS") from None
    _say(f"wrote {weights}")


@app.command()
def restore(
    weights: Annotated[Path, typer.Argument(help="A folder that `export` wrote, of the UNets.")],
    folder: Folder,
) -> None:
    """Make checkpoints of shipped weights, for `train` to go on with."""
    from .restore import restore_unet

    try:
        restore_unet(weights, folder)
    except FileExistsError as error:
        raise typer.BadParameter(f"{error}; take another folder", param_hint="FOLDER") from None
    _say(f"wrote {folder}")


@app.command()
def measure(
    kind: Annotated[Literal["video", "image", "dit", "moe", "vae"], typer.Argument()] = "video",
    objects: Annotated[int, typer.Option(help="Objects in every prompt.", min=1, max=2)] = 1,
    pairs: Annotated[int, typer.Option(help="Prompt-seed pairs.", min=1)] = 512,
    guidance: Annotated[float, typer.Option(help="Guidance scale.")] = 2.5,
    steps: Annotated[int, typer.Option(help="Inference steps.", min=1)] = 25,
    weak: Annotated[bool, typer.Option(help="Measure the weak partner.")] = False,
    development: Annotated[
        bool, typer.Option("--development", help="Other pairs, to choose settings on.")
    ] = False,
    half: Annotated[
        bool, typer.Option("--bf16", help="Sample in bfloat16, if the processor has it.")
    ] = False,
) -> None:
    """Grade a shipped model on prompts and seeds that training never used."""
    import json
    from contextlib import nullcontext

    from . import load_pipeline
    from .measure import (
        DEVELOPMENT_SEED,
        FIRST_SEED,
        grade_pipeline,
        grade_vae,
        held_out_pairs,
    )
    from .precision import bf16
    from .score import summary

    pipe = load_pipeline("video" if kind == "vae" else kind, weak=weak)
    pipe.set_progress_bar_config(disable=True)
    if kind == "vae":
        means = summary(grade_vae(pipe.vae, pairs))
    else:
        with bf16("cpu") if half else nullcontext():
            grades = grade_pipeline(
                pipe,
                held_out_pairs(objects, pairs, DEVELOPMENT_SEED if development else FIRST_SEED),
                kind=kind,
                guidance_scale=guidance,
                num_inference_steps=steps,
                done=lambda count: typer.echo(f"{count}/{pairs}", err=True),
            )
            means = summary(grades)
    # Of a single frame motion can't be measured, and JSON has no NaN.
    measured = {name: round(value, 4) if value == value else None for name, value in means.items()}
    asked: dict[str, object] = {"kind": kind, "weak": weak, "objects": objects, "pairs": pairs}
    asked |= {"guidance": guidance, "steps": steps}
    typer.echo(json.dumps({**asked, **measured}))


def _say(line: str) -> None:
    import time

    typer.echo(f"{time.strftime('%H:%M:%S')} {line}")
