from __future__ import annotations

from pathlib import Path

from w2sd_video.render.jobs.prompts import read_prompts


def rows(path: Path, content: str) -> list[tuple[dict, int | None]]:
    path.write_text(content, "utf-8")
    return [(layer.data, layer.line(())) for layer in read_prompts(str(path))]


def test_txt(tmp_path: Path) -> None:
    content = '\ufeff# header\r\na red circle\r\n\r\n  blé, "quoted" # not a comment \r\n'
    assert rows(tmp_path / "a.txt", content) == [
        ({"prompt": "a red circle"}, 2),
        ({"prompt": 'blé, "quoted" # not a comment'}, 4),
    ]


def test_csv(tmp_path: Path) -> None:
    content = 'prompt,seed,reflection.gap,name\n"a, b",3,,x\n,,,\n"two\nlines",,0.5,\n1984,0-4\n'
    assert rows(tmp_path / "a.csv", content) == [
        ({"prompt": "a, b", "seed": 3, "name": "x"}, 2),
        ({"prompt": "two\nlines", "reflection": {"gap": 0.5}}, 4),
        ({"prompt": "1984", "seed": "0-4"}, 6),
    ]


def test_jsonl(tmp_path: Path) -> None:
    content = '{"prompt": "a", "reflection.gap": 2, "memory": {"batch_size": 3}}\n\n{"prompt": "b"}'
    assert rows(tmp_path / "a.jsonl", content) == [
        ({"prompt": "a", "reflection": {"gap": 2}, "memory": {"batch_size": 3}}, 1),
        ({"prompt": "b"}, 3),
    ]


def test_yaml(tmp_path: Path) -> None:
    content = "- a red circle\n- prompt: b\n  reflection.gap: 2\n- c\n"
    assert rows(tmp_path / "a.yaml", content) == [
        ({"prompt": "a red circle"}, 1),
        ({"prompt": "b", "reflection": {"gap": 2}}, 2),
        ({"prompt": "c"}, 4),
    ]
