"""The same numbers in the terminal, in CSV, in JSON and on the page."""

from __future__ import annotations

import csv
import html
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from w2sd_video.eval.compare.cautions import cautions
from w2sd_video.eval.compare.comparison import Comparison, gather
from w2sd_video.eval.compare.verdicts import verdict

from w2sd_video.render.jobs.job import Job

from ...conftest import Call
from .runs import run

PROMPTS = [f"prompt {i}" for i in range(12)]
REFLECTED = "reflected exact"
EFFECTIVE = 2.625


def score(job: Job) -> dict[str, float]:
    """Differences of all sizes: gains with a tie among them, losses, and both; not all scored."""
    i, by = int(job.prompt.split()[1]), job.kind == "reflected"
    found = {
        "aesthetic_quality": 0.4 + 0.01 * i + by * 0.002 * i * i,
        "jitter": 0.9 + 0.02 * i + by * 0.03 * math.sqrt(1 + i),
        "dynamic_degree": 0.5 + by * 0.05 * math.sin(i),
    }
    if by and i == 5:
        del found["dynamic_degree"]
    return found


@dataclass
class Outputs:
    found: Comparison
    terminal: str
    folder: Path

    @property
    def json(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.folder / "comparison.json").read_text())
        return said

    @property
    def page(self) -> str:
        return (self.folder / "report.html").read_text()

    def csv(self, name: str) -> list[dict[str, str]]:
        with (self.folder / name).open() as file:
            return list(csv.DictReader(file))


@pytest.fixture
def outputs(tmp_path: Path, call: Call) -> Outputs:
    folder = run(tmp_path, prompts=PROMPTS, score=score, baseline=True, guidance=EFFECTIVE)
    done = call("compare", str(folder))
    assert done.code == 0, done.err
    return Outputs(gather([folder]), done.out, folder / "compare")


def signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "\N{MINUS SIGN}")


def shown(found: Comparison, name: str) -> list[str]:
    """Difference, interval, wins and p, as people see them."""
    result = found.results[REFLECTED, name]
    assert result.interval
    low, high = result.interval
    assert low < result.difference < high
    p = "< 0.001" if result.p_holm < 0.001 else f"{result.p_holm:.3f}"
    wins = f"{100 * result.win_rate:.0f} %"
    return [signed(result.difference), f"{signed(low)} … {signed(high)}", wins, p]


def rows(page: str, section: str) -> list[list[str]]:
    """The texts of a section's table, row by row."""
    part = page.split(f'<section id="{section}">')[1].split("</section>")[0]
    return [
        [
            " ".join(html.unescape(re.sub("<[^>]*>", " ", cell)).split())
            for cell in re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr.*?</tr>", part.split("<tbody>")[1], re.DOTALL)
    ]


def test_every_output_has_the_numbers_of_the_pairs(outputs: Outputs) -> None:
    found, page = outputs.found, rows(outputs.page, "differences")
    printed = [re.split(r"\s{2,}", line.strip()) for line in outputs.terminal.splitlines()]
    table = {(r["column"], r["metric"]): r for r in outputs.csv("comparison.csv")}
    said = {(r["column"], r["metric"]): r for r in outputs.json["results"]}
    verdicts = set()
    for k, metric in enumerate(found.metrics):
        result = found.results[REFLECTED, metric.name]
        told = verdict(metric, result)
        verdicts.add(told)
        in_table = [] if told == "not told apart" else [told]
        name = f"{metric.title} ↓" if metric.lower_is_better else metric.title
        assert [name, *shown(found, metric.name), *in_table, str(result.n)] in printed

        difference, interval, wins, p = shown(found, metric.name)
        assert page[k][0].startswith(metric.title)
        assert page[k][1:3] == [f"{result.reference_mean:.4f}", f"{result.mean:.4f}"]
        assert page[k][3:5] == [difference, interval]
        assert page[k][6:] == [wins, p, str(result.n), told]
        counts = f"{result.wins} won, {result.ties} equal, {result.losses} lost"
        assert f'title="{counts}"' in outputs.page

        low, high = result.interval or (0, 0)
        for i, column in enumerate((found.reference.label, REFLECTED)):
            mean_low, mean_high = found.mean_intervals[column, metric.name] or (0, 0)
            mean, scored = found.mean(i, k)
            expected: dict[str, float] = {"scored": scored, "mean": mean}
            expected |= {"mean_low": mean_low, "mean_high": mean_high}
            if column == REFLECTED:
                expected |= {"pairs": result.n, "difference": result.difference}
                expected |= {"low": low, "high": high, "win_rate": result.win_rate}
                expected |= {"wins": result.wins, "ties": result.ties, "losses": result.losses}
                expected |= {"p": result.p, "p_holm": result.p_holm}
            for row in (table[column, metric.name], said[column, metric.name]):
                assert {key: float(row[key]) for key in expected} == expected
        assert table[REFLECTED, metric.name]["verdict"] == told
        assert said[REFLECTED, metric.name]["verdict"] == told
    assert verdicts == {"better", "worse", "not told apart"}


def test_every_output_has_the_warnings(outputs: Outputs) -> None:
    warnings = cautions(outputs.found)
    assert len(warnings) >= 2
    printed = outputs.terminal.splitlines()
    assert [line[2:] for line in printed if line.startswith("! ")] == warnings
    assert outputs.json["warnings"] == warnings
    block = outputs.page.split('<ul class="warnings">')[1].split("</ul>")[0]
    items = re.findall("<li>(.*?)</li>", block)
    assert [html.unescape(item) for item in items] == warnings


def test_every_output_has_the_costs(outputs: Outputs) -> None:
    """Evaluations and seconds, and the effective guidance: a plain clip's is its own."""
    expected = {"strong": (20.0, 2.0, 2.0), REFLECTED: (50.0, 5.0, EFFECTIVE)}
    names = ("evaluations", "seconds", "effective_guidance")
    table = {(r["column"], r["metric"]): r for r in outputs.csv("comparison.csv")}
    columns = {column["label"]: column for column in outputs.json["columns"]}
    pairs = outputs.json["pairs"]
    clips = outputs.csv("clips.csv")
    assert len(clips) == 2 * len(pairs) == 24
    page = {row[0]: row for row in rows(outputs.page, "columns")}
    for label, costs in expected.items():
        for name, cost in zip(names, costs, strict=True):
            assert float(table[label, name]["mean"]) == pytest.approx(cost)
            assert table[label, name]["scored"] == "12"
            assert columns[label][name] == pytest.approx(cost)
            for pair in pairs:
                assert pair["clips"][label][name] == pytest.approx(cost)
            for clip in clips:
                if clip["column"] == label:
                    assert float(clip[name]) == pytest.approx(cost)
        evaluations, seconds, guidance = costs
        assert page[label][2].startswith(f"{evaluations:.1f}")
        assert page[label][3].startswith(f"{seconds:.2f}")
        assert page[label][4] == f"{guidance:.2f}"
    assert re.search(r"effective guidance +2\.00 +2\.62", outputs.terminal)
