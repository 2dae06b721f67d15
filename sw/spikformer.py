"""The spiking transformer, out of SpikingJelly modules, in three forms of one network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from spikingjelly.activation_based import functional, layer
from torch import nn

from sw import exact
from sw.cell import Cell, fixed, integer_lif, reach
from sw.model import Head, Model, Trace, frames, record
from sw.neuron import LIF
from sw.sections import Quantization, SpikformerModel


class Stage(nn.Module):
    """Stage of the tokenizer: a 3 x 3 cell and maybe a max pooling, which ignores its padding."""

    def __init__(self, cell: Cell, pool: layer.MaxPool2d | None) -> None:
        super().__init__()
        self.cell = cell
        self.pool = pool


class Block(nn.Module):
    """Encoder block: spiking self-attention and MLP, each added to the residual stream.

    Parameters
    ----------
    name : str
        Prefix of the layer names, such as ``block.0``.
    high : int
        Largest value of the incoming residual stream; it leaves two higher.

    Source
    ------
    Spikformer (Zhou et al., 2023): q (k^T v) without softmax, attention threshold 0.5.
    """

    def __init__(
        self, name: str, high: int, model: SpikformerModel, quantization: Quantization
    ) -> None:
        super().__init__()
        self.name, self.heads, self.scale = name, model.heads, model.attention_scale
        c, hidden, neuron = model.channels, model.channels * model.mlp_ratio, quantization.neuron

        def cell(noun: str, inputs: int, outputs: int, high: int) -> Cell:
            scheme = quantization.scheme(f"{name}.{noun}")
            return Cell(inputs, outputs, 1, high, scheme, neuron)

        self.q, self.k, self.v = (cell(noun, c, c, high) for noun in "qkv")
        self.attention_lif = LIF(neuron, v_threshold=0.5)
        self.proj = cell("proj", c, c, 1)
        self.fc1 = cell("fc1", c, hidden, high + 1)
        self.fc2 = cell("fc2", hidden, c, 1)
        self.mode = "float"

    def forward(self, x: torch.Tensor, trace: Trace | None) -> torch.Tensor:
        """Return the residual stream (T, batch, C, height, width) behind the block."""
        spikes = []
        for noun in ("q", "k", "v"):
            spikes.append(_run(self, noun, x, trace))
        sums = self._attend(*spikes)
        fired = self._fire(sums)
        record(trace, f"{self.name}.attention", sums)
        record(trace, f"{self.name}.attention_lif", fired)
        x = x + _run(self, "proj", fired, trace)
        record(trace, f"{self.name}.attention_add", x)
        x = x + _run(self, "fc2", _run(self, "fc1", x, trace), trace)
        record(trace, f"{self.name}.mlp_add", x)
        return x

    def _attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        steps, batch, c, height, width = q.shape
        shape = (steps, batch, self.heads, c // self.heads, height * width)
        q, k, v = q.reshape(shape), k.reshape(shape), v.reshape(shape)
        assert height * width * (c // self.heads) < exact.FLOAT32_BOUND
        out = (v @ k.transpose(-1, -2)) @ q
        return out.reshape(steps, batch, c, height, width)

    def _fire(self, sums: torch.Tensor) -> torch.Tensor:
        if self.mode == "float":
            return self.attention_lif(sums * self.scale)
        steps, _, c, height, width = sums.shape
        high = height * width * (c // self.heads) << self.attention_lif.integer.frac_bits
        constants = fixed(self.attention_lif, c, self.scale)
        bound = reach(self.attention_lif.integer, max(high, float(constants.threshold[0])))
        return integer_lif(self.attention_lif, sums, constants, bound, steps)


class Spikformer(Model):
    """Convolutional tokenizer, relative position embedding, encoder blocks and linear head.

    Parameters
    ----------
    model : SpikformerModel
    quantization : Quantization
    classes : int
    """

    def __init__(self, model: SpikformerModel, quantization: Quantization, classes: int) -> None:
        super().__init__(model.steps)
        self.stages = nn.ModuleList()
        channels, high = model.image.channels, model.image.high
        for i, stage in enumerate(model.tokenizer):
            scheme = quantization.scheme(f"tokenizer.{i}.conv")
            cell = Cell(channels, stage.channels, 3, high, scheme, quantization.neuron)
            pool = stage.pool and layer.MaxPool2d(
                stage.pool.kernel, stage.pool.stride, stage.pool.padding, step_mode="m"
            )
            self.stages.append(Stage(cell, pool))
            channels, high = stage.channels, 1
        scheme = quantization.scheme("position.conv")
        self.position = Cell(channels, channels, 3, 1, scheme, quantization.neuron)
        self.blocks = nn.ModuleList(
            Block(f"block.{i}", 2 + 2 * i, model, quantization) for i in range(model.depth)
        )
        self.head = Head(channels, classes, 2 + 2 * model.depth, quantization)

    @property
    def tokenizer(self) -> list[Stage]:
        """Stages of the tokenizer, in order."""
        return cast("list[Stage]", list(self.stages))

    @property
    def encoder(self) -> list[Block]:
        """Encoder blocks, in order."""
        return cast("list[Block]", list(self.blocks))

    def synapses(self) -> Iterator[tuple[str, Cell]]:
        for i, stage in enumerate(self.tokenizer):
            yield f"tokenizer.{i}.conv", stage.cell
        yield "position.conv", self.position
        for block in self.encoder:
            for noun in ("q", "k", "v", "proj", "fc1", "fc2"):
                yield f"{block.name}.{noun}", getattr(block, noun)

    def forward(self, images: torch.Tensor, trace: Trace | None = None) -> torch.Tensor:
        functional.reset_net(self)
        x = frames(images)
        record(trace, "input", x)
        for i, stage in enumerate(self.tokenizer):
            sums, x = stage.cell(x, self.steps)
            record(trace, f"tokenizer.{i}.conv", sums)
            record(trace, f"tokenizer.{i}.lif", x)
            if stage.pool is not None:
                x = stage.pool(x)
                record(trace, f"tokenizer.{i}.pool", x)
        sums, fired = self.position(x, self.steps)
        x = x + fired
        record(trace, "position.conv", sums)
        record(trace, "position.lif", fired)
        record(trace, "position.add", x)
        for block in self.encoder:
            x = block(x, trace)
        logits, whole = self.head(x)
        record(trace, "head", whole[None, :, :, None, None])
        return logits


def _run(block: Block, noun: str, x: torch.Tensor, trace: Trace | None) -> torch.Tensor:
    sums, spikes = getattr(block, noun)(x, x.shape[0])
    record(trace, f"{block.name}.{noun}", sums)
    record(trace, f"{block.name}.{noun}_lif", spikes)
    return spikes
