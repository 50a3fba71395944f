"""Which jobs are rendered together."""

from __future__ import annotations

from w2sd_video.render.jobs.identity import batch_key, model_key
from w2sd_video.render.jobs.job import Job


def batches(jobs: list[Job]) -> list[list[Job]]:
    """Group jobs that can be denoised together, keeping the order of the list.

    Jobs of one model come together, so that each model is loaded once.
    """
    groups: dict[str, list[Job]] = {}
    first_use: dict[str, int] = {}
    keys: dict[int, tuple[str, int]] = {}  # by settings, which many jobs share
    order: dict[str, tuple[int, int]] = {}
    for position, job in enumerate(jobs):
        if id(job.settings) not in keys:
            config = job.settings.config
            use = first_use.setdefault(model_key(config.model), len(first_use))
            keys[id(job.settings)] = batch_key(config), use
        key, use = keys[id(job.settings)]
        groups.setdefault(key, []).append(job)
        order[job.id] = use, position
    chunks: list[list[Job]] = []
    for group in groups.values():
        settings = group[0].settings
        size = 1 if settings.alone else settings.config.memory.batch_size
        chunks += [group[i : i + size] for i in range(0, len(group), size)]
    return sorted(chunks, key=lambda chunk: order[chunk[0].id])
