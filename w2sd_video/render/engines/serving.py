"""What a worker elsewhere does: it renders what it is given until it is told to end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event as Flag

from w2sd_video.render.errors import InputError, RunError
from w2sd_video.render.jobs.events import Event, Step
from w2sd_video.render.jobs.job import Job
from w2sd_video.render.quiet import quiet

from .crew import Gone, Message, Ready, Refused, Said

IDLE = 0.02  # seconds between two looks at the files that are still written


class Inbox:
    """What a worker is given, from another thread."""

    def __init__(self) -> None:
        self.batches: SimpleQueue[list[Job]] = SimpleQueue()
        self.stop = Flag()


def serve(folder: Path, inbox: Inbox, send: Callable[[Message], None], share: float = 1.0) -> None:
    """Render until told to stop; then end after the step under way.

    Args:
        share: of its device's free memory that this worker may use.
    """
    quiet()
    logging.basicConfig(handlers=[_Forward(send)], level=logging.WARNING, force=True)
    from w2sd_video.render.inference.worker import (
        Worker,  # imports torch, which heeds what was set before
    )

    from .station import DeviceError, Station

    why = ""

    def tell(event: Event) -> None:
        send(event)
        if isinstance(event, Step) and inbox.stop.is_set():
            raise KeyboardInterrupt

    try:
        with Station(folder, tell, Worker(share)) as station:
            send(Ready())
            while not inbox.stop.is_set():
                try:
                    batch = inbox.batches.get(timeout=IDLE)
                except Empty:
                    station.collect()
                    continue
                try:
                    station.render(batch)
                except InputError as error:
                    send(Refused(error, batch))
                else:
                    send(Ready())
    except DeviceError as error:
        why = str(error)
    except (InputError, RunError) as error:
        send(Refused(error))
    except KeyboardInterrupt:
        pass
    send(Gone(why))


class _Forward(logging.Handler):
    """Log records go where those of the run go."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(Said(record.levelno, record.getMessage()))
