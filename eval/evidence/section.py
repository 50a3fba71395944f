"""The Markdown of a result, and the page that holds all of them."""

from __future__ import annotations

from . import LONG, RECORD
from .published import PUBLISHED
from .result import HOLDS, OPEN, REFUTED, Claim, Result, Table

NOTE = (
    "Means are over repetitions with other seeds or, of studies on the embedded models, over pairs "
    "of prompt and seed; ± 95 %, of those by captions. Differences are paired."
)
# Packages whose versions the page names; the JSON has all.
NAMED = ("python", "w2sd-video", "torch", "diffusers")


def section(result: Result, folder: str = "") -> str:
    """Heading, plot, claims, remarks, tables, the paper's numbers, and how it came about.

    Args:
        folder: of the plot and the JSON, as seen from the page.
    """
    name = f"{folder}/{result.name}" if folder else result.name
    published = PUBLISHED.get(result.name)
    parts = [
        f"## {result.title}",
        result.about,
        f"![{result.caption}]({name}.png)",
        claims_table(result.claims),
        "\n".join(f"- {remark}" for remark in result.remarks),
        *map(_table, result.tables),
        published and _table(published),
        made(result, name),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def claims_table(claims: list[Claim]) -> str:
    """Each claim, the row that decides on it, and what would have refuted it."""
    rows = ["| claim | measured | | would be refuted by | verdict |", "|---|---|---|---|---|"]
    for claim in claims:
        verdict = claim.verdict if claim.verdict == HOLDS else f"**{claim.verdict}**"
        rows.append(
            f"| {claim.text} | {claim.row} | {claim.found} | {claim.refuted_by} | {verdict} |"
        )
    return "\n".join(rows)


def _table(table: Table) -> str:
    rows = [
        table.note,
        "",
        f"| | {' | '.join(table.columns)} |",
        "|---" * (len(table.columns) + 1) + "|",
        *(f"| {label} | {' | '.join(map(str, cells))} |" for label, cells in table.rows),
    ]
    return "\n".join(rows)


def made(result: Result, name: str) -> str:
    """Command, seed, time and versions, and the files of this name that have all of it."""
    if result.made is None:
        return ""
    how = result.made
    versions = ", ".join(f"{name} {how.versions[name]}" for name in NAMED if name in how.versions)
    clips = f", [all clips]({name}{RECORD})" if result.name in LONG else ""
    return (
        f"`{how.command}`, seed {how.seed}: {how.seconds:.0f} s, of them {how.cpu_seconds:.0f} s "
        f"of CPU time, on {how.machine}; {versions}. [All figures]({name}.json){clips}"
    )


def summary(results: list[Result]) -> str:
    """How many claims of each evidence hold, and which ones are refuted."""
    rows = [
        NOTE,
        "",
        "| evidence | claims | hold | open | refuted |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        verdicts = [claim.verdict for claim in result.claims]
        counts = " | ".join(str(verdicts.count(verdict)) for verdict in (HOLDS, OPEN, REFUTED))
        anchor = result.title.lower().replace(",", "").replace(" ", "-")
        rows.append(f"| [{result.title}](#{anchor}) | {len(verdicts)} | {counts} |")
    refuted = [
        f"- {result.title}. {claim.text}: {claim.row} is {claim.found}"
        for result in results
        for claim in result.claims
        if claim.verdict == REFUTED
    ]
    if refuted:
        folded = f"<details>\n<summary>Refuted claims: {len(refuted)}</summary>"
        rows += ["", folded, "", *refuted, "", "</details>"]
    return "\n".join(rows) + "\n"


def between(page: str, name: str, text: str) -> str:
    """The page with ``text`` between this name's markers, which are put at its end if missing."""
    begin, end = f"<!-- evidence {name}: begin -->\n", f"<!-- evidence {name}: end -->\n"
    if begin not in page or end not in page:
        return f"{page.rstrip()}\n\n{begin}{text}{end}"
    head, _, rest = page.partition(begin)
    return head + begin + text + end + rest.partition(end)[2]


def at_end(page: str, name: str, text: str) -> str:
    """Likewise, but moved to the page's end: put there one after the other, all are in order."""
    begin, end = f"<!-- evidence {name}: begin -->\n", f"<!-- evidence {name}: end -->\n"
    head, found, rest = page.partition(begin)
    if found:
        page = f"{head.rstrip()}\n\n{rest.partition(end)[2].lstrip()}"
    return between(page, name, text)
