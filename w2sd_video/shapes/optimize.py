"""Optimizing one stage: several processes, averaged weights, checkpoints that resume."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, distributed, nn

from w2sd_video.memory.heap import hold_freed

Say = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """How long and how one stage trains. ``batch`` is per process."""

    steps: int
    batch: int
    rate: float
    average: float = 0.998  # decay of the weights' moving average


class Team:
    """The processes that train together; each holds the same weights."""

    def __init__(self, rank: int = 0, size: int = 1, port: int = 0) -> None:
        self.rank, self.size = rank, size
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if size > 1:
            distributed.init_process_group(
                "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size
            )

    def average_gradients(self, parameters: list[nn.Parameter]) -> None:
        if self.size == 1:
            return
        flat = torch.cat([p.grad.reshape(-1) for p in parameters if p.grad is not None])
        distributed.all_reduce(flat)
        flat /= self.size
        start = 0
        for p in parameters:
            if p.grad is not None:
                p.grad.copy_(flat[start : start + p.numel()].view_as(p))
                start += p.numel()

    def wait(self) -> None:
        if self.size > 1:
            distributed.barrier()


def together(processes: int, work: Callable[..., None], *args: Any) -> None:
    """Have so many processes, of one thread each, do ``work(team, *args)``."""
    if processes == 1:
        hold_freed()
        work(Team(), *args)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(_join, (processes, port, work, args), nprocs=processes)


def _join(rank: int, size: int, port: int, work: Callable[..., None], args: tuple[Any]) -> None:
    torch.set_num_threads(1)
    hold_freed()
    work(Team(rank, size, port), *args)


class Run:
    """Optimizer, averaged weights and checkpoint of one stage.

    The checkpoint is one safetensors file: weights, averages, both moments, and the step.
    """

    def __init__(
        self,
        name: str,
        stage: Stage,
        groups: list[tuple[nn.Module, float]],
        folder: Path,
        team: Team,
    ) -> None:
        self.name, self.stage, self.team = name, stage, team
        self.file = folder / f"{name}.safetensors"
        seen: dict[int, str] = {}  # modules may share parameters
        self.parameters: dict[str, nn.Parameter] = {}
        options = []
        for index, (module, factor) in enumerate(groups):
            fresh = []
            for key, p in module.named_parameters():
                if id(p) not in seen:
                    seen[id(p)] = key
                    self.parameters[f"{index}.{key}"] = p
                    fresh.append(p)
            options.append({"params": fresh, "lr": stage.rate * factor, "top": stage.rate * factor})
        self.optimizer = torch.optim.AdamW(
            options, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        self.averages = {k: p.detach().clone() for k, p in self.parameters.items()}
        self.step = 0
        if self.file.exists():
            self._load()

    def update(self, loss: Tensor) -> None:
        """One optimizer step: gradients averaged and clipped, then the weights' average."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parameters = list(self.parameters.values())
        self.team.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        # Warm up, hold, and go to zero over the last quarter: a run can be lengthened.
        left = 1.0 - self.step / self.stage.steps
        scale = min(1.0, (self.step + 1) / 100, 4 * left)
        for group in self.optimizer.param_groups:
            group["lr"] = group["top"] * scale
        self.optimizer.step()
        self.step += 1
        decay = min(self.stage.average, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(
            list(self.averages.values()), [p.detach() for p in parameters], 1 - decay
        )

    def save(self) -> None:
        if self.team.rank:
            return
        tensors = {f"average.{k}": v for k, v in self.averages.items()}
        for key, p in self.parameters.items():
            tensors[f"weight.{key}"] = p.detach()
            for moment, value in self.optimizer.state[p].items():
                tensors[f"{moment}.{key}"] = value
        temporary = self.file.with_suffix(".tmp")
        save_file(
            {k: v.contiguous().clone() for k, v in tensors.items()},
            temporary,
            metadata={"step": str(self.step)},
        )
        os.replace(temporary, self.file)

    def _load(self) -> None:
        self.step = step_of(self.file)
        tensors = load_file(self.file, device=str(self.team.device))
        for key, p in self.parameters.items():
            p.data.copy_(tensors[f"weight.{key}"])
            self.averages[key] = tensors[f"average.{key}"]
            moments = {m: f"{m}.{key}" for m in ("step", "exp_avg", "exp_avg_sq")}
            if moments["step"] in tensors:  # not for what this stage leaves as it is
                self.optimizer.state[p] = {m: tensors[name] for m, name in moments.items()}

    def take_averages(self) -> None:
        """Put the averaged weights into the modules: what is sampled from and shipped."""
        for key, p in self.parameters.items():
            p.data.copy_(self.averages[key])


def step_of(checkpoint: Path) -> int:
    """How many steps a checkpoint, named without its suffix, has had."""
    with safe_open(checkpoint.with_suffix(".safetensors"), "pt") as file:
        return int(file.metadata()["step"])


def fit(run: Run, seed: int, loss_of: Callable[[np.random.Generator], Tensor], say: Say) -> None:
    """Train until the stage's last step; a checkpoint every few minutes; then the averages."""
    stage, team = run.stage, run.team
    shown = saved = time.monotonic()
    losses: list[float] = []
    first = run.step
    began = shown
    while run.step < stage.steps:
        number = sum(run.name.encode())
        rng = np.random.default_rng([seed, number, run.step, team.rank])
        torch.manual_seed(int(rng.integers(2**62)))
        loss = loss_of(rng)
        run.update(loss)
        losses.append(loss.item())
        now = time.monotonic()
        if team.rank == 0 and (now - shown > 20 or run.step == stage.steps):
            pace = (now - began) / (run.step - first)
            left = (stage.steps - run.step) * pace / 60
            say(
                f"{run.name}: step {run.step}/{stage.steps}, loss {np.mean(losses):.4f}, "
                f"{pace:.2f} s a step, {left:.0f} min left"
            )
            shown, losses = now, []
        if team.rank == 0 and now - saved > 120:
            run.save()
            saved = now
    if run.step > first:
        run.save()
    run.take_averages()
    team.wait()
