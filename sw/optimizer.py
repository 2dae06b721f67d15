"""AdamW, and its state as tensors of a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn


def adamw(parameters: Iterable[nn.Parameter], rate: float, decay: float) -> torch.optim.AdamW:
    """Return AdamW that lets only kernels, tensors of two axes or more, decay."""
    kernels: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for parameter in parameters:
        (kernels if parameter.ndim > 1 else rest).append(parameter)
    groups = [
        {"params": kernels, "weight_decay": decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate)


def pack(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, torch.Tensor]:
    """Return the state of an optimizer as tensors whose names begin with ``prefix``."""
    return {
        f"{prefix}{index}.{key}": value
        for index, entry in optimizer.state_dict()["state"].items()
        for key, value in entry.items()
    }


def unpack(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give an optimizer the state that :func:`pack` returned, the prefix taken off."""
    entries: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".")
        entries.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": entries})


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate
