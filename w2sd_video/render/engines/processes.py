"""Several worker processes on this machine."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from w2sd_video.render.jobs.events import Tell
from w2sd_video.render.jobs.job import Job

from . import STOPS, Batches, Check, Place
from .crew import DEATHS, Gone, Message, Ready, lead
from .serving import Inbox, serve

log = logging.getLogger(__name__)

STOP = None
PATIENCE = 10.0  # seconds that a process has to end


class Processes:
    """So many workers side by side, each with a model of its own and its share of the cores.

    Accelerators are dealt out in turn.
    """

    def __init__(self, workers: int) -> None:
        self.place = Place("local", workers)

    def __call__(self, batches: Batches, folder: Path, tell: Tell, check: Check) -> None:
        given = list(batches)
        crew = _Crew(folder, min(self.place.workers or 1, len(given)))
        try:
            crew.begin()
            lead(crew, given, tell, check)
        finally:
            crew.close()


class _Crew:
    """Processes, each at the other end of a pipe. One that dies is replaced.

    A place where so many as ``DEATHS`` in a row were never ready is given up.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder, self._workers = folder, workers
        self._context = multiprocessing.get_context("spawn")  # a fork can't use an accelerator
        self._pipes: dict[int, Connection] = {}
        self._processes: dict[int, SpawnProcess] = {}
        self._stopping = False
        self._places: dict[int, int] = {}  # by worker; the one who replaces another takes its place
        self._never_ready: dict[int, int] = {}  # so many in a row, by place
        self._last = 0

    def begin(self) -> None:
        for place in range(self._workers):
            self._hire(place)

    def _hire(self, place: int) -> None:
        ours, theirs = self._context.Pipe()
        arguments = theirs, self._folder, place, self._workers
        process = self._context.Process(target=_work, args=arguments, daemon=True)
        with _without_interrupts():
            process.start()
        theirs.close()
        worker = self._last = self._last + 1
        self._pipes[worker], self._processes[worker] = ours, process
        self._places[worker] = place
        self._never_ready.setdefault(place, 0)
        self._never_ready[place] += 1  # until it is

    def messages(self, seconds: float) -> list[tuple[int, Message]]:
        messages: list[tuple[int, Message]] = []
        heard = wait(self._pipes.values(), seconds)
        for worker, pipe in list(self._pipes.items()):
            if pipe not in heard:
                continue
            try:
                message: Message = pipe.recv()
            except (EOFError, OSError):
                message = Gone(self._end(worker))
            if isinstance(message, Ready):
                self._never_ready[self._places[worker]] = 0
            if isinstance(message, Gone):
                if worker in self._processes:
                    self._end(worker)
                pipe.close()
                del self._pipes[worker]
                if not self._stopping:
                    self._replace(worker)
            messages.append((worker, message))
        return messages

    def _replace(self, worker: int) -> None:
        place = self._places[worker]
        if self._never_ready[place] < DEATHS:
            self._hire(place)
        else:
            log.warning("worker %d of %d is given up", place + 1, self._workers)

    def _end(self, worker: int) -> str:
        """How a process that has closed its pipe ended."""
        process = self._processes.pop(worker)
        process.join(PATIENCE)
        process.kill()
        code = process.exitcode
        if code is not None and code < 0:
            return f"process {process.pid}, by signal {signal.Signals(-code).name}"
        return f"process {process.pid}, with exit code {code}"

    def give(self, worker: int, batch: list[Job]) -> None:
        with suppress(OSError):  # it has died, which its pipe is going to tell
            self._pipes[worker].send(batch)

    def stop(self) -> None:
        self._stopping = True
        for pipe in self._pipes.values():
            with suppress(OSError):
                pipe.send(STOP)

    @property
    def living(self) -> int:
        return len(self._pipes)

    def close(self) -> None:
        """None is left. One whose pipe is closed has ended, or is about to."""
        for worker, process in self._processes.items():
            process.join(0 if worker in self._pipes else PATIENCE)
            process.kill()
            process.join()
        for pipe in self._pipes.values():
            pipe.close()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """A process that is started in it knows of no Ctrl-C until it chooses to."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*STOPS})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def cores_each(workers: int) -> int:
    """How many cores each of so many workers has for itself."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (cores or 1) // workers)


def _work(pipe: Connection, folder: Path, place: int, workers: int) -> None:
    """A worker process."""
    for number in STOPS:  # sent to all processes; the one that leads decides what comes of it
        signal.signal(number, signal.SIG_IGN)
    inbox, sending = Inbox(), threading.Lock()
    threading.Thread(target=_listen, args=(pipe, inbox), daemon=True).start()
    threads = cores_each(workers)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch

    torch.set_num_threads(threads)
    devices = 1
    if torch.cuda.is_available():
        devices = torch.cuda.device_count()
        torch.cuda.set_device(place % devices)

    def send(message: Message) -> None:
        with sending:
            pipe.send(message)

    serve(folder, inbox, send, share=1 / math.ceil(workers / devices))


def _listen(pipe: Connection, inbox: Inbox) -> None:
    try:
        while (batch := pipe.recv()) is not STOP:
            inbox.batches.put(batch)
        inbox.stop.set()
        pipe.recv()  # until the run has gone
    except (EOFError, OSError):
        os._exit(1)  # nobody is left to record what would be made
