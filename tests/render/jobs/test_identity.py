from __future__ import annotations

from ..rows import planned


def one_id(**row: object) -> str:
    return planned(row).jobs[0].id


def test_identity_is_what_settles_the_clip() -> None:
    same = one_id()
    for row in (
        {"name": "x"},
        {"seed": "0"},
        {"memory": {"batch_size": 8}},
        {"memory": {"offload": "block", "attention": 64, "limit": 4096}},
        {"memory": {"vae_slicing": True}},
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
