"""The parts of the shapes models: ordinary diffusers and transformers classes, only small.

Frames of 64 x 64 become latents of 16 x 16 x 4. One text encoder, one VAE and one UNet make
the image model; the same three and a motion adapter make the video model.
"""

from __future__ import annotations

from diffusers import AutoencoderKL, DDIMScheduler, MotionAdapter, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .world import BACKGROUNDS, COLORS, DIRECTIONS, FRAMES, SHAPES, SIZE

LATENT_CHANNELS = 4
LATENT_SIZE = SIZE // 4
UNET_CHANNELS = (32, 64, 128)
TEXT_WIDTH = 128
TEXT_LENGTH = 32


def words() -> list[str]:
    """Every word of a caption, and a few that people may write beside them."""
    return sorted(
        {"a", "and", "an", "on", "moving", "background", "the", "with", "two", "of"}
        | {*COLORS, *BACKGROUNDS, *SHAPES, *DIRECTIONS}
    )


def make_tokenizer() -> CLIPTokenizer:
    """A CLIP tokenizer that knows each word of the world as one token, and all letters."""
    letters = [chr(c) for c in range(ord("!"), ord("~") + 1) if not chr(c).isupper()]
    symbols = letters + [f"{letter}</w>" for letter in letters]
    merges: list[tuple[str, str]] = []
    for word in words():
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:  # letter by letter from the left: "c i", "ci r", "cir c" ...
            if (parts[0], parts[1]) not in merges:
                merges.append((parts[0], parts[1]))
            parts = [parts[0] + parts[1], *parts[2:]]
    tokens = ["<|startoftext|>", "<|endoftext|>", *symbols, *(a + b for a, b in merges)]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=TEXT_LENGTH)


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=TEXT_LENGTH,
            projection_dim=TEXT_WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def make_vae() -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        mid_block_add_attention=False,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=SIZE,
    )


def make_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        # Attention from 8 x 8 down; the finest level only paints.
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=UNET_CHANNELS,
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,  # diffusers' name for the number of heads
        norm_num_groups=16,
    )


def make_motion_adapter() -> MotionAdapter:
    return MotionAdapter(
        block_out_channels=UNET_CHANNELS,
        motion_layers_per_block=1,
        # The finest level moves nothing: there frames are painted, one by one.
        motion_transformer_layers_per_block=(0, 1, 1),
        motion_mid_block_layers_per_block=1,
        motion_num_attention_heads=2,
        motion_norm_num_groups=16,
        motion_max_seq_length=FRAMES,
    )


def make_scheduler() -> DDIMScheduler:
    """v-prediction on a schedule that ends in almost pure noise, but not too early.

    With linear betas up to 0.02, as in DDPM, nearly half of the timesteps are pure noise:
    steps and training spent there decide nothing.
    """
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.02,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=False,
    )
