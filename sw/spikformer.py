"""The spiking transformer, out of SpikingJelly modules, in three forms of one network."""

from __future__ import annotations

from typing import cast

import torch
from spikingjelly.activation_based import functional, layer
from torch import nn

from sw import exact
from sw.cell import MODES, Cell, fixed, integer_lif, reach
from sw.config import Config
from sw.neuron import LIF
from sw.quant import rounded, to_int
from sw.sections import Model, Quantization

Trace = dict[str, torch.Tensor]


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

    def __init__(self, name: str, high: int, model: Model, quantization: Quantization) -> None:
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
        _record(trace, f"{self.name}.attention", sums)
        _record(trace, f"{self.name}.attention_lif", fired)
        x = x + _run(self, "proj", fired, trace)
        _record(trace, f"{self.name}.attention_add", x)
        x = x + _run(self, "fc2", _run(self, "fc1", x, trace), trace)
        _record(trace, f"{self.name}.mlp_add", x)
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


class Head(nn.Module):
    """Linear classifier on the sum over tokens and time; one weight scale for all classes."""

    def __init__(self, channels: int, classes: int, high: int, quantization: Quantization) -> None:
        super().__init__()
        self.linear = layer.Linear(channels, classes)
        self.scheme = quantization.scheme("head")
        self.high = high
        self.mode = "float"

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (logits of float scale, integer logits), both (batch, classes)."""
        count = x.shape[0] * x.shape[3] * x.shape[4]
        total = x.sum((0, 3, 4))
        if self.mode == "float":
            logits = self.linear(total / count)
            return logits, logits
        weight, bias, scale = self.fold(count)
        sums = exact.conv2d(total[..., None, None], weight[..., None, None], self.high * count)
        whole = sums.flatten(1).double() + bias
        return (whole * (scale / count)).float(), whole

    def fold(self, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return (integer weights, bias, scale) for sums over ``count`` = T x N values."""
        weight, scale = to_int(self.linear.weight, self.scheme, per_channel=False)
        bias = self.linear.bias.double() / scale.double().flatten() * count
        return weight, rounded(bias) if self.mode == "folded" else bias, scale.double().flatten()


class Spikformer(nn.Module):
    """Convolutional tokenizer, relative position embedding, encoder blocks and linear head.

    Parameters
    ----------
    config : Config
        Shape from section ``model``, formats from section ``quantization``.
    classes : int

    Examples
    --------
    ``model.mode = "folded"; model.eval()`` makes the model equal to the integer network that
    :func:`sw.export.convert` returns, spike for spike.
    """

    def __init__(self, config: Config, classes: int) -> None:
        super().__init__()
        model, quantization = config.model, config.quantization
        self.steps, self.quantization = model.steps, quantization
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
        self._mode = "float"

    @property
    def tokenizer(self) -> list[Stage]:
        """Stages of the tokenizer, in order."""
        return cast("list[Stage]", list(self.stages))

    @property
    def encoder(self) -> list[Block]:
        """Encoder blocks, in order."""
        return cast("list[Block]", list(self.blocks))

    @property
    def mode(self) -> str:
        """Form of the network: ``float``, ``quantized`` or ``folded``."""
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f"Mode is {mode!r}; allowed are {', '.join(MODES)}.")
        self._mode = mode
        for part in self.modules():
            if isinstance(part, (Cell, Block, Head)):
                part.mode = mode

    def forward(self, images: torch.Tensor, trace: Trace | None = None) -> torch.Tensor:
        """Return logits, float (batch, classes).

        Parameters
        ----------
        images : uint8 (batch, channels, height, width)
        trace : dict, optional
            Filled with the output of every layer by its name in the integer network, each
            (batch, T or 1, positions, channels).
        """
        functional.reset_net(self)
        x = images.to(torch.float32)[None]
        _record(trace, "input", x)
        for i, stage in enumerate(self.tokenizer):
            sums, x = stage.cell(x, self.steps)
            _record(trace, f"tokenizer.{i}.conv", sums)
            _record(trace, f"tokenizer.{i}.lif", x)
            if stage.pool is not None:
                x = stage.pool(x)
                _record(trace, f"tokenizer.{i}.pool", x)
        sums, fired = self.position(x, self.steps)
        x = x + fired
        _record(trace, "position.conv", sums)
        _record(trace, "position.lif", fired)
        _record(trace, "position.add", x)
        for block in self.encoder:
            x = block(x, trace)
        logits, whole = self.head(x)
        _record(trace, "head", whole[None, :, :, None, None])
        return logits


def _run(block: Block, noun: str, x: torch.Tensor, trace: Trace | None) -> torch.Tensor:
    sums, spikes = getattr(block, noun)(x, x.shape[0])
    _record(trace, f"{block.name}.{noun}", sums)
    _record(trace, f"{block.name}.{noun}_lif", spikes)
    return spikes


def _record(trace: Trace | None, name: str, x: torch.Tensor) -> None:
    if trace is not None:
        trace[name] = x.detach().flatten(3).permute(1, 0, 3, 2)
