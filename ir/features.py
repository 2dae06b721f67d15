"""What the cost of a station is linear in: bits of adders, gates, multiplexers, registers.

A *model* is a group of stations that share coefficients, such as the synapses whose inputs are
spikes. Features are computed from the plan alone; coefficients are measured
(:mod:`ir.characterisation`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from ir import mapping
from ir.errors import SpikewrightError
from ir.mapping import NOWHERE, Mapped
from ir.plan import Station

NARROW = 4
"""Widest activation [bit] that the integer PE takes bit plane by bit plane."""


@dataclass(frozen=True)
class Features:
    """One station as the cost model sees it.

    Parameters
    ----------
    model : str
    logic : dict of str to float
        What LUTs and carry cells are linear in.
    registers : float
        Register bits [bit].
    memory : Mapped
        Block RAM and LUT RAM of all memories.
    multipliers : int
        Products that may become DSPs.
    """

    model: str
    logic: dict[str, float]
    registers: float
    memory: Mapped = NOWHERE
    multipliers: int = 0


def features(station: Station, fabric: str) -> Features | None:
    """Return the features of a station, or None if it takes nothing: a wire.

    Raises
    ------
    SpikewrightError
        If this kind of station has none.
    """
    found = _KINDS.get(station.kind)
    if found is None:
        raise SpikewrightError(
            f"Station {station.name} is a {station.kind}; costs are known of {', '.join(_KINDS)}."
        )
    return found(station, fabric)


def tree(operands: int, width: int) -> tuple[int, int, int]:
    """Return bits of all adders, number of adders, and width of a balanced tree's sum.

    Examples
    --------
    >>> tree(4, 3)
    (13, 3, 5)
    """
    bits = adders = 0
    while operands > 1:
        pairs, width = operands // 2, width + 1
        bits, adders, operands = bits + pairs * width, adders + pairs, operands - pairs
    return bits, adders, width


def _width(count: int) -> int:
    """Return the width of a counter over 0 .. count - 1; 0 if it stands still."""
    return (count - 1).bit_length()


def _sum(*memories: Mapped) -> Mapped:
    return Mapped(
        *(
            sum(getattr(memory, field.name) for memory in memories)
            for field in fields(Mapped)
        )
    )


def _distinct(depth: int, bits: int) -> int:
    """Return how many of ``bits`` columns of a read-only memory differ from others and constants.

    Registers of equal content become one.
    """
    return min(bits, (1 << depth) - 2) if depth < 30 else bits


def _rom(fabric: str, depth: int, width: int) -> tuple[Mapped, int]:
    """Return where a read-only memory goes, and its output register; one word is a constant."""
    memory = mapping.place(fabric, depth, width, rom=True, synchronous=True)
    if memory.block_ram:
        return memory, 0
    columns = _distinct(depth, width)
    return replace(memory, logic_bits=depth * columns), columns


def _fork(station: Any, fabric: str) -> Features:
    ends = len(station.outputs)
    logic = {"outputs": ends, "bits": station.i.width if ends > 2 else 0}
    return Features("fork", logic, ends)


def _buffer(station: Any, fabric: str) -> Features | None:
    if not station.depth:
        return None
    width, block = station.i.width, station.block
    memory = mapping.place(fabric, station.depth, width, rom=False, synchronous=block)
    address = _width(station.depth)
    logic = {
        "one": 1.0,
        "address": address,
        "selected": memory.selected_bits,
        "stored": memory.muxed_bits,
    }
    return Features("buffer", logic, 3 * address + 1 + memory.logic_bits, memory)


def _split(station: Any, fabric: str) -> Features:
    count = _width(station.ratio)
    moved = station.i.width - station.o.width
    deeper = moved if station.ratio > 2 else 0
    logic = {"one": 1.0, "moved": moved, "deeper": deeper, "counter": count}
    return Features("split", logic, station.i.width + count + 1)


def _merge(station: Any, fabric: str) -> Features:
    count = _width(station.ratio)
    return Features("merge", {"one": 1.0, "counter": count}, station.o.width + count + 1)


def _maximum(station: Any, fabric: str) -> Features:
    width, count = station.o.width, _width(station.taps)
    binary = station.i.type.binary
    logic = {
        "one": 1.0,
        "counter": count,
        "ored": width if binary else 0,
        "compared": 0 if binary else width,
    }
    return Features("maximum", logic, width + count + 1)


def _join(station: Any, fabric: str) -> Features:
    return Features("join", {"one": 1.0, "bits": station.o.width}, station.o.width + 1)


def _window(station: Any, fabric: str) -> Features:
    words = station.capacity * station.groups
    memory = mapping.place(fabric, words, station.i.width, rom=False, synchronous=True)
    still = station.kernel == station.stride == 1
    counts = [station.groups // station.slices, station.slices]
    counts += [station.kernel, station.kernel, station.repeats]
    if not still:
        counts += [station.out_width, station.out_height]
    counters = sum(map(_width, counts))
    loops = 1 + sum(count > 1 for count in counts)
    address = _width(words)
    margin = station.padding * station.width + station.padding
    lead = _width(max(station.height * station.width + margin, station.capacity)) + 1
    taps = _width(station.height + 2 * station.padding) + _width(
        station.width + 2 * station.padding
    )
    padding = taps if station.padding else 0
    logic = {
        "one": 1.0,
        "counters": counters,
        "address": address * loops,
        "lead": lead,
        "taps": padding * loops,
        "padded": station.i.width if station.padding else 0,
        "selected": memory.selected_bits,
        "stored": memory.muxed_bits,
    }
    held = 0 if memory.block_ram else station.i.width
    registers = counters + 2 * address + 2 * lead + _width(station.groups) + padding + held
    return Features("window", logic, registers + memory.logic_bits, memory)


def _synapse(station: Any, fabric: str) -> Features:
    pe, simd, steps = station.pe, station.simd, station.i.steps
    scheme, activation = station.scheme, station.i.type
    outputs, bits = pe * steps, scheme.bits
    weight = bits if not scheme.power_of_two else scheme.max_exponent + 2
    products = multipliers = 0
    decoded = pe * simd * weight if scheme.power_of_two else 0
    if not scheme.has_zero:
        # One sum of all activations for all outputs, less twice that of those with weight -1.
        model = "gated"
        each, count, width = tree(simd, activation.width)
        summed, adders, width = each + width + 1, count + 1, width + 1
        summed, adders = summed + each / pe, adders + count / pe
        products = simd * activation.width
    elif activation.binary:
        model = "gated_pot" if scheme.power_of_two else "gated"
        summed, adders, width = tree(simd, weight)
        products = simd * weight
    elif scheme.power_of_two:
        model = "shift"
        width = activation.width + scheme.max_exponent
        products = simd * width * scheme.max_exponent.bit_length()
        summed, adders, width = tree(simd, width)
        summed, adders, width = summed + width + 1, adders + 1, width + 1
        decoded = sum(tree(simd, 1)[:1]) * pe
    elif activation.width <= NARROW:
        model = "planes"
        each, count, width = tree(simd, weight)
        planes = activation.width
        joined, joins, more = tree(planes, width + planes - 1)
        summed, adders, width = planes * each + joined, planes * count + joins, more
        products = planes * simd * weight
    else:
        model = "multiplied"
        summed, adders, width = tree(simd, weight + activation.width)
        products, multipliers = simd * weight * activation.width, outputs * simd
    depth = station.neuron_fold * station.synapse_fold
    memory, held = _rom(fabric, depth, pe * simd * bits)
    accumulator = outputs * station.o.type.width
    logic = {
        "one": 1.0,
        "sums": outputs * summed,
        "adders": outputs * adders,
        "products": outputs * products,
        "decoded": decoded,
        "accumulators": accumulator if station.synapse_fold > 1 else 0,
        "rom": memory.logic_bits,
        "selected": memory.selected_bits,
    }
    counters = _width(depth) + _width(station.synapse_fold)
    if station.o.time > 1 and station.neuron_fold > 1:
        counters += _width(station.synapse_fold) + _width(station.o.time)
    if depth == 1:
        model += "_constant"
    registers = station.i.width + outputs * width + accumulator + counters + held + 3
    return Features(f"synapse_{model}", logic, registers, memory, multipliers)


def _parameters(station: Any, fabric: str) -> tuple[Mapped, int]:
    """Return the parameter memory of neurons, and its output register."""
    width = station.o.lanes * (station.threshold.width + station.bias.width)
    return _rom(fabric, station.groups, width)


def _steps(station: Any, steps: int) -> dict[str, float]:
    """Return the logic of ``steps`` membrane updates of all lanes."""
    lanes, neuron = station.o.lanes, station.neuron
    h, v = station.h.width, station.v.width
    compare = lanes * steps * max(min(h, neuron.membrane_bits), station.threshold.width)
    clipped = station.h.high > neuron.membrane.high or station.h.low < neuron.membrane.low
    return {
        "charge": lanes * steps * h * (2 if neuron.charge == "shift" else 1),
        "compare": compare if station.groups > 1 else 0,
        "compare_constant": compare if station.groups == 1 else 0,
        "reset": lanes * steps * v * (neuron.reset == "subtract"),
        "clip": lanes * steps * h * clipped,
    }


def _neurons(station: Any, fabric: str) -> Features:
    lanes, steps, given = station.o.lanes, station.o.steps, station.i.steps
    memory, held = _parameters(station, fabric)
    current, v = station.current.width, station.v.width
    logic = {
        "one": 1.0,
        "current": lanes * given * current,
        **_steps(station, steps),
        "kept": lanes * (steps - 1) * v,
        "rom": memory.logic_bits,
    }
    passed = steps if given == 1 else steps * (steps + 1) // 2
    frac = min(station.neuron.frac_bits, current)
    fixed = _distinct(station.groups, lanes * (station.threshold.width + frac))
    per_lane = steps * (steps + 1) // 2 + (steps - 1) * v + passed * (current - frac)
    registers = station.i.width + held + lanes * per_lane + steps * (fixed + 1) + 2
    registers += _width(station.groups)
    return Features("neurons", logic, registers, memory)


def _serial(station: Any, fabric: str) -> Features:
    lanes = station.o.lanes
    memory, held = _parameters(station, fabric)
    logic = {
        "one": 1.0,
        "current": lanes * station.current.width,
        **_steps(station, 1),
        "kept": lanes * station.v.width,
        "shifted": station.i.width if station.i.steps > 1 else 0,
        "rom": memory.logic_bits,
    }
    frac = min(station.neuron.frac_bits, station.current.width)
    fixed = _distinct(station.groups, lanes * (station.threshold.width + frac))
    per_lane = station.v.width + station.current.width - frac
    registers = station.i.width + held + fixed + lanes * per_lane + station.o.width
    counters = _width(station.o.time) + _width(station.groups)
    return Features("serial", logic, registers + counters + 4, memory)


def _attend(station: Any, fabric: str) -> Features:
    steps, columns = station.i.steps, station.o.lanes
    counted = station.lanes // 2
    count = (station.tokens).bit_length()
    rows = counted // (columns * steps)
    summed, _, _ = tree(rows, count)
    bank = mapping.place(fabric, station.depth, counted * count, rom=False, synchronous=True)
    memory = _sum(bank, bank)
    logic = {
        "one": 1.0,
        "counted": counted * count,
        "sums": columns * steps * summed,
        "stored": memory.muxed_bits,
        "selected": memory.selected_bits,
    }
    held = 0 if bank.block_ram else 2 * counted * count
    registers = counted * count + station.i.width + 2 * station.o.width + held + memory.logic_bits
    return Features("attend", logic, registers, memory)


def _recall(station: Any, fabric: str) -> Features:
    depth = 2 * station.i.words // station.keys
    each = mapping.place(fabric, depth, station.i.width, rom=False, synchronous=True)
    memory, address = _sum(*[each] * station.keys), _width(depth)
    logic = {
        "one": 1.0,
        "address": address,
        "selected": memory.selected_bits,
        "stored": memory.muxed_bits,
    }
    held = 0 if memory.block_ram else station.o.width
    counters = 2 * _width(station.tokens) + 2 * _width(station.groups)
    registers = 3 * address + counters + held + memory.logic_bits + 3
    return Features("recall", logic, registers, memory)


def _correlate(station: Any, fabric: str) -> Features:
    dots = station.o.lanes * station.o.steps
    summed, _, width = tree(station.i.lanes // station.parallel, 1)
    folded = station.chunks > 1
    logic = {
        "one": 1.0,
        "sums": dots * summed,
        "gates": station.lanes,
        "accumulators": station.o.width if folded else 0,
    }
    return Features("correlate", logic, dots * width + station.o.width + 3)


def _mix(station: Any, fabric: str) -> Features:
    sums = station.o.lanes * station.o.steps
    summed, _, width = tree(station.keys, station.i.type.width)
    folded = station.visits > 1
    memory = NOWHERE
    if folded:
        memory = mapping.place(
            fabric, station.chunks, station.o.width, rom=False, synchronous=False
        )
    logic = {
        "one": 1.0,
        "sums": sums * summed,
        "gates": station.lanes * station.i.type.width,
        "accumulators": station.o.width if folded else 0,
        "stored": memory.muxed_bits,
    }
    counters = _width(station.chunks) + _width(station.visits)
    registers = sums * width + station.o.width + counters + memory.logic_bits + 2
    return Features("mix", logic, registers, memory)


def _align(station: Any, fabric: str) -> Features:
    width = station.o.lanes * 2 * station.shift.width
    memory, held = _rom(fabric, station.groups, width)
    shifted = station.o.width * station.shift.width
    logic = {
        "one": 1.0,
        "bits": station.o.width,
        "shifted": 0 if station.groups == 1 else 2 * shifted,
        "rom": memory.logic_bits,
    }
    words = sum(link.width for link in station.inputs)
    return Features("align", logic, words + station.o.width + held + _width(station.groups), memory)


def _accumulate(station: Any, fabric: str) -> Features:
    memory = mapping.place(fabric, station.groups, station.o.width, rom=False, synchronous=False)
    if station.positions == 1:
        memory = NOWHERE
    summed = tree(station.i.steps, station.i.type.width)[0] + station.o.type.width
    logic = {
        "one": 1.0,
        "sums": station.o.lanes * summed,
        "stored": memory.muxed_bits,
    }
    counters = _width(station.groups) + _width(station.positions)
    return Features("accumulate", logic, station.o.width + counters + memory.logic_bits, memory)


def _classify(station: Any, fabric: str) -> Features:
    bits = station.o.type.width
    logic = {"one": 1.0, "bits": bits}
    memory = mapping.place(fabric, station.classes, station.bias.width, rom=True, synchronous=True)
    return Features("classify", logic, 2 * bits + station.i.width + station.bias.width, memory)


def _reorder(station: Any, fabric: str) -> Features:
    ratio, width = station.ratio, station.o.width
    memory = mapping.place(fabric, station.depth, width, rom=False, synchronous=True)
    if ratio > 1 and not memory.block_ram:  # one LUT RAM, or register, per word read at once
        slots = 1 << _width(ratio)
        each = mapping.place(
            fabric, station.depth * slots, station.i.width, rom=False, synchronous=False
        )
        memory = _sum(*[each] * ratio) if each.lut_ram else each
    address = _width(station.depth)
    counts = [station.i.time, station.groups, station.positions, station.kernel, station.kernel]
    loops = sum(count > 1 for count in [*counts, station.repeats, station.out_width])
    logic = {
        "one": 1.0,
        "address": address * loops,
        "padded": station.o.width if station.padding else 0,
        "selected": memory.selected_bits,
        "stored": memory.muxed_bits,
    }
    held = 0 if memory.block_ram else station.o.width
    return Features("reorder", logic, 5 * address + held + memory.logic_bits, memory)


def _tile(station: Any, fabric: str) -> Features:
    tables, width = station.tables, station.o.type.width
    codes, held = _rom(fabric, station.passes * tables.words, tables.word_width)
    partial = NOWHERE
    if station.synapse_fold > 1:
        partial = mapping.place(
            fabric, station.visits, width * station.pe, rom=False, synchronous=True
        )
    buffer = mapping.place(fabric, station.buffer, station.o.width, rom=False, synchronous=False)
    joint = fabric == "xc7" and tables.banks == 2
    bits, depth = tables.entry_width, (2 if joint else 1) << tables.group
    copies = 1 if joint else tables.banks
    entries = []
    for group in range(tables.groups):
        output = 0
        while output < tables.pe:  # outputs whose tables are written together share a memory
            word = (group * tables.pe + output) // tables.loaders
            pending = min(tables.pe, (word + 1) * tables.loaders - group * tables.pe) - output
            memory = mapping.place(fabric, depth, pending * bits, rom=False, synchronous=False)
            entries += [memory] * copies
            output += pending
    summed, adders, _ = tree(tables.groups, bits)
    logic = {
        "one": 1.0,
        "entries": tables.count * bits * copies,
        "sums": tables.pe * summed,
        "adders": tables.pe * adders,
        "loaders": tables.loaders * (bits + tables.scheme.bits * tables.group),
        "writes": tables.words,
        "totals": station.pe * width * (2 if station.planes > 1 else 1),
        "planes": station.i.width if station.planes > 1 else 0,
        "rom": codes.logic_bits,
        "selected": codes.selected_bits + partial.selected_bits,
    }
    registers = tables.count * bits * copies + tables.pe * summed + logic["totals"]
    registers += logic["loaders"] + tables.words + held
    return Features("tile", logic, registers, _sum(codes, partial, buffer, *entries))


_KINDS: dict[str, Callable[[Any, str], Features | None]] = {
    "fork": _fork,
    "buffer": _buffer,
    "split": _split,
    "merge": _merge,
    "maximum": _maximum,
    "join": _join,
    "window": _window,
    "synapse": _synapse,
    "neurons": _neurons,
    "serial_neurons": _serial,
    "stepwise": _serial,
    "attend": _attend,
    "recall": _recall,
    "correlate": _correlate,
    "mix": _mix,
    "align": _align,
    "accumulate": _accumulate,
    "classify": _classify,
    "reorder": _reorder,
    "tile": _tile,
}
TOP = Features("top", {"one": 1.0}, 1)
"""Counters and wires of the accelerator around its stations."""
