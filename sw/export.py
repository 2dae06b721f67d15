"""From a trained model to the integer network and its export directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ir import layers as ir_layers
from ir import store
from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.layers import Add, Attention, Input, Layer, MaxPool, Readout, Synapse
from ir.network import Network
from ir.widen import widen
from sw import checkpoint, config, data
from sw.build import build
from sw.cell import Cell, Folded, fixed
from sw.config import Config
from sw.mlp import Mlp
from sw.model import Model
from sw.neuron import LIF
from sw.sections import DATASETS, MlpModel
from sw.spikformer import Block, Spikformer

CHECKPOINT = "checkpoint.safetensors"
RUN_FILE = "config.yaml"


def convert(model: Model, settings: Config, preprocessing: Mapping[str, str | int]) -> Network:
    """Return the integer network that equals ``model`` in mode ``folded``, spike for spike.

    Parameters
    ----------
    model : sw.model.Model
    settings : Config
        Run file that the model was built from.
    preprocessing : mapping
        How samples became pixels, for the record.

    Raises
    ------
    SpikewrightError
        If a weight is not finite.
    """
    for name, tensor in model.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise SpikewrightError(f"Model holds NaN or infinite values in {name}.")
    mode = model.mode
    model.mode = "folded"
    try:
        with torch.no_grad():
            layers = _layers(model, settings)
    finally:
        model.mode = mode
    return Network(model.steps, tuple(layers), dict(preprocessing))


def untrained(settings: Config, classes: int | None = None) -> Network:
    """Return the integer network of a run file before any training; its shapes and formats hold.

    Parameters
    ----------
    classes : int, optional
        As many as the data set has without it.
    """
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        model = build(settings, classes or DATASETS[settings.data.name])
    return convert(model, settings, {})


def load(directory: Path, folder: Path | None = None) -> tuple[Config, Model, data.Dataset]:
    """Read what ``sw.train`` left in ``directory``: run file, model in mode ``folded``, samples.

    Raises
    ------
    SpikewrightError
        If a file is missing or damaged, or training is not finished.
    """
    settings = config.load(Path(directory) / RUN_FILE)
    tensors, state = checkpoint.load(Path(directory) / CHECKPOINT)
    if state.get("phase") != "done":
        raise SpikewrightError(
            f"Training in {directory} stopped in phase {state.get('phase')!r}; finish it first."
        )
    if state.get("config") != settings.learned:
        raise SpikewrightError(
            f"Run file {Path(directory) / RUN_FILE} was changed after training; train again."
        )
    dataset = data.of(settings, folder)
    model = build(settings, dataset.classes)
    checkpoint.restore(model, checkpoint.split(tensors, "model."))
    model.mode = "folded"
    return settings, model.eval(), dataset


def export(
    directory: Path,
    path: Path,
    *,
    hardware: Hardware | None = None,
    folder: Path | None = None,
) -> Network:
    """Write the export directory ``path`` from the training directory ``directory``.

    The held-back samples travel with it. ``hardware.channels`` of the run file widen the network.

    Parameters
    ----------
    hardware : Hardware, optional
        What is asked of the hardware, instead of what the run file asks.
    folder : Path, optional
        Where the dataset's files lie, as for :func:`sw.data.load`.

    Raises
    ------
    SpikewrightError
        If the training directory is damaged, or ``path`` holds something else.
    """
    settings, model, dataset = load(directory, folder)
    preparation = dataset.preparation(settings.model)
    network = widen(convert(model, settings, preparation.record), settings.hardware.channels)
    samples = store.Samples(preparation.apply(dataset.test_images), dataset.test_labels)
    store.save(Path(path), network, hardware or settings.hardware.request, samples)
    return network


def _layers(model: Model, settings: Config) -> list[Layer]:
    """Return all layers."""
    shape = settings.model
    moving = settings.data.frames is not None
    layers: list[Layer] = [Input("input", (), shape.input_shape, shape.image.high, moving)]
    if isinstance(model, Mlp):
        tokens, x = 1, _mlp(model, layers)
    else:
        assert isinstance(model, Spikformer)
        assert not isinstance(shape, MlpModel)
        tokens, x = shape.grid[0] * shape.grid[1], _spikformer(model, layers)
    weight, bias, _ = model.head.fold(model.steps * tokens)
    layers.append(Readout("head", (x,), model.head.scheme, _whole(weight, np.int8), _whole(bias)))
    return layers


def _mlp(model: Mlp, layers: list[Layer]) -> str:
    """Append the hidden layers; return the name of the last one."""
    x = "input"
    for i, cell in enumerate(model.cells):
        layers += _cell(cell, f"hidden.{i}.fc", f"hidden.{i}.lif", x)
        x = f"hidden.{i}.lif"
    return x


def _spikformer(model: Spikformer, layers: list[Layer]) -> str:
    """Append tokenizer, position embedding and blocks; return the name of the last layer."""
    x = "input"
    for i, stage in enumerate(model.tokenizer):
        name = f"tokenizer.{i}"
        layers += _cell(stage.cell, f"{name}.conv", f"{name}.lif", x)
        x = f"{name}.lif"
        if stage.pool is not None:
            pool = stage.pool
            layers.append(
                MaxPool(f"{name}.pool", (x,), pool.kernel_size, pool.stride, pool.padding)
            )
            x = f"{name}.pool"
    layers += _cell(model.position, "position.conv", "position.lif", x)
    layers.append(Add("position.add", (x, "position.lif")))
    x = "position.add"
    for block in model.encoder:
        layers += _block(block, x)
        x = f"{block.name}.mlp_add"
    return x


def _block(block: Block, x: str) -> list[Layer]:
    name = block.name
    layers: list[Layer] = []
    for noun in ("q", "k", "v"):
        layers += _cell(getattr(block, noun), f"{name}.{noun}", f"{name}.{noun}_lif", x)
    spikes = tuple(f"{name}.{noun}_lif" for noun in ("q", "k", "v"))
    layers.append(Attention(f"{name}.attention", spikes, block.heads))
    constants = fixed(block.attention_lif, block.proj.conv.in_channels, block.scale)
    fired = f"{name}.attention_lif"
    layers.append(_lif(block.attention_lif, constants, fired, f"{name}.attention"))
    layers += _cell(block.proj, f"{name}.proj", f"{name}.proj_lif", fired)
    layers.append(Add(f"{name}.attention_add", (x, f"{name}.proj_lif")))
    layers += _cell(block.fc1, f"{name}.fc1", f"{name}.fc1_lif", f"{name}.attention_add")
    layers += _cell(block.fc2, f"{name}.fc2", f"{name}.fc2_lif", f"{name}.fc1_lif")
    layers.append(Add(f"{name}.mlp_add", (f"{name}.attention_add", f"{name}.fc2_lif")))
    return layers


def _cell(cell: Cell, name: str, lif: str, source: str) -> list[Layer]:
    folded = cell.fold()
    weight = _whole(folded.weight, np.int8)
    padding = int(cell.conv.padding[0])
    return [
        Synapse(name, (source,), cell.scheme, weight, padding=padding),
        _lif(cell.lif, folded, lif, name),
    ]


def _lif(lif: LIF, folded: Folded, name: str, source: str) -> Layer:
    return ir_layers.LIF(
        name, (source,), lif.integer, _whole(folded.threshold), _whole(folded.bias)
    )


def _whole(x: torch.Tensor, dtype: type = np.int64) -> np.ndarray:
    """Return the integers that ``x`` holds; refuse to change a value on the way."""
    whole: np.ndarray = x.numpy().astype(dtype)
    if not np.array_equal(whole, x.numpy()):
        raise ValueError(f"Values are no integers of {np.dtype(dtype).name}.")
    return whole
