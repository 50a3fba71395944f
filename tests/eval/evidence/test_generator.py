"""From a result to JSON and back, to a plot, to a section of the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from w2sd_video.eval.evidence import EVIDENCES, keep, section
from w2sd_video.eval.evidence.published import PUBLISHED

from w2sd_video.render.errors import InputError

from .made_up import result

DOCS = Path(__file__).parents[3] / "docs"


def test_json_holds_all_and_comes_back(tmp_path: Path) -> None:
    made = result()
    plot = keep.write(made, tmp_path / "new")
    assert plot.read_bytes().startswith(b"\x89PNG")
    value = json.loads((plot.parent / "sweep.json").read_text())
    assert [claim["verdict"] for claim in value["claims"]] == ["holds", "refuted", "open"]
    assert value["claims"][0]["refuted_by"] == "0 or more"
    again = keep.load(plot.parent, "sweep")
    assert again.json_value() == made.json_value()
    assert section.section(again) == section.section(made)


def test_a_section_tells_claims_tables_and_how_it_was_made() -> None:
    lines = section.section(result(), "evidence").splitlines()
    assert lines[0] == "## Made up, to see"
    assert "![Two lines](evidence/sweep.png)" in lines
    good = "| Good is better | good − bad | −0.190 ± "
    assert any(row.startswith(good) and row.endswith("| 0 or more | holds |") for row in lines)
    assert any(row.endswith("| 0 or less | **refuted** |") for row in lines)
    assert any(row.startswith("| good | 0.110 ± ") for row in lines)
    assert "| bad | n/a |" in lines
    assert "- Nothing holds." in lines
    assert lines[-1] == (
        "`w2sd-video evidence sweep`, seed 0: 2 s, of them 1 s of CPU time, on none; "
        "python 3, torch 2. [All figures](evidence/sweep.json)"
    )


def test_the_papers_numbers_stand_beside_ours() -> None:
    made = result()
    assert PUBLISHED.keys() <= EVIDENCES.keys()
    assert "In the paper" not in section.section(made)
    text = section.section(made.model_copy(update={"name": "experts"}))
    assert text.index("| bad | n/a |") < text.index("In the paper (table 3)")
    assert "| FID ↓ | 15.10 | 9.10 |" in text


def test_the_page_keeps_what_stands_around_its_sections(tmp_path: Path) -> None:
    page = tmp_path / "evidence.md"
    page.write_text("# Evidence\n\nBefore.\n")
    for _ in range(2):  # a second time it stays as it is
        keep.write_docs(result(), tmp_path)
        text = page.read_text()
        assert text.startswith("# Evidence\n\nBefore.\n")
        assert text.count("## Made up, to see") == 1
        assert "| [Made up, to see](#made-up-to-see) | 3 | 1 | 1 | 1 |\n" in text
        assert "Refuted claims: 1</summary>\n\n- Made up, to see. Good is worse: good" in text
    page.write_text(text.replace("Before.", "Changed.").replace("Good is better", "?"))
    keep.write_docs(result(), tmp_path)
    assert page.read_text() == text.replace("Before.", "Changed.")


def test_a_file_that_is_no_evidence_is_told_in_one_line(tmp_path: Path) -> None:
    for text in ("{}", "[]", "not json", '{"claims": [], "name": 1}'):
        (tmp_path / "sweep.json").write_text(text)
        with pytest.raises(InputError, match=r"sweep\.json: (is no evidence|can't be read)"):
            keep.load(tmp_path, "sweep")
    with pytest.raises(InputError, match="run it without --redraw first"):
        keep.load(tmp_path, "difference")


def test_the_page_in_docs_is_what_its_json_says() -> None:
    page = (DOCS / "evidence.md").read_text()
    assert keep.paged(page, DOCS / "evidence") == page
    head, begin, rest = page.partition("<!-- evidence sweep: begin -->\n")
    without = head + rest.partition("<!-- evidence sweep: end -->\n")[2]
    assert begin
    assert keep.paged(without, DOCS / "evidence") == page  # in its place, and not at the end
    assert {file.stem for file in (DOCS / "evidence").glob("*.json")} <= {*EVIDENCES}
