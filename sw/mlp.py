"""Fully connected layers of LIF neurons and a linear readout of their spikes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from spikingjelly.activation_based import functional
from torch import nn

from sw.cell import Cell
from sw.model import Head, Model, Trace, frames, record
from sw.sections import MlpModel, Quantization


class Mlp(Model):
    """Layers of spiking neurons over all pixels of a sample, which enter as one position.

    The linear layers are the 1 x 1 convolutions of :class:`sw.cell.Cell` over that position.

    Parameters
    ----------
    model : MlpModel
    quantization : Quantization
    classes : int
    """

    def __init__(self, model: MlpModel, quantization: Quantization, classes: int) -> None:
        super().__init__(model.steps)
        self.hidden = nn.ModuleList()
        inputs, high = model.input_shape[0], model.image.high
        for i, outputs in enumerate(model.hidden):
            scheme = quantization.scheme(f"hidden.{i}.fc")
            self.hidden.append(Cell(inputs, outputs, 1, high, scheme, quantization.neuron))
            inputs, high = outputs, 1
        self.head = Head(inputs, classes, 1, quantization)

    @property
    def cells(self) -> list[Cell]:
        """Hidden layers, in order."""
        return cast("list[Cell]", list(self.hidden))

    def synapses(self) -> Iterator[tuple[str, Cell]]:
        for i, cell in enumerate(self.cells):
            yield f"hidden.{i}.fc", cell

    def forward(self, images: torch.Tensor, trace: Trace | None = None) -> torch.Tensor:
        functional.reset_net(self)
        x = frames(images).flatten(2)[..., None, None]
        record(trace, "input", x)
        for i, cell in enumerate(self.cells):
            sums, x = cell(x, self.steps)
            record(trace, f"hidden.{i}.fc", sums)
            record(trace, f"hidden.{i}.lif", x)
        logits, whole = self.head(x)
        record(trace, "head", whole[None, :, :, None, None])
        return logits
