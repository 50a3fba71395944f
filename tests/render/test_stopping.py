from __future__ import annotations

import os
import signal

import pytest

from w2sd_video.render.stopping import stoppable


def press(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_waits_for_the_step(number: signal.Signals) -> None:
    said: list[str] = []
    steps: list[int] = []
    before = signal.getsignal(number)

    def pressed_once() -> None:
        with stoppable(said.append) as stop_if_asked:
            for step in range(4):
                if step == 2:
                    press(number)
                steps.append(step)  # the rest of the step under way
                stop_if_asked()

    with pytest.raises(KeyboardInterrupt):
        pressed_once()
    assert steps == [0, 1, 2]
    assert said == ["stopping after this step; once more to stop at once"]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_does_not(second: signal.Signals) -> None:
    reached: list[str] = []

    def pressed_twice() -> None:
        with stoppable(reached.append):
            press()
            press(second)
            reached.append("the end of the step")

    with pytest.raises(KeyboardInterrupt):
        pressed_twice()
    assert len(reached) == 1
