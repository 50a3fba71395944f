"""The runner as a subprocess of another interpreter: started, watched, ended, and read."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from w2sd_video.eval.errors import Crashed, TimedOut, Unusable

RUNNER = Path(__file__).with_name("runner.py")
LOOK = 0.05  # seconds between two looks at the runner
GRACE = 5.0  # seconds to end in when asked to


def run_task(
    python: Path,
    request: Mapping[str, Any],
    log: Path,
    silence: float,
    variables: Mapping[str, str] | None = None,
    script: Path | None = None,
) -> dict[str, Any]:
    """Run one task and return its result.

    Args:
        python: the interpreter of VBench's environment.
        request: see ``runner.py``.
        log: takes all that the runner prints.
        silence: seconds without a word from it until it is taken as hung.
        variables: environment variables beside this process's own.
        script: what is run in it, ``RUNNER`` if None.

    Raises:
        Crashed: if it ends without a result.
        TimedOut: if it falls silent.
        Unusable: if the result can't be read.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        asked, result = Path(scratch, "request.json"), Path(scratch, "result.json")
        asked.write_text(json.dumps(request), "utf-8")
        # -I: neither this package's folders nor the user's are in the other's path.
        command = [str(python), "-I", "-u", str(script or RUNNER), str(asked), str(result)]
        code = _watched(command, log, silence, variables or {})
        if code != 0:
            ended = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            raise Crashed(f"the runner ended {ended}: {_last_line(log)} (see {log})")
        try:
            found = json.loads(result.read_text("utf-8"))
        except FileNotFoundError:
            raise Unusable(f"the runner left no result (see {log})") from None
        except ValueError as error:
            raise Unusable(f"the runner's result is broken: {error} (see {log})") from None
    if not isinstance(found, dict):
        raise Unusable(f"the runner's result is no JSON object (see {log})")
    return found


def _watched(command: list[str], log: Path, silence: float, variables: Mapping[str, str]) -> int:
    """Run to the end, or until nothing has been printed for too long; returns the exit code."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "LD_PRELOAD")
    environment = {k: v for k, v in os.environ.items() if k not in hidden} | dict(variables)
    with log.open("wb") as stream:
        # A session of its own, so that what it starts ends with it.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            printed, last = 0, time.monotonic()
            while (code := process.poll()) is None:
                if (size := log.stat().st_size) != printed:
                    printed, last = size, time.monotonic()
                elif time.monotonic() - last > silence:
                    raise TimedOut(f"the runner was silent for {silence:g} s (see {log})")
                time.sleep(LOOK)
            return code
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the runner and all that it has started, if they have not."""
    for send in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, send)
            else:
                process.send_signal(send)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
            return


def _last_line(log: Path) -> str:
    """What the runner said last, which is the error where Python ends in one."""
    lines = log.read_text("utf-8", "replace").replace("\r", "\n").split("\n")
    said = [" ".join(line.split()) for line in lines if line.strip()]
    return said[-1][:300] if said else "it said nothing"
