"""Workers on a Ray cluster."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from w2sd_video.render.errors import InputError, RunError
from w2sd_video.render.jobs.events import Tell
from w2sd_video.render.jobs.identity import references
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.versions import versions

from . import STOPS, Batches, Check, Place
from .crew import DEATHS, Gone, Message, Ready, Refused, lead
from .serving import Inbox, serve

log = logging.getLogger(__name__)

ANSWER = 10.0  # seconds that a cluster has to take a connection
NO_ROOM = 20.0  # seconds without a worker, until it is said
LISTEN = 1.0  # seconds that a worker waits for something to tell before it says: nothing


class Cluster:
    """One worker for each accelerator of a cluster, or for each core if it has none.

    It is the cluster that this machine belongs to, or that ``RAY_ADDRESS`` names; if there is
    none, this machine is made one. The run's folder has to be one that all nodes share.

    Args:
        workers: no more than so many.

    Raises:
        InputError: if Ray is not installed.
    """

    def __init__(self, workers: int | None = None) -> None:
        if find_spec("ray") is None:
            raise InputError(
                "needs Ray; install it with: pip install 'w2sd-video[ray]'", "--engine"
            )
        self.place = Place("ray", workers)

    def __call__(self, batches: Batches, folder: Path, tell: Tell, check: Check) -> None:
        given = list(batches)
        for settings in {id(batch[0].settings): batch[0].settings for batch in given}.values():
            for place, _ in references(settings.config):
                if Path(place).exists() and not Path(place).is_absolute():
                    message = f"'{place}' has to be an absolute path, the same on all nodes"
                    raise InputError(message, "--engine ray")
        with _connected(), _token(folder) as token:
            most = min(self.place.workers or len(given), len(given))
            crew = _Crew(folder.absolute(), token, most)
            try:
                lead(crew, given, tell, check)
            finally:
                crew.close()


@contextmanager
def _connected() -> Iterator[None]:
    """A connection to the cluster; one that is there already is left as it is."""
    # Else, under `uv run`, it would send the whole working folder to every node.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    import ray

    ours = not ray.is_initialized()
    if ours:
        _see_that_it_answers(os.environ.get("RAY_ADDRESS", ""))
        handlers = {number: signal.getsignal(number) for number in STOPS}
        try:
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
        except Exception as error:  # of many kinds
            raise InputError(
                f"no connection to the Ray cluster: {_why(error.__cause__ or error)}", "--engine"
            ) from None
        finally:
            _put_back(handlers)
    try:
        yield
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise RunError(f"the Ray cluster has gone: {_why(error)}") from None
    finally:
        if ours:
            ray.shutdown()


def _put_back(handlers: dict[signal.Signals, Any]) -> None:
    """Ray exits at once at SIGTERM; a run ends its step first."""
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _see_that_it_answers(address: str) -> None:
    """Ray itself would try for minutes, and tell a page about it."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdecimal():  # none is named, or as "auto" or "local"
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()
    except (OSError, OverflowError) as error:
        message = f"no Ray cluster at {address}, which RAY_ADDRESS names: {error}"
        raise InputError(message, "--engine") from None


@contextmanager
def _token(folder: Path) -> Iterator[str]:
    """The name of a file by which a worker knows the folder for the run's own."""
    file = folder / f".{uuid.uuid4().hex}.part"
    file.touch()
    try:
        yield file.name
    finally:
        file.unlink(missing_ok=True)


class _Crew:
    """Actors. There are as many as there is room for, and one more waits until there is.

    So a node that joins late is used, as is one that takes the place of another.
    """

    def __init__(self, folder: Path, token: str, most: int) -> None:
        import ray

        self._folder, self._token, self._most = folder, token, most
        there = ray.cluster_resources()
        wanted = {"num_gpus": 1} if there.get("GPU") else {"num_cpus": 1}
        room = int(there.get("GPU") or there.get("CPU", 1))
        self._sharing = 1 if there.get("GPU") else most  # at most so many, one device
        # A thread each for what it is told, what it tells, and the command to stop.
        self._kind = ray.remote(**wanted, max_concurrency=3)(Actor)
        self._actors: dict[int, Any] = {}
        self._listening: dict[Any, int] = {}  # by the reference that is waited for
        self._giving: dict[Any, int] = {}  # likewise
        self._heard: set[int] = set()
        self._starting: set[int] = set()
        self._never_ready = 0  # so many in a row
        self._stopping = False
        self._begun: float | None = time.monotonic()
        self._last = 0
        for _ in range(min(max(room, 1), most)):
            self._hire()

    def _hire(self) -> None:
        worker = self._last = self._last + 1
        self._starting.add(worker)
        actor = self._kind.remote(self._folder, self._token, versions(), self._sharing)
        self._actors[worker] = actor
        self._listening[actor.listen.remote()] = worker

    def messages(self, seconds: float) -> list[tuple[int, Message]]:
        import ray

        told: list[tuple[int, Message]] = []
        all_there = len(self._heard) == len(self._actors)
        if all_there and len(self._actors) < self._most and not self._stopping:
            self._hire()
        waited = [*self._listening, *self._giving]
        ended, _ = ray.wait(waited, num_returns=len(waited), timeout=0)
        ended = ended or ray.wait(waited, num_returns=1, timeout=seconds)[0]
        for reference in ended:
            listened = reference in self._listening
            worker = (self._listening if listened else self._giving).pop(reference)
            if worker not in self._actors:
                continue
            try:
                messages: list[Message] = ray.get(reference) or []
            except ray.exceptions.RayError as error:
                messages = [Gone(_why(error))]
            self._heard.add(worker)
            for message in messages:
                if isinstance(message, Ready):
                    self._starting.discard(worker)
                    self._never_ready = 0
                if self._is_useless(worker, message):
                    self._most = max(1, len(self._actors) - 1)  # another would be no better
                if isinstance(message, Gone):
                    self._end(worker)
                told.append((worker, message))
            if listened and worker in self._actors:
                self._listening[self._actors[worker].listen.remote()] = worker
        if not self._actors and not self._stopping:
            self._hire()
        self._tell_if_there_is_no_room()
        return told

    def _is_useless(self, worker: int, message: Message) -> bool:
        """Whether a worker can do nothing, or is one of several in a row that could not start."""
        if isinstance(message, Gone) and worker in self._starting:
            self._never_ready += 1
            return bool(message.why) and self._never_ready >= DEATHS
        return isinstance(message, Refused) and not message.batch

    def _tell_if_there_is_no_room(self) -> None:
        if self._heard:
            self._begun = None
        elif self._begun is not None and time.monotonic() - self._begun > NO_ROOM:
            self._begun = None
            log.warning("no worker could be started yet: the cluster has no room, or is far away")

    def _end(self, worker: int) -> None:
        import ray

        self._heard.discard(worker)
        self._starting.discard(worker)
        with suppress(ray.exceptions.RayError):
            ray.kill(self._actors.pop(worker))

    def give(self, worker: int, batch: list[Job]) -> None:
        self._giving[self._actors[worker].give.remote(batch)] = worker

    def stop(self) -> None:
        self._stopping = True
        for worker, actor in list(self._actors.items()):
            if worker in self._heard:
                actor.stop.remote()
            else:  # it still waits for room
                self._listening = {r: w for r, w in self._listening.items() if w != worker}
                self._end(worker)

    @property
    def living(self) -> int:
        return len(self._actors)

    def close(self) -> None:
        for worker in list(self._actors):
            self._end(worker)


def _why(error: BaseException) -> str:
    """The line that says something: the first, or below a trace the last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1] if any(line.startswith("File ") for line in lines) else lines[0]


def _cores() -> int:
    """How many workers of a core each this node has room for."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    rooms = (node["Resources"] for node in ray.nodes() if node["NodeID"] == here)
    return max(1, *(int(room.get("CPU", 1)) for room in rooms))


class Actor:
    """A worker process on a node.

    Args:
        sharing: how many workers there may be, if those on a node share its memory; 1 if not.
    """

    def __init__(self, folder: Path, token: str, wanted: dict[str, str], sharing: int) -> None:
        self._inbox, self._outbox = Inbox(), SimpleQueue[Message]()
        host = socket.gethostname()
        problem = None
        if not (folder / token).is_file():
            text = f"can't be seen from {host}; take a folder that all nodes share"
            problem = InputError(text, str(folder))
        elif other := [f"{k} {v}" for k, v in versions().items() if v != wanted.get(k)]:
            text = f"{host} has {', '.join(other)}, and this machine has not"
            problem = InputError(text, "--engine ray")
        if problem:
            self._outbox.put(Refused(problem))
            self._outbox.put(Gone())
            return
        arguments = folder, self._inbox, self._outbox.put, 1 / min(sharing, _cores())
        threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def _serve(self, *arguments: Any) -> None:
        try:
            serve(*arguments)
        except BaseException as error:
            self._outbox.put(Gone(f"{type(error).__name__}: {error}"))
            raise

    def give(self, batch: list[Job]) -> None:
        self._inbox.batches.put(batch)

    def stop(self) -> None:
        self._inbox.stop.set()

    def listen(self) -> list[Message]:
        """What there is to tell; waits for it, but not for ever."""
        with suppress(Empty):
            messages = [self._outbox.get(timeout=LISTEN)]
            while not self._outbox.empty():
                messages.append(self._outbox.get())
            return messages
        return []
