"""The integer network: the one truth that training exports and hardware executes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ir.errors import SpikewrightError
from ir.layers import KINDS, LIF, Edge, Input, Layer, Readout, ShiftAdd, Synapse
from ir.types import IntType

_LAYER_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
MAX_SHIFT = IntType(0, 15)
_INPUT_COUNT = {"input": 0, "add": 2, "shift_add": 2, "attention": 3}


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in topological order, from one :class:`Input` to one :class:`Readout`.

    Parameters
    ----------
    steps : int
        Time steps T, 1..64.
    layers : tuple of Layer
    preprocessing : mapping
        How a sample became pixels, for the record: name, range.

    Raises
    ------
    SpikewrightError
        If names, order, shapes, ranges or weights are illegal; the sentence names the layer.
    """

    steps: int
    layers: tuple[Layer, ...]
    preprocessing: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 64:
            raise SpikewrightError(f"Network has {self.steps} time steps; allowed are 1..64.")
        if not self.layers or not isinstance(self.layers[0], Input):
            raise SpikewrightError("Network must begin with its input layer.")
        if not isinstance(self.layers[-1], Readout):
            raise SpikewrightError("Network must end with its readout layer.")
        for layer in self.layers:
            if len(layer.name) > 64 or not _LAYER_NAME.fullmatch(layer.name):
                raise SpikewrightError(
                    f"Layer name {layer.name!r:.80} is illegal; allowed are lower-case words of "
                    f"letters, digits and underscores, joined by dots, up to 64 characters."
                )
        for kind, allowed in (("input", 1), ("readout", 1)):
            found = sum(layer.kind == kind for layer in self.layers)
            if found != allowed:
                raise SpikewrightError(f"Network has {found} {kind} layers; allowed is {allowed}.")
        for layer in self.layers:
            _check_weights(layer)
        _ = self.edges
        consumed = {name for layer in self.layers for name in layer.inputs}
        for layer in self.layers[:-1]:
            if layer.name not in consumed:
                raise SpikewrightError(f"Layer {layer.name} feeds no other layer.")

    @cached_property
    def edges(self) -> dict[str, Edge]:
        """Output edge of every layer, by name."""
        edges: dict[str, Edge] = {}
        for layer in self.layers:
            if layer.name in edges:
                raise SpikewrightError(f"Layer name {layer.name} is used twice.")
            if KINDS.get(layer.kind) is not type(layer):
                raise SpikewrightError(f"Layer {layer.name} is of unknown kind {layer.kind!r}.")
            wanted = _INPUT_COUNT.get(layer.kind, 1)
            if len(layer.inputs) != wanted:
                raise SpikewrightError(
                    f"Layer {layer.name} has {len(layer.inputs)} inputs; allowed is {wanted}."
                )
            for name in layer.inputs:
                if name not in edges:
                    raise SpikewrightError(
                        f"Layer {layer.name} takes {name!r:.80}, which is no earlier layer."
                    )
            edges[layer.name] = layer.edge(tuple(edges[n] for n in layer.inputs), self.steps)
        return edges

    @property
    def input(self) -> Input:
        """The input layer."""
        layer = self.layers[0]
        assert isinstance(layer, Input)
        return layer

    @property
    def readout(self) -> Readout:
        """The readout layer."""
        layer = self.layers[-1]
        assert isinstance(layer, Readout)
        return layer

    def __getitem__(self, name: str) -> Layer:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    @property
    def quantization(self) -> dict[str, str]:
        """Scheme name of every layer that has weights."""
        return {
            layer.name: layer.scheme.name
            for layer in self.layers
            if isinstance(layer, (Synapse, Readout))
        }

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample: (channels, height, width), behind (T,) where samples move."""
        return (self.steps, *self.input.shape) if self.input.moving else self.input.shape

    def check_images(self, images: np.ndarray) -> np.ndarray:
        """Return ``images`` as int64 (count, *sample_shape).

        Raises
        ------
        SpikewrightError
            If shape, dtype or range differ from the input layer's.
        """
        images = np.asarray(images)
        if images.ndim < 1 or images.shape[1:] != self.sample_shape:
            raise SpikewrightError(
                f"Images have shape {images.shape}; allowed is (count, "
                f"{', '.join(map(str, self.sample_shape))})."
            )
        if images.dtype.kind not in "iu":
            raise SpikewrightError(f"Images have dtype {images.dtype}; allowed are integers.")
        if images.size and (images.min() < 0 or images.max() > self.input.high):
            raise SpikewrightError(
                f"Images hold values {images.min()}..{images.max()}; allowed are "
                f"0..{self.input.high}."
            )
        return images.astype(np.int64)


def _check_weights(layer: Layer) -> None:
    for noun in layer.arrays:
        array = getattr(layer, noun)
        if not isinstance(array, np.ndarray) or array.dtype.kind != "i" or array.size == 0:
            raise layer.refuse(f"has {noun} that is no filled array of signed integers")
    if isinstance(layer, (Synapse, Readout)):
        code_type = layer.scheme.code_type
        if not code_type.contains(layer.weight):
            raise layer.refuse(
                f"has weights {layer.weight.min()}..{layer.weight.max()}; {layer.scheme.name} "
                f"allows {code_type.low}..{code_type.high}"
            )
        if layer.scheme.power_of_two or not layer.scheme.has_zero:
            wrong = layer.weight[~np.isin(layer.weight, layer.scheme.levels)]
            if wrong.size:
                name = layer.scheme.name
                raise layer.refuse(f"has weight {wrong[0]}, which is no level of {name}")
    if isinstance(layer, ShiftAdd) and not MAX_SHIFT.contains(layer.shifts):
        raise layer.refuse(
            f"has shifts {layer.shifts.min()}..{layer.shifts.max()}; allowed are "
            f"{MAX_SHIFT.low}..{MAX_SHIFT.high}"
        )
    if isinstance(layer, LIF):
        for noun in layer.arrays:
            if not IntType.of_width(48, signed=True).contains(getattr(layer, noun)):
                raise layer.refuse(f"has {noun} beyond 48 bits")
