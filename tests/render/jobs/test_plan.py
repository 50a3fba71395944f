from __future__ import annotations

import pytest

from w2sd_video.render.jobs.plan import slug

from ..rows import planned


def test_the_plain_twin_stands_beside_and_shares_the_pair() -> None:
    jobs = planned({}, baseline=True, seed="3-4").jobs
    assert [job.name for job in jobs] == [
        "a-red-circle-s3",
        "a-red-circle-s3.plain",
        "a-red-circle-s4",
        "a-red-circle-s4.plain",
    ]
    assert [job.kind for job in jobs] == ["reflected", "plain"] * 2
    assert jobs[0].pair == jobs[1].id == jobs[1].pair != jobs[3].pair
    assert jobs[1].config.reflection is None


def test_a_sweep_shares_its_plain_twin() -> None:
    rows = [{"reflection": {"gap": gap}} for gap in (0.5, 1.0, 1.5)]
    jobs = planned(*rows, baseline=True).jobs
    assert [job.kind for job in jobs].count("plain") == 1
    assert len({job.pair for job in jobs}) == 1
    assert len({job.name for job in jobs}) == 4


@pytest.mark.parametrize("turn", [1, -1])
def test_rows_with_names_share_it_too(turn: int) -> None:
    rows = [
        {"name": "half", "reflection": {"gap": 0.5}},
        {"name": "full"},
        {"reflection": {"gap": 2.0}},
    ][::turn]
    jobs = planned(*rows, baseline=True).jobs
    assert {"half", "full"} < {job.name for job in jobs}
    assert [job.name for job in jobs if job.kind == "plain"] == [jobs[1].name]


def test_repeated_rows_are_rendered_once_and_said() -> None:
    found = planned({}, {"seed": 1}, {}, {})
    assert len(found.jobs) == 2
    assert found.notes == ["2 clips are listed twice and rendered once, first at l:3"]


def test_names_do_not_depend_on_order() -> None:
    rows = [{}, {"fps": 4}, {"prompt": "A red: circle!"}, {"name": "mine"}]
    rows[3]["seed"] = 5
    forth = {job.id: job.name for job in planned(*rows).jobs}
    back = {job.id: job.name for job in planned(*reversed(rows)).jobs}
    assert forth == back
    assert len({name.lower() for name in forth.values()}) == 4
    assert "mine" in forth.values()


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A red circle, moving LEFT!", "a-red-circle-moving-left"),
        ("../../etc/passwd", "etc-passwd"),
        ("caf\u00e9 \u202eevil", "cafe-evil"),
        ("\u7ea2\u8272 \U0001f600", "clip"),
        ("x" * 300, "x" * 60),
        ("word " * 50, "word-" * 11 + "word"),
    ],
)
def test_slugs_are_safe_anywhere(prompt: str, name: str) -> None:
    assert slug(prompt) == name


def test_a_reflection_of_nothing_is_said() -> None:
    found = planned({"reflection": {"weak": {"guidance_scale": None}}})
    assert found.notes == [
        "the strong and the weak side are the same, so reflection changes next to nothing"
    ]
