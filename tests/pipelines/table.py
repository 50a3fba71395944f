"""The table of docs/families.md: ``python -m tests.pipelines.table`` measures and writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from w2sd_video.pipelines import UnsupportedScheduler, UnsupportedSide

from w2sd_video import Reflection, Side
from w2sd_video.core.reflection import MODES

from .. import tiny
from .differences import Case, add_lora, cases, takes_guidance
from .test_families import Subject, identity

FILE = Path(__file__).parents[2] / "docs" / "families.md"
COLUMNS = (
    "weights",
    "LoRA",
    "guidance",
    "prompt",
    "negative prompt",
    "ControlNet",
    "IP-Adapter",
    "experts",
    "together",
)
STEPS = 3
STEPS_AS_PUBLISHED = 50  # for the identity, from which the published formula stays away
BOUNDS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, *(0.05 * i for i in range(1, 20)))
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def representative(found: dict[str, Case]) -> dict[str, Case]:
    """One case of every kind: guidance 1, the others as they come first."""
    chosen: dict[str, Case] = {}
    for name, case in found.items():
        kind = name if name in COLUMNS else name.split()[0]
        if kind not in chosen or name == "guidance 1.0":
            chosen[kind] = case
    return chosen


def identities(subject: Subject) -> str:
    """In every mode: 0, or a round number that the deviation is below."""
    found = []
    for mode in MODES:
        if mode == "official" and not subject.official:
            found.append("-")
            continue
        error = identity(subject, mode, STEPS_AS_PUBLISHED if mode == "official" else 4)
        found.append("0" if error == 0 else f"{next(b for b in BOUNDS if error < b):.2g}")
    return " ".join(found)


def evaluations(pipe: Any, family: tiny.Tiny, case: Case, mode: str, plain: float) -> str:
    """Denoiser samples of one reflected step, a clip; a dash where it is refused.

    ``plain`` are those of an unreflected step.
    """
    reflection = Reflection(weak=case.side, mode=mode)
    try:
        result = family.run(pipe, steps=STEPS, reflection=reflection)
    except (UnsupportedScheduler, UnsupportedSide):
        return "-"
    assert torch.isfinite(result).all()
    reflected = reflection.count(pipe.run.steps)
    spent = pipe.run.evaluations - plain * (pipe.run.steps - reflected)
    return f"{spent / reflected:g}"


def row(key: str) -> str:
    subject = Subject(key)
    same = identities(subject)
    pipe = subject.tiny.make(subject.cls)
    add_lora(pipe)
    found = representative(cases(key, subject.tiny, pipe))
    if takes_guidance(pipe):  # also where stock cannot be told the same
        found.setdefault("guidance", Case(Side(guidance_scale=1.0)))
    subject.tiny.run(pipe, steps=STEPS)
    plain = pipe.run.evaluations / pipe.run.steps
    cells = [
        " ".join(evaluations(pipe, subject.tiny, found[kind], mode, plain) for mode in MODES)
        if kind in found
        else ""
        for kind in COLUMNS
    ]
    name, _, variant = key.removesuffix("-ip").partition("-")
    name = name.removesuffix("Pipeline") + (f" ({variant})" if variant else "")
    if key.endswith("-ip"):
        name += " + IP-Adapter"
    return f"| {name} | {same} | {' | '.join(cells)} |\n"


def measured() -> str:
    head = f"| pipeline | identity | {' | '.join(COLUMNS)} |\n"
    return head + "|---" * (len(COLUMNS) + 2) + "|\n" + "".join(row(key) for key in tiny.FAMILIES)


def with_table(text: str, table: str) -> str:
    before, rest = text.split(BEGIN)
    return before + BEGIN + table + END + rest.split(END)[1]


if __name__ == "__main__":
    table = measured()  # takes minutes, in which somebody may write in the file
    FILE.write_text(with_table(FILE.read_text("utf-8"), table), "utf-8")
