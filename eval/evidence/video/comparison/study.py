"""Table 12's question: guidance from the development split, then one look at the test."""

from __future__ import annotations

from w2sd_video.shapes import Kind

from ...embedded.clips import with_clips
from ...embedded.record import Record
from ...embedded.rendering import Wanted
from ...result import Result
from ..clips import NAMES, effort, say_cost, videos
from ..columns import Column, plain_with
from ..outcomes import Found
from ..pairs import Pair, captions, split_pairs
from ..plan import FULL, QUICK, Plan
from ..sampler import Clips, Videos
from .choice import choose
from .claims import FEW, Chosen, columns, extrapolation, reflection
from .drawn import CAPTION, figure
from .report import Report
from .tables import development, tables


def run(kind: Kind, seed: int, quick: bool, recorded: Record | None = None) -> Result:
    """The evidence of one kind of video model.

    Raises:
        InputError: if there are no weights of it, or clips would not go with the record's.
    """
    with videos(kind, quick, recorded) as rendering:
        found = result(kind, QUICK if quick else FULL, rendering, seed)
        return with_clips(found, kind, rendering, recorded)


def result(kind: Kind, plan: Plan, rendering: Videos, seed: int) -> Result:
    """Of one plan."""
    dev, test = split_pairs("dev", plan.dev, seed), split_pairs("test", plan.test, seed)
    usual = plan.start[len(plan.start) // 2]
    likely = _test(plan, Chosen(*[usual] * 6), test).values()
    say_cost(kind, "development", _development(plan, dev), rendering)
    say_cost(kind, "test", likely, rendering)
    choice = choose(plan, rendering, dev)
    chosen = choice.chosen
    wanted = _test(plan, chosen, test)
    rendering.get(wanted.values())
    found = {label: Found.of(rendering, one.column, one.pairs) for label, one in wanted.items()}
    report = Report(plan, chosen, found)
    tried = {
        family: {guidance: Found.of(rendering, one, dev) for guidance, one in own.items()}
        for family, own in choice.tried.items()
    }
    return Result(
        name=f"shapes-{kind}",
        title=f"Reflection on the shapes {NAMES[kind]}",
        about=_about(plan, chosen, test),
        claims=report.claims,
        tables=[*tables(report), development(tried)],
        figure=figure(report),
        caption=CAPTION,
        remarks=[*report.remarks(), effort(rendering)],
    )


def _test(plan: Plan, chosen: Chosen, pairs: list[Pair]) -> dict[str, Clips]:
    return {
        label: Wanted(column, pairs[: plan.grid] if label in FEW else pairs)
        for label, column in columns(plan, chosen).items()
    }


def _development(plan: Plan, pairs: list[Pair]) -> list[Clips]:
    """At least: more where the best guidance is an end of those that are tried first."""
    return [
        Wanted(column, pairs)
        for guidance in plan.start
        for reflected in [reflection(plan, guidance)]
        for column in (
            Column(plan.steps, guidance),
            plain_with(reflected.evaluations, guidance),
            extrapolation(reflected.evaluations, guidance),
            reflected,
        )
    ]


def _about(plan: Plan, chosen: Chosen, test: list[Pair]) -> str:
    one, two = (captions(test, things) for things in (1, 2))
    return (
        "The paper's table 12, asked of a model that was trained for it, on captions that training "
        "never saw and noise that no look was taken at before. Of two things, captions are also "
        "new to `shapes measure`; of one thing there are too few for that. "
        f"{plan.steps} steps; the pair is the "
        "shipped model and its weak partner's denoiser (which reads the strong one's text "
        f"encoder). Of {plan.dev} development pairs came the guidance: {chosen.strong:g} did "
        f"best for strong alone, {chosen.equal:g} for strong with as many evaluations as a "
        f"reflection on half of the steps, {chosen.reflected:g} for that reflection, and "
        f"{chosen.extrapolated:g} for extrapolation on half of its steps, of which it has as many "
        "more as make up for its evaluations. The reflection amounts to an "
        f"effective guidance of {chosen.effective:g} (ω_e, logged step by step, a mean over steps "
        f"and clips), and of {chosen.reflecting:g} in the steps that reflect. *Strong, matched "
        "guidance* samples with the one all along, *strong, matched where it reflects* with the "
        "other in half of its steps, both at as many evaluations. "
        f"Then {plan.test} test pairs were looked at once: "
        f"{len(one)} of one thing, with {len({*one})} captions, and {len(two)} of two, with "
        f"{len({*two})}. Captions, with all their pairs, are what intervals resample and tests "
        f"turn round. All columns have all pairs, but {', '.join(FEW)} has the first {plan.grid}. "
        "*All right* is the primary metric: number, colors, shapes, directions and background, "
        "all of them. A caption has no one ideal clip; PSNR and IoU are against the clip of its "
        "scene that the world itself would draw at the size, middle and speed that are found in "
        "the clip (a thing that is missing, in the middle, behind the others). A missing thing may "
        "cost PSNR less than a poor one, so it is told once more of pairs where both clips have "
        "all things. Speed stands for dynamic degree."
    )
