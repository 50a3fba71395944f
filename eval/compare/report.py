"""``report.html``: a comparison on one page that needs nothing beside it."""

from __future__ import annotations

import base64
import math
from typing import Any

from jinja2 import Environment, PackageLoader

from w2sd_video.render.media.video import read_png, stream_frames

from ..settings import told
from . import figures, verdicts
from .cautions import cautions
from .choice import choose, overall
from .clips import Clip
from .comparison import Comparison, mean_cost
from .exports import finite
from .metrics import decimals
from .statistics import FLIPS, RESAMPLES
from .wording import number, percent, places_of, probability, signed, spanned, title

SMALL = 256  # clips narrower than this are enlarged with hard pixel edges
PALETTE = 8  # colors of columns; from there on they come again


def page(comparison: Comparison, clips: int) -> str:
    """The page; so many pairs of clips are in it."""
    main = verdicts.main_column(comparison)
    index = comparison.columns.index(main)
    chosen = choose(comparison, clips, index)
    environment = Environment(
        loader=PackageLoader("w2sd_video.eval.compare", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        title=f"{main.label} against {comparison.reference.label}",
        summary=verdicts.sentence(comparison, main),
        others=[verdicts.sentence(comparison, c) for c in comparison.others if c is not main],
        warnings=cautions(comparison),
        pairs=len(comparison.pairs),
        columns=[_column(comparison, i) for i in range(len(comparison.columns))],
        groups=[_rows(comparison, k) for k in range(len(comparison.metrics))],
        guided=comparison.knows_guidance,
        partly=any(r.n < len(comparison.pairs) for r in comparison.results.values()),
        forest=figures.forest(comparison) if comparison.metrics else None,
        plots=figures.plots(comparison),
        size=figures,
        metrics=[{"name": m.name, "title": title(m)} for m in comparison.metrics],
        cards=[_card(comparison, i, why) for i, why in chosen.items()],
        by=main.label,
        resamples=f"{RESAMPLES:,}",
        flips=f"{FLIPS:,}",
        draw=comparison.draws[1],
        tests=len(comparison.results),
    )


def _column(comparison: Comparison, i: int) -> dict[str, Any]:
    """A column's costs and settings."""
    column = comparison.columns[i]
    reference = comparison.reference.settings
    costs = []
    for values, places in ((comparison.evaluations, 1), (comparison.seconds, 2)):
        mean, base = mean_cost(values[i]), mean_cost(values[0])
        times = (
            f"\N{MULTIPLICATION SIGN} {mean / base:.3g}"
            if i and base > 0 and math.isfinite(mean)
            else ""
        )
        costs.append({"mean": number(mean, places), "times": times})
    settings = [
        {"key": key, "value": told(value), "differs": i > 0 and reference.get(key) != value}
        for key, value in column.settings.items()
    ]
    gone = [k for k in reference if k not in column.settings] if i else []
    settings += [{"key": key, "value": "not set", "differs": True} for key in gone]
    return {
        "label": column.label,
        "color": i % PALETTE,
        "clips": len(column.clips),
        "folders": ", ".join(map(str, column.folders)),
        "evaluations": costs[0],
        "seconds": costs[1],
        "guidance": number(mean_cost(comparison.guidance[i]), 2),
        "settings": settings,
    }


def _rows(comparison: Comparison, k: int) -> dict[str, Any]:
    """A metric's rows: one for each column but the reference."""
    metric = comparison.metrics[k]
    rows = []
    for i, column in enumerate(comparison.others, start=1):
        result = comparison.results[column.label, metric.name]
        places = places_of(result)
        share = result.win_rate
        rows.append(
            {
                "key": (column.label, metric.name),
                "label": column.label,
                "color": i % PALETTE,
                "reference_mean": number(result.reference_mean, places),
                "mean": number(result.mean, places),
                "difference": signed(result.difference, places),
                "interval": spanned(result.interval, places),
                "share": round(share * 100, 1) if math.isfinite(share) else None,
                "won": percent(share),
                "counts": f"{result.wins} won, {result.ties} equal, {result.losses} lost",
                "p": probability(result.p_holm),
                "n": result.n,
                "verdict": verdicts.verdict(metric, result),
            }
        )
    return {"title": metric.title, "better": metric.better, "name": metric.name, "rows": rows}


def _card(comparison: Comparison, pair: int, why: str) -> dict[str, Any]:
    """One pair: its clips, their scores, and each column's gains."""
    key = comparison.pairs[pair]
    gains: dict[str, list[float | None]] = {
        m.name: [finite(float(g)) for g in comparison.gains(k)[:, pair]]
        for k, m in enumerate(comparison.metrics)
    }
    if comparison.metrics:
        columns = range(1, len(comparison.columns))
        gains["overall"] = [finite(float(overall(comparison, i)[pair])) for i in columns]
    return {
        "prompt": key[0],
        "seed": key[1],
        "why": why,
        "number": pair,
        "gains": gains,
        "clips": [
            _figure(clip, column.label, i % PALETTE)
            for i, (column, clip) in enumerate(
                zip(comparison.columns, comparison.clips(key), strict=True)
            )
        ],
        "scores": [
            {
                "title": title(m),
                "values": [
                    number(value, decimals(comparison.scores[:, :, k].ravel()))
                    for value in comparison.scores[:, pair, k]
                ],
            }
            for k, m in enumerate(comparison.metrics)
        ],
    }


def _figure(clip: Clip, label: str, color: int) -> dict[str, Any]:
    """A clip with its file in it; one that can't be read says why instead."""
    shown: dict[str, Any] = {
        "label": label,
        "color": color,
        "name": clip.file.name,
        "evaluations": number(clip.evaluations, 0),
        "seconds": number(clip.seconds, 2),
        "is_image": clip.is_image,
    }
    try:
        frames = read_png(clip.file).frames if clip.is_image else stream_frames(clip.file)
        height, width, _ = next(iter(frames)).shape
        kind = "image/png" if clip.is_image else "video/mp4"
        content = base64.b64encode(clip.file.read_bytes()).decode("ascii")
    except (OSError, ValueError, SyntaxError) as error:
        return shown | {"error": f"can't be read: {error}"}
    source = f"data:{kind};base64,{content}"
    return shown | {"src": source, "width": width, "height": height, "small": width < SMALL}
