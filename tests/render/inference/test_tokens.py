from __future__ import annotations

from typing import Any

import pytest

from w2sd_video.render.inference.tokens import warning
from w2sd_video.render.settings.config import Config, Model

from ... import tiny


def said(pipe: Any, prompt: str, **arguments: Any) -> list[str]:
    return warning(pipe, Config(model=Model(id="x"), prompt=prompt, arguments=arguments))


@pytest.fixture(scope="module")
def pipe() -> Any:
    """CLIP reads 32 tokens, T5 as many letters as the call says."""
    return tiny.FAMILIES["FluxPipeline"].make()


def test_the_encoder_that_reads_most_decides(pipe: Any) -> None:
    pipe.tokenizer_2.model_max_length = 512
    prompt = "a red circle and " * 10 + "a blue ring"  # 181 letters and the end
    cut = "the prompt is longer than the model's 180 tokens; cut: 'n g'"
    assert said(pipe, prompt, max_sequence_length=180) == [cut]
    assert said(pipe, prompt, max_sequence_length=182) == []
    assert said(pipe, prompt) == []


def test_a_model_without_tokens() -> None:
    assert said(tiny.FAMILIES["DiTPipeline"].make(), "207") == []
