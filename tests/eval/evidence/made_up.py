"""A tiny result with every kind of panel, one claim of every verdict, and made-up numbers."""

from __future__ import annotations

from w2sd_video.eval.evidence.measured import Measured
from w2sd_video.eval.evidence.panels import (
    Cloud,
    Dot,
    Dots,
    Level,
    Line,
    Lines,
    Paths,
    Row,
)
from w2sd_video.eval.evidence.result import Claim, Made, Result, Table

GOOD, BAD = Measured.of([0.1, 0.12, 0.11]), Measured.of([0.3, 0.32, 0.28])
GAIN = GOOD.minus(BAD)
MADE = Made(
    command="w2sd-video evidence sweep",
    seed=0,
    seconds=1.5,
    cpu_seconds=1.0,
    versions={"python": "3", "torch": "2", "av": "1"},
    machine="none",
)


def claim(text: str, expected: str = "below", bound: float = 0.0) -> Claim:
    return Claim(text=text, row="good − bad", measured=GAIN, expected=expected, bound=bound)


def result(name: str = "sweep") -> Result:
    return Result(
        name=name,
        title="Made up, to see",
        about="Nothing was measured.",
        claims=[
            claim("Good is better"),
            claim("Good is worse", "above"),
            claim("Good is better by .19", bound=-0.19),
        ],
        tables=[Table(note="Both.", columns=["off"], rows=[("good", [GOOD]), ("bad", ["n/a"])])],
        figure=[
            Row(
                title="",
                panels=[
                    Lines(
                        title="lines",
                        x="gap",
                        y="off",
                        lines=[
                            Line(label="a", x=[0, 1], y=[GOOD, BAD], role="reflected"),
                            Line(label="b", x=[0, 1], y=[BAD, GOOD], shade=0.5),
                        ],
                        levels=[Level(label="strong", at=0.2, role="strong")],
                        marks=[Level(label="default", at=1)],
                    ),
                    Dots(title="dots", x="off", dots=[Dot(label="a", role="weak", value=GOOD)]),
                ],
            ),
            Row(
                title="Samples",
                panels=[
                    Paths(
                        title="paths",
                        role="weak",
                        paths=[[0.0, 1.0], [0.5, 2.0]],
                        at=[-1.0, 0.0, 1.0],
                        density=[0.1, 0.5, 0.1],
                        truth=[0.2, 0.4, 0.2],
                    ),
                    Cloud(
                        title="cloud",
                        role="ideal",
                        points=[[0.0, 0.0], [1.0, 1.0]],
                        paths=[[[0.0, 0.0], [1.0, 1.0]]],
                        places=[([0.0, 0.0], "50 %")],
                    ),
                ],
            ),
        ],
        caption="Two lines",
        remarks=["Nothing holds."],
        made=MADE,
    )
