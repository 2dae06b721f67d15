"""What a bus costs around an accelerator, before anything is synthesized.

The counters of spikes inside the accelerator belong to it: without a bus nobody reads them.
"""

from __future__ import annotations

from ir import mapping
from ir.characterisation import Characterisation
from ir.cost import costs_of, usage
from ir.features import Features, tree
from ir.plan import Link, Plan
from ir.registers import spiking
from ir.schedule import Schedule, schedule
from ir.usage import Usage

LINE = 16
"""Bytes that are kept of a line that cannot wait."""
BLINK_BITS, WAIT_BITS = 24, 8
"""Counters of a board's top: the first LED changes every 2^23 cycles, reset ends after 255."""
_ENTRY = 16  # bits of one: byte and code, or code and sequence
_LINES = ("uart", "spi")


def in_flight(found: Schedule) -> int:
    """Return how many samples may be between the first word of one and the answer of another."""
    return -(-found.latency // max(1, found.interval)) + 2


def features(plan: Plan, bus: str, fabric: str, *, spikes: bool = True) -> dict[str, Features]:
    """Return the features of everything that comes with a bus, by module.

    Parameters
    ----------
    plan : ir.plan.Plan
    bus : str
        One of ``hw.wrap.BUSES``.
    fabric : str
    spikes : bool
        Whether the spikes of every layer of neurons are counted.
    """
    layers = spiking(plan) if spikes else {}
    counters = {f"counter{n}": _spikes(link) for n, link in enumerate(layers.values())}
    kept = [in_flight(schedule(plan)), *([LINE] if bus in _LINES else [])]
    places = [mapping.place(fabric, n, _ENTRY, rom=False, synchronous=False) for n in kept]
    memory = mapping.Mapped(
        0,
        sum(each.lut_ram for each in places),
        logic_bits=sum(each.logic_bits for each in places),
        muxed_bits=sum(each.muxed_bits for each in places),
    )
    logic = {
        "one": 1.0,
        "counters": len(layers),
        "word": plan.source.width,
        "logit": plan.sink.width,
        "stored": memory.muxed_bits,
    }
    registers = logic["word"] + logic["logit"] + memory.logic_bits
    return counters | {f"spikewright_{bus}": Features(f"bus_{bus}", logic, registers, memory)}


def predict(plan: Plan, bus: str, fabric: str, measured: Characterisation | None = None) -> Usage:
    """Return the resources of everything that comes with a bus.

    Raises
    ------
    SpikewrightError
        If the fabric was not measured.
    """
    costs = costs_of(fabric, measured)
    each = features(plan, bus, fabric).values()
    return sum((usage(one, costs) for one in each), Usage())


def top() -> Usage:
    """Return what the top of a board takes around a bus that goes to pins."""
    return Usage(lut=BLINK_BITS + WAIT_BITS, ff=BLINK_BITS + WAIT_BITS)


def around(plan: Plan, bus: str, fabric: str) -> Usage:
    """Return what a bus takes and, where it is a UART, the top of a board around it."""
    taken = predict(plan, bus, fabric)
    return taken + top() if bus == "uart" else taken


def _spikes(link: Link) -> Features:
    elements = link.steps * link.lanes
    bits, _, width = tree(elements, 1)
    logic = {"one": 1.0, "sum": bits, "any": link.width - elements}
    return Features("spikes", logic, 32 + width)
