"""Workers on a Ray cluster."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from w2sd_video.render.errors import InputError
from w2sd_video.render.events import Event
from w2sd_video.render.jobs import Job
from w2sd_video.render.paces import Place

from .crew import Gone, Message, Refused, lead
from .serving import Inbox, serve

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

    def __call__(
        self,
        batches: Iterable[list[Job]],
        folder: Path,
        tell: Callable[[Event], None],
        check: Callable[[], None],
    ) -> None:
        given = list(batches)
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
    import ray

    if ray.is_initialized():
        yield
        return
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(f"no connection to the Ray cluster: {error}", "--engine") from None
    try:
        yield
    finally:
        ray.shutdown()


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
        # A thread each for what it is told, what it tells, and the command to stop.
        self._kind = ray.remote(**wanted, max_concurrency=3)(Actor)
        self._actors: dict[int, Any] = {}
        self._listening: dict[Any, int] = {}  # by the reference that is waited for
        self._heard: set[int] = set()
        self._stopping = False
        self._last = 0
        for _ in range(min(room, most)):
            self._hire()

    def _hire(self) -> None:
        worker = self._last = self._last + 1
        actor = self._kind.remote(self._folder, self._token)
        self._actors[worker] = actor
        self._listening[actor.listen.remote()] = worker

    def messages(self, seconds: float) -> list[tuple[int, Message]]:
        import ray

        told: list[tuple[int, Message]] = []
        all_there = len(self._heard) == len(self._actors)
        if all_there and len(self._actors) < self._most and not self._stopping:
            self._hire()
        heard, _ = ray.wait(list(self._listening), num_returns=1, timeout=seconds)
        for reference in heard:
            worker = self._listening.pop(reference)
            try:
                messages = ray.get(reference)
            except ray.exceptions.RayError as error:
                messages = [Gone(_why(error))]
            self._heard.add(worker)
            for message in messages:
                if isinstance(message, Gone):
                    self._end(worker)
                told.append((worker, message))
            if worker in self._actors:
                self._listening[self._actors[worker].listen.remote()] = worker
        return told

    def _end(self, worker: int) -> None:
        import ray

        self._heard.discard(worker)
        with suppress(ray.exceptions.RayError):
            ray.kill(self._actors.pop(worker))

    def give(self, worker: int, batch: list[Job]) -> None:
        self._actors[worker].give.remote(batch)

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


def _why(error: Exception) -> str:
    """The first line that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


class Actor:
    """A worker process on a node."""

    def __init__(self, folder: Path, token: str) -> None:
        self._inbox, self._outbox = Inbox(), SimpleQueue[Message]()
        if not (folder / token).is_file():
            import socket

            text = f"can't be seen from {socket.gethostname()}; take a folder that all nodes share"
            self._outbox.put(Refused(InputError(text, str(folder))))
            return
        arguments = folder, self._inbox, self._outbox.put
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
