"""Checkpoints: one safetensors file with tensors and a JSON state; never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ir.errors import SpikewrightError
from ir.strict import dump_json, listed, parse_json, write_file

_STATE = "spikewright"
_DTYPES = (torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool)


def save(path: Path, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
    """Write ``tensors`` and ``state`` in one file, which appears whole or not at all."""
    whole = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    metadata = {_STATE: dump_json(dict(state))}
    write_file(path, lambda temporary: save_file(whole, temporary, metadata))


def load(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return (tensors, state) of a checkpoint.

    Raises
    ------
    SpikewrightError
        If the file is missing, damaged, or holds values that are not finite or of a dtype that
        :func:`save` was never given.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            text = (file.metadata() or {}).get(_STATE)
    except FileNotFoundError:
        raise SpikewrightError(f"Checkpoint {path} does not exist.") from None
    except (OSError, SafetensorError, ValueError) as error:
        raise SpikewrightError(f"Checkpoint {path} is damaged: {error}.") from None
    if text is None:
        raise SpikewrightError(f"Checkpoint {path} was not written by Spikewright.")
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPES:
            raise SpikewrightError(
                f"Checkpoint {path} holds {tensor.dtype} in {listed([name])}; allowed are "
                f"{', '.join(map(str, _DTYPES))}."
            )
        if not torch.isfinite(tensor).all():
            raise SpikewrightError(
                f"Checkpoint {path} holds NaN or infinite values in {listed([name])}."
            )
    return tensors, parse_json(text, f"Checkpoint {path}")


def restore(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Copy ``tensors`` into ``model``.

    Raises
    ------
    SpikewrightError
        If a tensor is missing or left over, or has another shape or dtype.
    """
    wanted = model.state_dict()
    for verb, names in (
        ("lacks", wanted.keys() - tensors.keys()),
        ("has unknown", tensors.keys() - wanted.keys()),
    ):
        if names:
            raise SpikewrightError(f"Checkpoint {verb} tensors: {listed(sorted(names))}.")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape or tensor.dtype != wanted[name].dtype:
            raise SpikewrightError(
                f"Checkpoint tensor {name} is {tensor.dtype} {tuple(tensor.shape)}; allowed is "
                f"{wanted[name].dtype} {tuple(wanted[name].shape)}."
            )
    model.load_state_dict(dict(tensors))


def split(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the tensors whose names begin with ``prefix``, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def summary(state: Mapping[str, Any]) -> str:
    """Return ``state`` as one line of JSON, for logs."""
    return json.dumps(state, sort_keys=True)
