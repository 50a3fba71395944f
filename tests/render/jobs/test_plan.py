from __future__ import annotations

import pytest

from w2sd_video.render.errors import InputError
from w2sd_video.render.jobs.batches import batches
from w2sd_video.render.jobs.plan import Plan, plan, slug
from w2sd_video.render.settings.cost import evaluations
from w2sd_video.render.settings.layers import Layer

BASE = {
    "model": "org/model",
    "num_inference_steps": 10,
    "guidance_scale": 3.0,
    "reflection": {"weak": {"guidance_scale": 1.0}},
}


def planned(*rows: dict, baseline: bool = False, **base: object) -> Plan:
    layers = [Layer({"prompt": "a red circle"} | r, "l", {(): i}) for i, r in enumerate(rows, 1)]
    return plan([Layer(BASE | base, "f")], layers, baseline)


def one_id(**row: object) -> str:
    return planned(row).jobs[0].id


def test_identity_is_what_settles_the_clip() -> None:
    same = one_id()
    for row in (
        {"name": "x"},
        {"seed": "0"},
        {"memory": {"batch_size": 8}},
        {"memory": {"offload": "block", "attention": 64, "limit": 4096}},
        {"output": {"formats": ["mp4", "gif"]}},
        {"retries": 3},
        {"guidance_scale": 3},
    ):
        assert one_id(**row) == same
    different = [
        {"prompt": "a blue circle"},
        {"seed": 1},
        {"fps": 9},
        {"reflection": None},
        {"reflection": {"gap": 2}},
        {"reflection": {"steps": 1}},
        {"model": {"id": "org/model", "revision": "v2"}},
        {"output": {"crf": 30}},
        {"memory": {"vae_tiling": True}},
    ]
    assert len({same, *(one_id(**row) for row in different)}) == len(different) + 1


def test_identity_knows_the_weights(tmp_path) -> None:
    from w2sd_video.render.settings import models

    weights = tmp_path / "unet" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"1")
    before = models.fingerprint.__wrapped__(str(tmp_path))
    weights.write_bytes(b"22")
    assert models.fingerprint.__wrapped__(str(tmp_path)) != before


def test_the_plain_twin_stands_beside_and_shares_the_pair() -> None:
    jobs = planned({}, baseline=True, seed="3-4").jobs
    assert [job.name for job in jobs] == [
        "a-red-circle-s3",
        "a-red-circle-s3.plain",
        "a-red-circle-s4",
        "a-red-circle-s4.plain",
    ]
    assert [job.kind for job in jobs] == ["reflected", "plain"] * 2
    assert jobs[0].pair == jobs[1].id == jobs[1].pair != jobs[3].pair
    assert jobs[1].config.reflection is None


def test_a_sweep_shares_its_plain_twin() -> None:
    rows = [{"reflection": {"gap": gap}} for gap in (0.5, 1.0, 1.5)]
    jobs = planned(*rows, baseline=True).jobs
    assert [job.kind for job in jobs].count("plain") == 1
    assert len({job.pair for job in jobs}) == 1
    assert len({job.name for job in jobs}) == 4


def test_repeated_rows_are_rendered_once_and_said() -> None:
    found = planned({}, {"seed": 1}, {}, {})
    assert len(found.jobs) == 2
    assert found.notes == ["2 clips are listed twice and rendered once, first at l:3"]


def test_names_do_not_depend_on_order() -> None:
    rows = [{}, {"fps": 4}, {"prompt": "A red: circle!"}, {"name": "mine"}]
    rows[3]["seed"] = 5
    forth = {job.id: job.name for job in planned(*rows).jobs}
    back = {job.id: job.name for job in planned(*reversed(rows)).jobs}
    assert forth == back
    assert len({name.lower() for name in forth.values()}) == 4
    assert "mine" in forth.values()


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A red circle, moving LEFT!", "a-red-circle-moving-left"),
        ("../../etc/passwd", "etc-passwd"),
        ("caf\u00e9 \u202eevil", "cafe-evil"),
        ("\u7ea2\u8272 \U0001f600", "clip"),
        ("x" * 300, "x" * 60),
        ("word " * 50, "word-" * 11 + "word"),
    ],
)
def test_slugs_are_safe_anywhere(prompt: str, name: str) -> None:
    assert slug(prompt) == name


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
    ("settings", "cost"),
    [
        ({"reflection": None}, 20),
        ({"reflection": None, "guidance_scale": 1.0}, 10),
        ({}, 50),
        ({"reflection": {"steps": 0.5}}, 35),
        ({"reflection": {"steps": 2}}, 26),
        ({"reflection": {"weak": {"denoiser": "org/weak", "guidance_scale": None}}}, 60),
        ({"num_inference_steps": None}, None),
        ({"guidance_scale": None}, None),
    ],
)
def test_cost_is_the_reflections_own(settings: dict, cost: int | None) -> None:
    assert evaluations(planned(settings).jobs[0].config) == cost


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


COSTS = [
    ({"model": {"id": "o/m", "pipeline": "FluxPipeline"}}, 10 + 2 * 5),
    (
        {
            "model": {"id": "o/m", "pipeline": "FluxPipeline"},
            "negative_prompt": "b",
            "arguments": {"true_cfg_scale": 4.0},
        },
        20 + 2 * 2 * 5,
    ),
    # Half of the steps are left out, and of the other five half reflect: 3 of 2 + 1 + 2.
    ({"model": {"id": "o/m", "pipeline": "WanVideoToVideoPipeline"}, "strength": 0.5}, 15 + 2 * 2),
    ({"model": {"id": "o/m", "pipeline": "LTX2Pipeline"}}, None),
]


@pytest.mark.parametrize(("settings", "cost"), COSTS)
def test_cost_knows_the_pipeline(settings: dict, cost: int | None) -> None:
    reflection = {"weak": {"guidance_scale": 1.0}, "steps": 0.5}
    job = planned({**settings, "reflection": reflection}).jobs[0]
    assert evaluations(job.config) == cost


def test_a_reflection_of_nothing_is_said() -> None:
    found = planned({"reflection": {"weak": {"guidance_scale": None}}})
    assert found.notes == [
        "the strong and the weak side are the same, so reflection changes next to nothing"
    ]
