"""Every transfer of every probed layer against the golden model, element by element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ir.errors import SpikewrightError
from ir.layers import LIF
from ir.network import Network
from ir.order import arrange
from ir.plan import Link, Plan
from sim.testbench import Stream

_CHUNK_BITS = 1 << 26


@dataclass(frozen=True)
class Record:
    """Transfers of one stream.

    Parameters
    ----------
    cycle : int64 (transfers,)
        Cycle of each transfer; 0 is the first input transfer.
    payload : uint8 (transfers, bytes)
        Payload, least significant byte first.
    """

    cycle: np.ndarray
    payload: np.ndarray


@dataclass(frozen=True, order=True)
class Difference:
    """One element in which hardware and golden model differ; orders by sample, layer, step, place.

    Parameters
    ----------
    sample, depth : int
        Index of the sample, and of the layer in the network.
    step, position, channel : int
    layer, place : str
        Name of the layer, and the indices in words.
    expected, got : int
    """

    sample: int
    depth: int
    step: int
    position: int
    channel: int
    layer: str = field(compare=False)
    place: str = field(compare=False)
    expected: int = field(compare=False)
    got: int = field(compare=False)

    def __str__(self) -> str:
        return (
            f"Layer {self.layer}, sample {self.sample}, {self.place}: "
            f"expected {self.expected}, got {self.got}."
        )


@dataclass
class Comparison:
    """Running totals of a comparison.

    Parameters
    ----------
    spikes_compared, values_compared, mismatches : int
        Elements of LIF layers, of all layers, and those that differ.
    first : Difference or None
        The first that differs, by sample, then layer, time step, position, channel.
    """

    spikes_compared: int = 0
    values_compared: int = 0
    mismatches: int = 0
    first: Difference | None = None

    @property
    def sentence(self) -> str | None:
        """The first difference in words."""
        return None if self.first is None else str(self.first)

    def add(
        self, network: Network, layer: str, got: np.ndarray, expected: np.ndarray, offset: int
    ) -> None:
        """Compare one layer.

        Parameters
        ----------
        network : Network
        layer : str
        got, expected : integers (samples, steps, positions, channels)
        offset : int
            Index of the first sample.

        Raises
        ------
        SpikewrightError
            If the shapes differ.
        """
        if got.shape != expected.shape:
            raise SpikewrightError(
                f"Layer {layer} gave values of shape {got.shape}; expected is {expected.shape}."
            )
        self.values_compared += got.size
        if isinstance(network[layer], LIF):
            self.spikes_compared += got.size
        differs = got != expected
        count = int(np.count_nonzero(differs))
        if not count:
            return
        self.mismatches += count
        where = np.unravel_index(int(differs.argmax()), differs.shape)
        sample, step, position, channel = (int(index) for index in where)
        depth = next(i for i, item in enumerate(network.layers) if item.name == layer)
        first = Difference(
            sample + offset,
            depth,
            step,
            position,
            channel,
            layer,
            place(network, layer, step, position, channel),
            int(expected[where]),
            int(got[where]),
        )
        if self.first is None or first < self.first:
            self.first = first

    def add_labels(
        self, network: Network, got: np.ndarray, expected: np.ndarray, offset: int
    ) -> None:
        """Compare labels (samples,); they count as values of a layer behind the last one."""
        self.values_compared += got.size
        differs = got != expected
        if differs.any():
            self.mismatches += int(np.count_nonzero(differs))
            index = int(differs.argmax())
            first = Difference(
                index + offset,
                len(network.layers),
                0,
                0,
                0,
                network.readout.name,
                "label",
                int(expected[index]),
                int(got[index]),
            )
            if self.first is None or first < self.first:
                self.first = first


def place(network: Network, layer: str, step: int, position: int, channel: int) -> str:
    """Return an element's indices in words.

    Positions of maps as small as the last one are tokens, those of larger maps pixels.
    """
    if layer == network.readout.name:
        return f"class {channel}"
    edge, tokens = network.edges[layer], network.edges[network.readout.inputs[0]].positions
    noun = "token" if edge.positions == tokens else "pixel"
    x, y = position % edge.width, position // edge.width
    return f"time step {step}, {noun} {position} (x {x}, y {y}), channel {channel}"


def read(folder: Path, stream: Stream) -> Record:
    """Return the transfers that a monitor recorded in ``folder``.

    Raises
    ------
    SpikewrightError
        If the file is missing or ends within a record.
    """
    path = folder / stream.file
    try:
        words = np.fromfile(path, dtype="<u4")
    except OSError as error:
        raise SpikewrightError(f"The simulation left no record {path}.") from error
    if len(words) % stream.words or path.stat().st_size % 4:
        raise SpikewrightError(f"The record {path} ends within a transfer.")
    table = words.reshape(-1, stream.words)
    payload = np.ascontiguousarray(table[:, 1:]).view(np.uint8)
    return Record(table[:, 0].astype(np.int64), payload.reshape(len(table), -1))


def fields(
    payload: np.ndarray, width: int, count: int, *, signed: bool, low: int = 0
) -> np.ndarray:
    """Return ``count`` fields of ``width`` [bit] from bit ``low`` upwards.

    Parameters
    ----------
    payload : uint8 (transfers, bytes)
    width, count : int
    signed : bool
        Whether the fields are two's complement.
    low : int

    Returns
    -------
    int64 (transfers, count)

    Examples
    --------
    >>> fields(np.array([[0xF1]], dtype=np.uint8), 4, 2, signed=True).tolist()
    [[1, -1]]
    """
    out = np.empty((len(payload), count), dtype=np.int64)
    rows = max(1, _CHUNK_BITS // (width * count))
    for start in range(0, len(payload), rows):
        part = payload[start : start + rows]
        bits = np.unpackbits(part, axis=1, bitorder="little")[:, low : low + width * count]
        bits = bits.reshape(len(part), count, width)
        if width == 1:
            out[start : start + rows] = bits[:, :, 0]
            continue
        padded = np.packbits(bits, axis=2, bitorder="little")
        wide = np.zeros((len(part), count, 8), dtype=np.uint8)
        wide[:, :, : padded.shape[2]] = padded
        out[start : start + rows] = wide.view("<i8")[:, :, 0]
    if signed:
        sign = np.int64(1) << (width - 1)
        out = (out ^ sign) - sign
    return out


def values(record: Record, link: Link, positions: int, samples: int) -> np.ndarray:
    """Return what flowed over ``link``, int64 (samples, steps, positions, channels).

    Raises
    ------
    SpikewrightError
        If the number of transfers is not that of ``samples`` samples.
    """
    check_count(record, link, samples)
    flat = fields(record.payload, link.type.width, link.lanes * link.steps, signed=link.type.signed)
    return arrange(flat, link, positions)


def check_count(record: Record, link: Link, samples: int) -> None:
    """Refuse a record with more or fewer transfers than ``samples`` samples cause."""
    if len(record.cycle) != samples * link.words:
        raise SpikewrightError(
            f"Layer {link.layer or link.name} made {len(record.cycle)} transfers; expected are "
            f"{samples * link.words}, {link.words} for each of {samples} samples."
        )


def probed(plan: Plan, streams: Mapping[str, Stream]) -> dict[str, tuple[Stream, Link]]:
    """Return the probed links by layer name, in the order of the plan.

    The input layer is seen on the input stream, so it needs no probe.

    Raises
    ------
    SpikewrightError
        If a probe belongs to no layer, or has another width than its link.
    """
    found: dict[str, tuple[Stream, Link]] = {}
    rest = {name for name in streams if name.startswith("probe_")}
    for layer, link in plan.probes.items():
        name = f"probe_{layer.replace('.', '_')}"
        stream = streams.get(name)
        rest.discard(name)
        if stream is None and link is plan.source:
            stream = streams["i"]
        if stream is None or link is plan.sink:
            continue
        if stream.width != link.width:
            raise SpikewrightError(
                f"The probe of layer {layer} has {stream.width} bits; expected are {link.width}."
            )
        found[layer] = stream, link
    if rest:
        raise SpikewrightError(f"Verilog has {min(rest)}, which belongs to no layer of the plan.")
    return found
