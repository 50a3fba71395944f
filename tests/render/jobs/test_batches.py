from __future__ import annotations

import pytest

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.batches import batches

from ..rows import planned


def test_batches_join_equal_settings_and_keep_the_order() -> None:
    rows = [{"prompt": p} for p in "abc"] + [{"prompt": "d", "guidance_scale": 1.0}]
    jobs = planned(*rows, baseline=True, memory={"batch_size": 2}).jobs
    names = [[job.name for job in batch] for batch in batches(jobs)]
    assert names == [
        ["a-s0", "b-s0"],
        ["a-s0.plain", "b-s0.plain"],
        ["c-s0"],
        ["c-s0.plain"],
        ["d-s0"],
        ["d-s0.plain"],
    ]


def test_batches_load_each_model_once() -> None:
    rows = [{"prompt": p, "model": f"org/{m}"} for p, m in zip("abcd", "xyxy", strict=True)]
    models = [batch[0].config.model.id for batch in batches(planned(*rows).jobs)]
    assert models == ["org/x", "org/x", "org/y", "org/y"]


@pytest.mark.parametrize(
    ("pipeline", "more", "size"),
    [
        ("WanPipeline", {}, 2),
        ("LattePipeline", {}, 1),
        ("HunyuanVideo15Pipeline", {}, 1),
        ("AnimateDiffControlNetPipeline", {}, 1),
        ("HunyuanVideoImageToVideoPipeline", {}, 2),
        (
            "HunyuanVideoImageToVideoPipeline",
            {"arguments": {"true_cfg_scale": 4.0}, "negative_prompt": "b"},
            1,
        ),
    ],
)
def test_some_pipelines_make_one_clip_a_call(pipeline: str, more: dict, size: int) -> None:
    model = {"id": "org/model", "pipeline": pipeline}
    found = planned({}, {"seed": 1}, model=model, memory={"batch_size": 2}, **more)
    assert [len(batch) for batch in batches(found.jobs)] == [size] * (2 // size)
    assert [note.endswith(", so memory.batch_size is taken as 1") for note in found.notes] == (
        [] if size == 2 else [True]
    )


def test_classes_go_together(tmp_path) -> None:
    rows = [{"prompt": None, "class_labels": label} for label in (3, "7", "tench")]
    model = {"id": "org/model", "pipeline": "DiTPipeline"}
    found = planned(*rows, model=model, memory={"batch_size": 4})
    assert [job.name for batch in batches(found.jobs) for job in batch] == [
        "3-s0",
        "7-s0",
        "tench-s0",
    ]
    assert len(batches(found.jobs)) == 1
    assert all(job.is_image for job in found.jobs)
    with pytest.raises(InputError, match="class_labels: is missing"):
        planned({"prompt": None}, model=model)
