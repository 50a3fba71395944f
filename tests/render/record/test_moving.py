"""A list that grows and shrinks: names change, and no clip is rendered twice for that."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from w2sd_video.render.errors import RunError
from w2sd_video.render.files.clips import files, is_whole, publish
from w2sd_video.render.jobs.events import Cost, Result
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.jobs.shards import Shard
from w2sd_video.render.record import moving
from w2sd_video.render.record.folder import open_folder, rows
from w2sd_video.render.record.standing import Standing, standing
from w2sd_video.render.settings.layers import Layer

FRAMES = np.zeros((2, 16, 16, 3), np.uint8)


def planned(*rows: str | dict, sweep: tuple[float, ...] = (), **base: object) -> list[Job]:
    given = [{"prompt": row} if isinstance(row, str) else {"prompt": "a"} | row for row in rows]
    layers = [Layer(row, "l", {(): i}) for i, row in enumerate(given, 1)]
    swept = [Layer({"guidance_scale": value}, "--sweep") for value in sweep]
    common = {"model": "org/model", "reflection": {}, "guidance_scale": 3.0} | base
    return plan([Layer(common, "f")], layers, True, swept or [Layer({}, "--sweep")]).jobs


def fill(jobs: list[Job], folder: Path, shard: Shard | None = None) -> Standing:
    """Stands in for a run: real files of black frames, recorded as those of a run are."""
    with open_folder(folder, shard) as ledger:
        found = standing(shard.of(jobs) if shard else jobs, folder, ledger)
        ledger.add(found.jobs)
        ledger.start(found.jobs)
        for job in found.jobs:
            ledger.ended(Result(job, publish(folder, job, FRAMES, {}, {}), cost=Cost(7)))
    return found


def check(jobs: list[Job], folder: Path, more: int = 0) -> None:
    """Every clip is its job's very own, and nothing else is there but so many of other lists."""
    assert all(is_whole(folder, job) for job in jobs)
    recorded = rows(folder)
    names = {row["id"]: row["name"] for row in recorded if row["state"] == "done"}
    assert {job.id: job.name for job in jobs}.items() <= names.items()
    assert {row["config"]["name"] for row in recorded if row["id"] == jobs[0].id} == {
        jobs[0].own.name
    }
    there = {path.stem for path in (folder / "clips").iterdir()}
    assert there == {*names.values()}
    assert len(there) == len(recorded) == len(jobs) + more


GROWN = {
    "a sweep": (planned("a", "b"), planned("a", "b", sweep=(3.0, 5.0))),
    "a prompt that is called alike": (planned("a", "b"), planned("a", "b", "A!")),
    "seeds of a name": (
        planned({"name": "ring"}, "b"),
        planned({"name": "ring", "seed": "0-1"}, "b"),
    ),
}


@pytest.mark.parametrize("what", GROWN)
def test_nothing_is_rendered_again_when_a_list_grows_and_shrinks(what: str, tmp_path: Path) -> None:
    few, many = GROWN[what]
    fill(few, tmp_path)
    known = {job.id for job in few}
    grown = fill(many, tmp_path)
    assert {job.id for job in grown.jobs} == {job.id for job in many} - known
    assert grown.moved > 0
    check(many, tmp_path)
    shrunk = fill(few, tmp_path)
    assert (shrunk.jobs, shrunk.done, shrunk.moved) == ([], len(few), grown.moved)
    check(few, tmp_path, more=len(many) - len(few))
    again = fill(many, tmp_path)
    assert (again.jobs, again.moved) == ([], grown.moved)
    check(many, tmp_path)
    with open_folder(tmp_path) as ledger:
        assert {row["attempts"] for row in ledger.rows()} == {1}


@pytest.mark.parametrize("names", ["bcd", "bca", "bac", "dab", "cbd"])
def test_names_move_on_and_round(names: str, tmp_path: Path) -> None:
    """In a chain, in a circle, two that swap."""

    def named(given: str) -> list[Job]:
        return planned(*({"name": name, "seed": i} for i, name in enumerate(given)))

    fill(named("abc"), tmp_path)
    found = fill(named(names), tmp_path)
    moved = sum(a != b for a, b in zip("abc", names, strict=True))
    assert (found.jobs, found.moved) == ([], 2 * moved)  # plain clips, too
    check(named(names), tmp_path)


def test_the_file_is_not_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(planned("a"), tmp_path)
    monkeypatch.setattr("w2sd_video.render.files.clips.is_whole", lambda *_: 1 / 0)
    assert fill(planned("a", sweep=(3.0, 5.0)), tmp_path).done == 2


def test_previews_that_are_no_longer_asked_for_go_along(tmp_path: Path) -> None:
    few = planned("a", output={"formats": ["gif"]})
    fill(few, tmp_path)
    check(few, tmp_path)
    many = planned("a", sweep=(3.0, 5.0))
    fill(many, tmp_path)
    check(many, tmp_path)


def test_what_stands_in_the_place_takes_the_name_that_gets_free(tmp_path: Path) -> None:
    """A clip of an earlier list, previews and all."""
    earlier = planned({"name": "b", "seed": 7}, output={"formats": ["gif"]})
    fill(earlier, tmp_path)
    fill(planned({"name": "a"}), tmp_path)
    found = fill(planned({"name": "b"}), tmp_path)
    assert (found.jobs, found.moved) == ([], 2)
    check(planned({"name": "b"}), tmp_path, more=2)
    assert {path.stem for path in (tmp_path / "clips").glob("*.gif")} == {"a", "a.plain"}
    again = fill(earlier, tmp_path)
    assert (again.jobs, again.moved) == ([], 2)
    check(earlier, tmp_path, more=2)


def test_one_value_of_a_sweep_after_the_other(tmp_path: Path) -> None:
    """None is rendered twice, and none gets lost."""
    fill(planned("a", sweep=(3.0, 5.0)), tmp_path)
    for value in (3.0, 5.0, 3.0):
        one = planned("a", guidance_scale=value)
        assert fill(one, tmp_path).jobs == []
        check(one, tmp_path, more=2)


def test_a_damaged_clip_is_rendered_at_its_new_name(tmp_path: Path) -> None:
    few, many = planned("a"), planned("a", sweep=(3.0, 5.0))
    fill(few, tmp_path)
    files(tmp_path, few[0])["mp4"].write_bytes(b"")
    found = fill(many, tmp_path)
    assert few[0].id in {job.id for job in found.jobs}
    check(many, tmp_path)


@pytest.mark.parametrize("names", ["bcd", "bac"])
def test_killed_at_any_moment(names: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After any number of files; only what was put aside may be rendered again."""

    def named(given: str) -> list[Job]:
        rows = ({"name": name, "seed": i} for i, name in enumerate(given))
        return planned(*rows, reflection=None)

    replace, whole = os.replace, tmp_path / "whole"
    fill(named("abc"), whole)
    for moment in range(6):  # as many files are moved
        folder = tmp_path / str(moment)
        shutil.copytree(whole, folder)
        left = [moment]

        def killed(source: Path, target: Path, left: list[int] = left) -> None:
            if Path(target).parent.name == "clips":
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr(moving.os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            fill(named(names), folder)
        monkeypatch.setattr(moving.os, "replace", replace)
        found = fill(named(names), folder)
        assert len(found.jobs) <= (names == "bac")
        check(named(names), folder)


def test_killed_while_one_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list's own clip is not rendered again; the other is there, or gone as a whole."""

    def named(name: str, seed: int = 0) -> list[Job]:
        return planned({"name": name, "seed": seed}, reflection=None)

    replace, whole = os.replace, tmp_path / "whole"
    fill(named("b", 7), whole)
    fill(named("a"), whole)
    for moment in range(6):
        folder = tmp_path / str(moment)
        shutil.copytree(whole, folder)
        left = [moment]

        def killed(source: Path, target: Path, left: list[int] = left) -> None:
            if Path(target).parent.name == "clips":
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr(moving.os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            fill(named("b"), folder)
        monkeypatch.setattr(moving.os, "replace", replace)
        assert fill(named("b"), folder).jobs == []
        assert all(is_whole(folder, job) for job in named("b"))
        other = fill(named("other", 7), folder)
        assert len(other.jobs) <= 1
        check([*named("b"), *named("other", 7)], folder)


def test_a_folder_that_does_not_allow_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(planned("a"), tmp_path)

    def refused(*paths: Path) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(moving, "_put", refused)
        with pytest.raises(RunError, match=r"clips: Read-only file system; clips can't be moved"):
            fill(planned("a", sweep=(3.0, 5.0)), tmp_path)
    assert fill(planned("a", sweep=(3.0, 5.0)), tmp_path).done == 2


def test_shares_move_their_own(tmp_path: Path) -> None:
    """Clips of an earlier run of the whole list, and their own."""
    prompts = [f"ring {i}" for i in range(4)]
    few, more = planned(*prompts[:2]), planned(*prompts)
    many = planned(*prompts, sweep=(3.0, 5.0))
    fill(few, tmp_path)
    for index in (1, 2):
        fill(more, tmp_path, Shard(index, 2))
    shares = [fill(many, tmp_path, Shard(index, 2)) for index in (1, 2)]
    known = {job.id for job in more}
    assert not known & {job.id for share in shares for job in share.jobs}
    assert sum(share.moved for share in shares) == len(more)
    check(many, tmp_path)
    assert fill(many, tmp_path).jobs == []
    check(many, tmp_path)


def test_a_share_leaves_what_may_be_anothers(tmp_path: Path) -> None:
    first, second = Shard(1, 2), Shard(2, 2)
    many = planned({"seed": "0-20"}, reflection=None)
    seeds = [shard.of(many)[0].seed for shard in (first, second)]

    def named(*names: str) -> list[Job]:
        rows = ({"name": name, "seed": seed} for name, seed in zip(names, seeds, strict=True))
        return planned(*rows, reflection=None)

    fill(named("a", "b"), tmp_path)
    after = named("b", "c")
    with open_folder(tmp_path, first) as ledger:
        found = standing(first.of(after), tmp_path, ledger)
    assert (found.jobs, found.moved) == ([after[0]], 0)
    assert fill(after, tmp_path, second).jobs == []  # it is still there
    assert fill(after, tmp_path, first).moved == 1
    check(after, tmp_path)
