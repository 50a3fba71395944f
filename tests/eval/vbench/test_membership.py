"""Which clips a dimension is scored on."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from w2sd_video.eval.clips import Clip
from w2sd_video.eval.errors import NotThere
from w2sd_video.eval.vbench.dimensions import DIMENSIONS
from w2sd_video.eval.vbench.membership import (
    clips_a_prompt,
    members,
    mode_of,
    rendered_suite,
    still_ones,
)
from w2sd_video.eval.vbench.suite import Entry

from w2sd_video.render.errors import InputError

OFFICIAL = [
    Entry("lamp", ("temporal_flickering",)),
    Entry("vase", ("temporal_flickering",)),
    Entry("dog", ("subject_consistency",)),
]
STILL = DIMENSIONS["temporal_flickering"]


def clip(prompt: str, i: int, side: str = "") -> Clip:
    name = f"{prompt}-{i}"
    return Clip(name, Path(f"/x/{name}.mp4"), prompt, side, f"{name}{side}", 16, 8.0)


def test_standard_takes_a_dimensions_own_prompts() -> None:
    clips = [clip(prompt, i) for prompt in ("lamp", "vase", "dog", "cat") for i in range(2)]
    found = members(STILL, clips, "standard", OFFICIAL)
    assert {c.prompt for c in found} == {"lamp", "vase"}
    assert members(STILL, clips, "custom", []) == clips


@pytest.mark.parametrize(
    ("clips", "words"),
    [
        ([clip("cat", 0)], "none of its 2 prompts has a clip"),
        ([clip("lamp", 0)], "1 of 2 clips are not there, such as 'vase'"),
        ([clip("lamp", 0), clip("lamp", 1), clip("vase", 0)], "1 of 4 clips are not there"),
        (
            [clip("lamp", 0, "plain"), clip("lamp", 0, "reflected"), clip("vase", 0, "plain")],
            "1 of 2 reflected clips are not there, such as 'vase'",
        ),
    ],
)
def test_standard_is_complete_or_refused(clips: list[Clip], words: str) -> None:
    with pytest.raises(NotThere, match=words):
        members(STILL, clips, "standard", OFFICIAL)


def test_dimensions_of_vbenchs_own_prompts() -> None:
    with pytest.raises(NotThere, match="own prompts only"):
        members(DIMENSIONS["scene"], [clip("lamp", 0)], "custom", [])


def test_clips_a_prompt() -> None:
    clips = [clip(prompt, i) for prompt in ("lamp", "vase") for i in range(5)]
    assert clips_a_prompt(clips) == [5]
    assert clips_a_prompt([*clips, clip("lamp", 0, "plain"), clip("vase", 0, "plain")]) == [1, 5]


def test_the_official_filter_keeps_five_still_ones_of_each_prompt_and_side() -> None:
    clips = [clip("lamp", i, side) for i in range(12) for side in ("plain", "reflected")]
    static = {c.content: float(c.name != "lamp-1") for c in clips}
    static["lamp-11reflected"] = 0.0
    kept = still_ones(clips, static)
    # by name, so that 10 and 11 come before 2
    assert [c.name for c in kept if c.side == "plain"] == [
        "lamp-0",
        "lamp-10",
        "lamp-11",
        "lamp-2",
        "lamp-3",
    ]
    assert len([c for c in kept if c.side == "reflected"]) == 5


def test_the_mode_follows_the_suite_that_was_rendered(tmp_path: Path) -> None:
    def run(suite: object) -> None:
        (tmp_path / "run.yaml").write_text(yaml.safe_dump({"given": {"suite": suite}}))

    assert rendered_suite(tmp_path) is None
    run(None)
    assert rendered_suite(tmp_path) is None
    run("of another version")
    assert rendered_suite(tmp_path) is None
    run("w2sd-200")
    assert mode_of("auto", rendered_suite(tmp_path)) == "custom"
    run("vbench:scene,color")
    suite = rendered_suite(tmp_path)
    assert suite
    assert [d.name for d in suite.dimensions] == ["scene", "color"]
    assert mode_of("auto", suite) == "standard"
    assert mode_of("custom", suite) == "custom"
    assert mode_of("standard", None) == "standard"
    with pytest.raises(InputError, match="--mode: must be auto"):
        mode_of("long", None)
