"""Networks of published accelerators, read from files: shape, hardware, and what others need.

Their weights are random: neither cycles nor, with accumulators for the very weights, LUTs depend
much on them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.network import Network
from ir.store import Samples, save
from ir.strict import load_yaml, refusal
from ir.widen import widen
from sim.specimen import Shape, spikformer

FOLDER = Path(__file__).parents[1] / "configs"
ANCHORS = (
    "spikformer-1-384",
    "spikingformer-4-256",
    "spikformer-reduced",
    "spikingformer-reduced",
)
"""The reduced networks have every engine of the others, in a fraction of their size."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Published(_Part):
    """What an accelerator that others published needs for one image."""

    kcycles: Annotated[float, Field(gt=0)]
    kluts: Annotated[float, Field(gt=0)]
    dsp: Annotated[int, Field(ge=0)]


class Anchor(_Part):
    """A network with random weights, the hardware that is asked for, and other accelerators.

    Parameters
    ----------
    name : str
    shape : Shape
    hardware : Hardware
    channels : mapping of layer name to int
        To how many channels layers are widened, see :func:`ir.widen.widen`.
    published : mapping of name to Published
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]
    shape: Shape
    hardware: Hardware
    channels: dict[str, int] = {}
    published: dict[str, Published]

    def build(self, seed: int = 0) -> tuple[Network, Hardware]:
        """Return the network, weights drawn from ``seed``, and what is asked of the hardware."""
        return widen(spikformer(self.shape, seed), self.channels), self.hardware


def load(source: str | Path) -> Anchor:
    """Return the anchor of that name, or in the file at that path.

    Raises
    ------
    SpikewrightError
        If there is none, or a key or value is not allowed.
    """
    path = FOLDER / f"{source}.yaml" if source in ANCHORS else Path(source)
    if not path.suffix:
        raise SpikewrightError(
            f"Anchor is {str(source)!r:.80}; allowed are {', '.join(ANCHORS)} and YAML files."
        )
    entries = load_yaml(path)
    try:  # as JSON, whose strict types have lists where ours have tuples
        return Anchor.model_validate_json(json.dumps(entries))
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise SpikewrightError(refusal(found, f"Anchor {path.name}")) from None


def specimen(anchor: Anchor, path: Path, *, images: int, seed: int = 0) -> Network:
    """Write an export directory with random weights, images and labels.

    Parameters
    ----------
    anchor : Anchor
    path : Path
    images : int
        Random images, uniform over all pixel values.
    seed : int

    Raises
    ------
    SpikewrightError
        If ``path`` holds something else.
    """
    network, hardware = anchor.build(seed)
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if network.input.high < 256 else np.uint16
    pixels = rng.integers(0, network.input.high + 1, (images, *network.input.shape), dtype)
    labels = rng.integers(0, network.readout.weight.shape[0], images)
    save(path, network, hardware, Samples(pixels, labels))
    return network
