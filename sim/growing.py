"""A network that grows layer by layer."""

from __future__ import annotations

from ir.layers import Edge, Layer


class Growing:
    """Layers so far, and the edge that each gives.

    Parameters
    ----------
    steps : int
        Time steps T.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.layers: list[Layer] = []
        self.edges: dict[str, Edge] = {}

    def put(self, layer: Layer) -> str:
        """Append a layer; return its name."""
        self.layers.append(layer)
        inputs = tuple(self.edges[name] for name in layer.inputs)
        self.edges[layer.name] = layer.edge(inputs, self.steps)
        return layer.name
