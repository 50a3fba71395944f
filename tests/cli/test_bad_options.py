"""Options, seeds and folders that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..conftest import Call
from .bad import PLAIN, Cases, check_refusal

BAD: Cases = {
    "sweep without values": ({}, "ok.txt --sweep fps", "--sweep: must be key=v1,v2, got 'fps'"),
    "sweep over an unknown key": (
        {},
        "ok.txt --sweep reflection.gpa=1,2",
        "--sweep: reflection.gpa: unknown key, did you mean 'reflection.gap'?",
    ),
    "a share that is none": (
        {},
        "ok.txt --shard 3/2",
        "--shard: must be I/N with I from 1 to N, got '3/2'",
    ),
    "set without value": ({}, "ok.txt --set fps", "--set: must be key=value, got 'fps'"),
    "set without key": ({}, "ok.txt --set =3", "--set: must be key=value, got '=3'"),
    "set unknown key": (
        {},
        "ok.txt --set guidance=2",
        "--set: guidance: unknown key, did you mean 'guidance_scale'?",
    ),
    "set unknown inner key": (
        {},
        "ok.txt --set reflection.weak.guidence_scale=2",
        "--set: reflection.weak.guidence_scale: unknown key,"
        " did you mean 'reflection.weak.guidance_scale'?",
    ),
    "set below a value": (
        {},
        "ok.txt --set fps.x=2",
        "--set: fps: must be a number, got {'x': 2}",
    ),
    "set to a date": (
        {},
        "ok.txt --set arguments.x=2024-01-31",
        f"--set: arguments.x: {PLAIN}, got datetime.date(2024, 1, 31)",
    ),
    "set to an alias": (
        {},
        "ok.txt --set arguments.x=*y",
        "--set: arguments.x: can't read the value '*y': broken YAML: found undefined alias 'y'",
    ),
    "set too deep": (
        {},
        f"ok.txt --set arguments{'.x' * 1000}=1",
        "--set: nested too deep",
    ),
    "set to a list too deep": (
        {},
        f"ok.txt --set arguments.x={'[' * 1000}",
        f"--set: arguments.x: can't read the value '{'[' * 1000}': broken YAML: nested too deep",
    ),
    "set to too many digits": (
        {},
        f"ok.txt --set fps={'9' * 5000}",
        f"--set: fps: can't read the value '{'9' * 5000}': broken YAML:"
        " Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits;"
        " use sys.set_int_max_str_digits() to increase the limit",
    ),
    "sweep over dates": (
        {},
        "ok.txt --sweep scheduler.x=1,2024-01-31",
        f"--sweep: scheduler.x: {PLAIN}, got datetime.date(2024, 1, 31)",
    ),
    "guidance no number": (
        {},
        "ok.txt --set arguments.true_cfg_scale=high",
        "--set: arguments.true_cfg_scale: must be a number, got 'high'",
    ),
    "guidance nothing": (
        {},
        "ok.txt --set arguments.true_cfg_scale=null",
        "--set: arguments.true_cfg_scale: must be a number, got None",
    ),
    "guidance a truth value": (
        {},
        "ok.txt --set arguments.true_cfg_scale=yes",
        "--set: arguments.true_cfg_scale: must be a number, got True",
    ),
    "length no number": (
        {},
        "ok.txt --set arguments.max_sequence_length=high",
        "--set: arguments.max_sequence_length: must be a whole number above 0, got 'high'",
    ),
    "length nothing": (
        {},
        "ok.txt --set arguments.max_sequence_length=0",
        "--set: arguments.max_sequence_length: must be a whole number above 0, got 0",
    ),
    "seed no number": (
        {},
        "ok.txt --seed one",
        "--seed: seed: must be a seed or a range such as 0-4,9, got 'one'",
    ),
    "seed negative": (
        {},
        "ok.txt --seed=-3",
        "--seed: seed: must be a seed or a range such as 0-4,9, got '-3'",
    ),
    "seed range backwards": ({}, "ok.txt --seed 9-4", "--seed: seed: the range 9-4 runs backwards"),
    "too many seeds": ({}, "ok.txt --seed 0-999999999", "--seed: seed: more than 100000 seeds"),
    "seed too large": (
        {},
        "ok.txt --seed 9999999999999999999",
        "--seed: seed: seeds must be below 2**63, got 9999999999999999999",
    ),
    "samples no number": (
        {},
        "ok.txt --samples few",
        "--samples: samples: must be a whole number, got 'few'",
    ),
    "no samples": (
        {},
        "ok.txt --samples 0",
        "--samples: samples: must be greater than or equal to 1, got 0",
    ),
    "samples beyond the last seed": (
        {},
        f"ok.txt --seed {2**63 - 1} --samples 2",
        f"--seed: seed: counts up to {2**63} with 'samples', and seeds must be below 2**63",
    ),
    "samples and several seeds": (
        {},
        "ok.txt --seed 0-4 --samples 2",
        "--samples: samples: counts up from one seed, but 'seed' already lists several (0-4)",
    ),
    "output is a file": ({}, "ok.txt -o ok.txt", "ok.txt: can't be written to: Not a directory"),
    "output can't be made": (
        {},
        "ok.txt -o /proc/nowhere",
        "/proc/nowhere: can't be written to: No such file or directory",
    ),
    "unknown option": (
        {},
        "ok.txt --frames 3",
        "No such option: --frames (Possible options: --samples)",
    ),
    "no list": ({}, "", "Missing argument 'PROMPTS', or --suite."),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_option_is_told_by_its_name(case: str, here: Path, call: Call) -> None:
    check_refusal(BAD[case], here, call)


def test_a_ledger_that_is_none(here: Path, call: Call) -> None:
    Path("out/clips").mkdir(parents=True)
    Path("out/ledger.sqlite").write_bytes(b"no database, but long enough to be read" * 40)
    outcome = call("render", "ok.txt", "-o", "out")
    message = (
        "out/ledger.sqlite: can't be used as a ledger: file is not a database; move it away, and"
        " clips that are whole are found again"
    )
    assert (outcome.code, outcome.err) == (2, f"error: {message}\n")


def test_gallery_of_no_run(here: Path, call: Call) -> None:
    message = "error: .: has no ledger.sqlite, so it is no folder of clips\n"
    assert call("gallery", ".").err == message
