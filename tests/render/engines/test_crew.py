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
            return [Refused(InputError("no such adapter")), whole(jobs[0]), Gone()]
        return [Ready()]

    told: list[Event] = []
    with pytest.raises(InputError, match="no such adapter"):
        lead(Scripted(does), [[job] for job in jobs], told.append, lambda: None)
    assert outcome(told) == {"a": True}
    put_back = [event.jobs for event in told if isinstance(event, Stopped)]
    assert [job.prompt for jobs in put_back for job in jobs] == ["b"]
