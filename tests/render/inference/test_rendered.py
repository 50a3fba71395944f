"""What one worker renders with a tiny pipeline from a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from w2sd_video.render.inference.worker import Worker

from ..listed import planned


def test_twins_start_from_the_same_noise(tiny: Path) -> None:
    """With no step reflected, the reflected clip is the plain one."""
    still = planned(tiny, ["a"], reflection={"weak": {"guidance_scale": 1.0}, "steps": 0})
    worker = Worker()
    one, two = (worker.render([job], lambda step: None)[0].frames for job in still)
    assert (one == two).all()


def test_a_clip_does_not_depend_on_its_batch(tiny: Path) -> None:
    worker = Worker()
    jobs = planned(tiny, baseline=False)
    together = worker.render(jobs, lambda step: None)
    for job, clip in zip(jobs, together, strict=True):
        alone = worker.render([job], lambda step: None)[0]
        assert np.abs(alone.frames.astype(int) - clip.frames).max() <= 1
        assert alone.cost.evaluations == clip.cost.evaluations == job.cost


def test_the_scheduler_of_one_job_is_not_that_of_the_next(tiny: Path) -> None:
    worker = Worker()
    plain = planned(tiny, ["a"], baseline=False)
    other = planned(tiny, ["a"], baseline=False, scheduler={"timestep_spacing": "trailing"})
    first, changed, again = (
        worker.render(jobs, lambda step: None)[0].frames for jobs in (plain, other, plain)
    )
    assert (first == again).all()
    assert (first != changed).any()


def test_another_denoiser_is_loaded_from_a_folder(tiny: Path) -> None:
    weak = {"weak": {"denoiser": {"id": str(tiny)}}, "steps": 2}
    clip = Worker().render(planned(tiny, ["a"], False, reflection=weak), lambda step: None)[0]
    assert clip.cost.evaluations == 2 * 6 + 2


def test_a_long_prompt_is_cut_and_it_says_what(tiny: Path) -> None:
    words = "a red circle " * 10  # 30 words, and the two tokens around them
    jobs = planned(tiny, [words + "moving left", words], baseline=False)
    long, short = Worker().render(jobs, lambda step: None)
    assert long.warnings == ["the prompt is longer than the model's 32 tokens; cut: 'moving left'"]
    assert short.warnings == []
