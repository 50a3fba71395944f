"""Who gets what and who is blamed, with workers that do as they are told."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from w2sd_video.render.engines.crew import Gone, Message, Ready, Refused, Said, lead
from w2sd_video.render.errors import InputError, RunError
from w2sd_video.render.jobs.events import Event, Result, Started, Stopped
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.jobs.plan import plan
from w2sd_video.render.settings.layers import Layer


@pytest.fixture
def jobs() -> list[Job]:
    rows = [Layer({"prompt": p}, "l.txt", {(): i}) for i, p in enumerate("abpde", 1)]
    return plan([Layer({"model": "org/model"}, "f")], rows).jobs


class Scripted:
    """A crew of one; ``does`` says what comes of a batch. Whoever dies is replaced."""

    def __init__(self, does: Callable[[list[Job]], list[Message]]) -> None:
        self.does, self.living, self.stopped = does, 1, False
        self.number = 1
        self.said: deque[tuple[int, Message]] = deque([(1, Ready())])
        self.given: list[str] = []

    def messages(self, seconds: float) -> list[tuple[int, Message]]:
        said = list(self.said)
        self.said.clear()
        for worker, message in said:
            if isinstance(message, Gone) and worker == self.number:
                self.living = 0
                if message.why and not self.stopped:
                    self.living, self.number = 1, self.number + 1
                    self.said.append((self.number, Ready()))
        return said

    def give(self, worker: int, batch: list[Job]) -> None:
        self.given.append(batch[0].prompt)
        if worker == self.number:  # and not one that has died meanwhile
            self.said.extend((worker, message) for message in self.does(batch))

    def stop(self) -> None:
        self.stopped = True
        self.said.append((self.number, Gone()))


def led(made: Scripted, jobs: list[Job]) -> list[Event]:
    told: list[Event] = []
    lead(made, [[job] for job in jobs], told.append, lambda: None)
    return told


def outcome(told: list[Event]) -> dict[str, bool]:
    results = [event for event in told if isinstance(event, Result)]
    assert len(results) == len({r.job.id for r in results})
    return {result.job.prompt: result.error is None for result in results}


def whole(job: Job) -> Result:
    return Result(job, Path("x.mp4"))


def test_in_order_and_once(jobs: list[Job]) -> None:
    made = Scripted(lambda batch: [Started(batch), whole(batch[0]), Ready()])
    told = led(made, jobs)
    assert made.given == list("abpde")
    assert outcome(told) == dict.fromkeys("abpde", True)
    assert not [event for event in told if isinstance(event, Stopped)]


def test_only_what_kills_is_blamed(jobs: list[Job]) -> None:
    """Writing what ``p`` made kills its worker, which by then may render another clip."""
    writing: list[Job] = []

    def does(batch: list[Job]) -> list[Message]:
        if writing:  # and rendering this one: both are lost
            writing.clear()
            return [Gone("by signal SIGKILL")]
        if batch[0].prompt == "p" and made.given.count("p") == 1:
            writing.extend(batch)
            return [Ready()]
        if batch[0].prompt == "p":
            return [Ready(), Gone("by signal SIGKILL")]
        return [whole(batch[0]), Ready()]

    made = Scripted(does)
    told = led(made, jobs)
    assert outcome(told) == {"a": True, "b": True, "p": False, "d": True, "e": True}
    error = next(event.error for event in told if isinstance(event, Result) and event.error)
    assert error == "3 workers died with it: by signal SIGKILL"


def test_workers_that_never_start(jobs: list[Job]) -> None:
    made = Scripted(lambda batch: [])

    def messages(seconds: float) -> list[tuple[int, Message]]:
        made.living = int(not made.stopped)
        return [(1, Gone("with exit code 1"))]

    made.messages = messages
    with pytest.raises(RunError, match="workers can't start: with exit code 1"):
        led(made, jobs)


def test_one_that_can_not_join_is_left_out(
    jobs: list[Job], caplog: pytest.LogCaptureFixture
) -> None:
    made = Scripted(lambda batch: [whole(batch[0]), Ready()])
    made.said.extend([(7, Refused(InputError("can't be seen"))), (7, Gone())])
    made.said.append((1, Said(logging.WARNING, "out of memory")))
    assert all(outcome(led(made, jobs)).values())
    assert "a worker is left out: can't be seen" in caplog.text
    assert "out of memory" in caplog.text


def test_a_refusal_ends_the_run_and_keeps_what_is_finished(jobs: list[Job]) -> None:
    def does(batch: list[Job]) -> list[Message]:
        if batch[0].prompt == "b":
            return [Refused(RunError("the disk is full")), whole(jobs[0]), Gone()]
        return [Ready()]

    told: list[Event] = []
    with pytest.raises(RunError, match="the disk is full"):
        lead(Scripted(does), [[job] for job in jobs], told.append, lambda: None)
    assert outcome(told) == {"a": True}
    put_back = [event.jobs for event in told if isinstance(event, Stopped)]
    assert [job.prompt for jobs in put_back for job in jobs] == ["b"]


class Several(Scripted):
    """A crew of several, who are not replaced; ``does`` says what comes of a batch at a worker."""

    def __init__(self, workers: int, does: Callable[[int, list[Job]], list[Message]]) -> None:
        super().__init__(lambda batch: [])
        self.of, self.there = does, set(range(1, workers + 1))
        self.living = workers
        self.said = deque((worker, Ready()) for worker in sorted(self.there))
        self.took: list[tuple[int, str]] = []

    def messages(self, seconds: float) -> list[tuple[int, Message]]:
        said = list(self.said)
        self.said.clear()
        self.there -= {worker for worker, message in said if isinstance(message, Gone)}
        self.living = len(self.there)
        return said

    def give(self, worker: int, batch: list[Job]) -> None:
        self.took.append((worker, batch[0].prompt))
        self.said.extend((worker, message) for message in self.of(worker, batch))

    def stop(self) -> None:
        self.said.extend((worker, Gone()) for worker in self.there)


LACKS = InputError("'org/model' can't be loaded")


def made(batch: list[Job]) -> list[Message]:
    return [Started(batch), whole(batch[0]), Ready()]


def refused(batch: list[Job]) -> list[Message]:
    return [Started(batch), Stopped(batch), Refused(LACKS, batch)]


@pytest.mark.parametrize("bad", [1, 2, 3])
def test_a_bad_worker_is_left_out(
    jobs: list[Job], caplog: pytest.LogCaptureFixture, bad: int
) -> None:
    """Its clip is rendered by another, and it gets no more."""
    crew = Several(3, lambda worker, batch: refused(batch) if worker == bad else made(batch))
    assert outcome(led(crew, jobs)) == dict.fromkeys("abpde", True)
    assert [worker for worker, _ in crew.took].count(bad) == 1
    assert caplog.messages == ["a worker is left out: 'org/model' can't be loaded"]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_batch_that_workers_refuse_fails_and_they_go_on(jobs: list[Job], workers: int) -> None:
    """It is refused by each, or by three; they were right, and get the next."""
    crew = Several(workers, lambda _, batch: (refused if batch[0].prompt == "p" else made)(batch))
    told = led(crew, jobs)
    assert outcome(told) == {"a": True, "b": True, "p": False, "d": True, "e": True}
    (failed,) = (event for event in told if isinstance(event, Result) and event.error)
    assert failed.error == "'org/model' can't be loaded"
    tries = [worker for worker, prompt in crew.took if prompt == "p"]
    assert len(tries) == len(set(tries)) == min(workers, 3)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_a_list_that_all_refuse_is_bad_input(jobs: list[Job], workers: int) -> None:
    with pytest.raises(InputError, match="can't be loaded"):
        led(crew := Several(workers, lambda _, batch: refused(batch)), jobs)
    assert len(crew.took) <= 3 * 5


def test_the_first_refusal_waits_for_workers_that_are_starting(jobs: list[Job]) -> None:
    crew = Several(2, lambda worker, batch: (refused if worker == 1 else made)(batch))
    crew.said.pop()
    looks, stock = [0], crew.messages

    def messages(seconds: float) -> list[tuple[int, Message]]:
        looks[0] += 1
        if looks[0] == 5:
            crew.said.append((2, Ready()))
        return stock(seconds)

    crew.messages = messages
    assert outcome(led(crew, jobs)) == dict.fromkeys("abpde", True)


def test_one_that_never_starts_is_not_waited_for(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("w2sd_video.render.engines.crew.STARTING", 0.0)
    crew = Several(2, lambda _, batch: refused(batch))
    crew.said.pop()
    with pytest.raises(InputError, match="can't be loaded"):
        led(crew, jobs)


def test_a_worker_that_was_left_out_is_not_all_that_is_left(jobs: list[Job]) -> None:
    """Else it would refuse the rest of the list."""

    def does(worker: int, batch: list[Job]) -> list[Message]:
        if worker == 1:
            return refused(batch)
        dies = batch[0].prompt == "a"
        return [*made(batch)[:-1], Gone("by signal SIGKILL")] if dies else made(batch)

    told: list[Event] = []
    with pytest.raises(RunError, match=r"no worker is left that can render: 'org/model' can't"):
        lead(Several(2, does), [[job] for job in jobs], told.append, lambda: None)
    assert outcome(told) == {"b": True, "a": True}


def test_one_who_fails_with_a_refused_clip_settles_nothing(
    jobs: list[Job], caplog: pytest.LogCaptureFixture
) -> None:
    """The first to refuse it gets others again."""

    def does(worker: int, batch: list[Job]) -> list[Message]:
        if batch[0].prompt != "a":
            return made(batch)
        if worker == 1:
            return refused(batch)
        return [Started(batch), Result(batch[0], error="ValueError: no"), Ready()]

    crew = Several(2, does)
    assert outcome(led(crew, jobs)) == {"a": False, "b": True, "p": True, "d": True, "e": True}
    assert [worker for worker, _ in crew.took].count(1) > 1
    assert "left out" not in caplog.text


def test_one_who_dies_with_a_refused_clip_settles_nothing(jobs: list[Job]) -> None:
    """The first to refuse it has another turn, and is right."""

    def does(worker: int, batch: list[Job]) -> list[Message]:
        if batch[0].prompt != "a":
            return made(batch)
        return refused(batch) if worker == 1 else [Gone("by signal SIGKILL")]

    told = led(Several(2, does), jobs)
    assert outcome(told) == {"a": False, "b": True, "p": True, "d": True, "e": True}


def test_a_folder_that_one_node_has_lost(jobs: list[Job], caplog: pytest.LogCaptureFixture) -> None:
    stale = RunError("out: Stale file handle; the rest is left to render")

    def does(worker: int, batch: list[Job]) -> list[Message]:
        return [Refused(stale), Gone()] if worker == 1 else made(batch)

    assert outcome(led(Several(2, does), jobs)) == dict.fromkeys("abpde", True)
    assert caplog.messages == [f"a worker is left out: {stale}"]


def test_one_that_can_not_start_is_told(jobs: list[Job], caplog: pytest.LogCaptureFixture) -> None:
    crew = Several(2, lambda _, batch: made(batch))
    crew.said.append((7, Gone("with exit code 1")))
    assert all(outcome(led(crew, jobs)).values())
    assert caplog.messages == ["a worker can't start: with exit code 1"]


def test_nobody_is_left(jobs: list[Job]) -> None:
    """All places were given up, the last of them when the others had died."""
    crew = Several(1, lambda _, batch: [*made(batch)[:-1], Gone("by signal SIGKILL")])
    with pytest.raises(RunError, match="no worker is left that can render: all have ended"):
        led(crew, jobs)
