"""Planted faults of the engines of weight-stationary layers."""

from __future__ import annotations

from typing import Any

from ir.neuron import Neuron
from ir.types import IntType
from tests.hw.fault import Fault

STALLED = "one_in_four/mostly_stalled"
UNIT = Neuron(frac_bits=1, membrane_bits=5, initial=1)


def _of(check: str, file: str | None = None) -> Any:
    def fault(name: str, old: str, new: str, *arguments: Any, **options: Any) -> Fault:
        return Fault(f"{check}: {name}", file or check, old, new, check, arguments, options)

    return fault


_corner, _reorder, _turn = _of("corner"), _of("reorder"), _of("turn", "reorder")
_align = _of("align")
_tile, _stepwise, _steps = _of("tile"), _of("stepwise"), _of("steps", "stream")

TILE_FAULTS = [
    _corner("slots ignored", "(self.write_slot if self.ratio > 1 else 0)", "0"),
    _corner("reads without enable", "read.en.eq(self.read_enable)", "read.en.eq(1)"),
    _corner("words in reverse", "write.addr.eq(self.write_address)", "write.addr.eq(~self.write_address)"),
    _reorder("writes into the bank that is read", "waiting != 2", "1", stalls="flowing/bursts"),
    _reorder("reads before the sample is there", "(waiting != 0)", "1"),
    _reorder("padding not zero", "Mux(outside, 0, corner.read_data)", "corner.read_data"),
    _reorder("slot before step", "[part, step, place, slot,", "[part, slot, step, place,"),
    _reorder("taps of rows and columns swapped", "Loop(station.kernel, address=time, column=1),\n        Loop(station.kernel, address=width * time, row=1),", "Loop(station.kernel, address=width * time, row=1),\n        Loop(station.kernel, address=time, column=1),"),
    _reorder("parts share a group", "part = Loop(station.parts, address=positions * time)", "part = Loop(station.parts, address=0)", lanes=(2, 2), groups=6, parts=3),
    _turn("order not changed", "if not station.tiled:", "if station.tiled:"),
    _turn("loses a word when stalled", "issue.eq((waiting != 0) & (~full | self.o.ready))", "issue.eq(waiting != 0)", stalls="flowing/one_in_four"),
    _tile("first pass reads the empty bank", "leaves | (done & first)", "leaves"),
    _tile("begins before the tables are there", "else (ready != 0)", "else (taken != 0)"),
    _tile("a bank is free too early", "frees.eq(0 if station.resident else leaves)", "frees.eq(0 if station.resident else done)"),
    _tile("buffer overflows", "(room | ~completes)", "1", visits=40, folds=(1, 1), stalls="flowing/bursts"),
    _tile("partial sums of the group before", "Mux(first, start,", "Mux(0, start,"),
    _tile("partial sums read too early", "idle.eq(station.gap)", "idle.eq(0)", visits=1, folds=(1, 2)),
    _tile("planes not shifted", "(total << 1) + value", "total + value", "u4", IntType(0, 3)),
    _tile("sign plane added", "if not self.station.i.type.signed:", "if True:", "u4", IntType(-2, 1)),
    _tile("lowest plane first", "value.as_unsigned()[::-1]", "value.as_unsigned()", "u4", IntType(0, 5)),
    _tile("offset of one pass only", "planes * station.synapse_fold %", "planes %"),
    _stepwise("membrane lives on", "Mux(step_out == 0, station.neuron.initial, membrane)", "membrane", UNIT),
    _stepwise("parameters change with every word", "with m.If(position == station.positions - 1):", "if True:", UNIT),
    _stepwise("parameters in the other order", 'if station.i.order == "PCT":', 'if station.i.order != "PCT":', UNIT),
    _stepwise("static word taken at once", "(last_step if station.repeats > 1 else 1)", "1", UNIT, static=True),
    _stepwise("a step without a word", "with m.If(pipeline.enable[2] & pipeline.valid[1]):\n            advance", "with m.If(pipeline.enable[2]):\n            advance", UNIT, stalls=STALLED),
    _align("tiled: parameters change with every word", "with m.If(word_of_run == station.run - 1):", "if True:", order="CPT"),
    _align("slices: parameters stand still", "advance(m, word_of_run, station.run)", "advance(m, word_of_run, 1)", order="slices"),
    _steps("cut by lanes", "if whole.steps == part.steps:", "if True:"),
    _steps("lanes and steps swapped", "for start in runs for lane in found", "for lane in found for start in runs"),
    _steps("steps in reverse", "runs = range(0, whole.steps, part.steps)", "runs = range(whole.steps - part.steps, -1, -part.steps)"),
]  # fmt: skip
"""Each is found by the check of its engine in :mod:`tests.hw.tiles`."""
