"""Planted faults: each must be found by the unit check of its engine.

A fault is one exact replacement in one source file of :mod:`hw`. The check is a function of
:mod:`tests.hw.checks` or of a module beside it, with its arguments.
"""

from __future__ import annotations

from typing import Any

from ir.neuron import Neuron
from ir.types import IntType
from tests.hw.checks import BINARY
from tests.hw.fault import Fault
from tests.hw.tile_faults import TILE_FAULTS

NONE = Neuron("none", frac_bits=0, membrane_bits=3)
HALF = Neuron(frac_bits=0, membrane_bits=3)
SHIFT = Neuron("shift", leak_shift=1, reset="subtract", frac_bits=0, membrane_bits=24)
STALLED = "one_in_four/mostly_stalled"


def _neuron(name: str, old: str, new: str, unit: Neuron = HALF, **options: Any) -> Fault:
    return Fault(f"neuron: {name}", "neuron", old, new, "neuron", (unit,), options)


def _serial(name: str, old: str, new: str, grouped: bool = False) -> Fault:
    if grouped:
        return Fault(f"serial: {name}", "serial", old, new, "groups", (STALLED, True))
    return Fault(f"serial: {name}", "serial", old, new, "neuron", (HALF,), {"serial": True})


def _of(check: str, file: str) -> Any:
    def fault(name: str, old: str, new: str, *arguments: Any, **options: Any) -> Fault:
        return Fault(f"{check}: {name}", file, old, new, check, arguments, options)

    return fault


_pe = _of("products", "pe")
_synapse = _of("synapse", "synapse")
_window = _of("window", "window")
_attend = _of("attend", "attention")
_recall, _correlate = _of("recall", "recall"), _of("correlate", "correlate")
_popcount = _of("popcount", "popcount")
_mix, _align = _of("mix", "mix"), _of("align", "align")
_maximum = _of("maximum", "maximum")
_join = _of("join", "join")
_accumulate = _of("accumulate", "accumulate")
_classify = _of("classify", "classify")
_fork, _buffer = _of("fork", "stream"), _of("buffer", "buffer")
_split, _merge = _of("split", "stream"), _of("merge", "stream")
_table, _loader = _of("table", "table"), _of("table", "loader")
_adders, _accumulators = _of("adders", "adder"), _of("accumulators", "adder")
_constant = _of("constant", "constant")
ROWS = [[60, 3, 12], [7, 7, 7]]

FAULTS = [
    _pe(
        "shift PE: exponent one too large",
        ") << magnitude)[1:]",
        ") << magnitude)",
        "pot3",
        IntType(0, 3),
    ),
    _pe(
        "shift PE: zero is no zero",
        "_gate(activation, magnitude.any())",
        "activation",
        "pot3",
        IntType(0, 3),
    ),
    _pe("binary PE: weights of 0 and -1", "(tree(negative) << 1)", "tree(negative)", "binary", BINARY),
    _pe("binary PE: sum cut short", "IntType(-largest, largest)", "IntType(0, largest)", "binary", BINARY),
    _pe("shift PE: negation lacks its one", "+ negative", "+ 0", "pot2", IntType(-4, 3)),
    _pe(
        "shift PE: sign of the activation lost",
        "shifted.as_signed() if activation.shape().signed else",
        "",
        "pot3",
        IntType(-4, 3),
    ),
    _pe(
        "shift PE, spikes: sign dropped",
        "Mux(sign, -power, power)",
        "Mux(sign, power, power)",
        "pot3",
        BINARY,
    ),
    _pe(
        "shift PE, spikes: exponent off by one",
        "magnitude == exponent + 1",
        "magnitude == exponent",
        "pot3",
        BINARY,
    ),
    _pe(
        "shift PE, spikes: largest exponent missing",
        "range(scheme.max_exponent + 1)",
        "range(max(1, scheme.max_exponent))",
        "pot4",
        BINARY,
    ),
    _pe(
        "integer PE: code read as unsigned", "return code.as_signed()", "return code", "u3", BINARY
    ),
    _pe("integer PE: planes not shifted", ") << bit\n", ") << 0\n", "u3", IntType(0, 3)),
    _pe(
        "integer PE: sign plane added",
        "tree(sums[:-1]) - sums[-1]",
        "tree(sums)",
        "u3",
        IntType(-4, 3),
    ),
    _pe("integer PE: gate ignores the spike", "_gate(w, spike[0])", "w", "u4", BINARY),
    _pe(
        "integer PE: weights multiplied unsigned",
        "w * a for",
        "w.as_unsigned() * a for",
        "u4",
        IntType(0, 16),
    ),
    _synapse(
        "a complete sum is added to", "visit == 0, 0, added)", "visit == 1, 0, added)", "u3", BINARY
    ),
    _synapse(
        "adds while a complete sum waits",
        "pipeline.valid[1] & free",
        "pipeline.valid[1]",
        "u3",
        BINARY,
        stalls="flowing/mostly_stalled",
    ),
    _synapse(
        "completes one visit early",
        "visit == station.synapse_fold - 1",
        "visit == station.synapse_fold - 2",
        "u3",
        BINARY,
    ),
    _synapse(
        "lanes of the weights swapped",
        "codes[p * station.simd : (p + 1) * station.simd]",
        "codes[p * station.simd : (p + 1) * station.simd][::-1]",
        "u3",
        BINARY,
    ),
    _synapse(
        "weight address runs without words",
        "with m.If(self.i.valid & self.i.ready):",
        "with m.If(self.i.ready):",
        "u3",
        BINARY,
        stalls=STALLED,
    ),
    _synapse(
        "outputs swapped",
        "for k, total in enumerate(sums)",
        "for k, total in enumerate(sums[::-1])",
        "pot3",
        IntType(0, 2),
    ),
    _synapse(
        "slices: each with the next outputs' weights",
        "self._again(m, address)",
        "pass",
        "u3",
        BINARY,
        slices=3,
    ),
    _synapse(
        "slices: the first weight only once",
        "address.eq(address - (fold - 1))",
        "address.eq(address - (fold - 2))",
        "u3",
        BINARY,
        slices=3,
    ),
    _synapse(
        "slices: one too many",
        "time_slice != slices - 1",
        "1",
        "u3",
        BINARY,
        slices=3,
    ),
    _synapse(
        "slices: weights turn back after every word",
        "with m.If(word == fold - 1):",
        "with m.If(1):",
        "u3",
        BINARY,
        slices=3,
    ),
    _neuron(
        "fires on > instead of >=",
        "saturated >= threshold if neuron",
        "saturated > threshold if neuron",
    ),
    _neuron(
        "half rounds toward zero",
        "(v + i) >> 1)",
        "Mux(v + i < 0, -(-(v + i) >> 1), (v + i) >> 1))",
    ),
    _neuron(
        "leak rounds toward zero",
        "v - (v >> neuron.leak_shift) + i",
        "v - Mux(v < 0, -(-v >> neuron.leak_shift), v >> neuron.leak_shift) + i",
        SHIFT,
    ),
    _neuron(
        "saturates below its width",
        "Mux(bounded < membrane.low, membrane.low, bounded)",
        "Mux(bounded < membrane.low, membrane.low + 1, bounded)",
        NONE,
    ),
    _neuron(
        "upper bound not saturated",
        "if station.h.high > membrane.high:",
        "if station.h.high < membrane.high:",
        NONE,
    ),
    _neuron(
        "reset to the threshold",
        "saturated - Mux(spike, threshold, 0)",
        "saturated - threshold",
        SHIFT,
    ),
    _neuron("reset forgotten", "Mux(spike, 0, saturated)", "saturated"),
    _neuron(
        "bias forgotten",
        "neuron.frac_bits) + bias",
        "neuron.frac_bits)",
        HALF,
        biases=list(range(-4, 4)),
    ),
    _serial("membrane kept for the next word", "Mux(last, station.neuron.initial, after)", "after"),
    _serial("one step short", "final.eq(step == steps - 1)", "final.eq(step == steps - 2)"),
    _serial("spikes in reverse order", "Cat(spikes[1:], spike)", "Cat(spike, spikes[:-1])"),
    _serial("currents stand still", "moving = load & held", "moving = 0 & held"),
    _serial("bias forgotten", "neuron.frac_bits) + bias", "neuron.frac_bits)", True),
    _serial("parameters stand still", "advance(m, address, station.groups)", "pass", True),
    _serial("steps while a word waits", "free.eq(~complete | self.o.ready)", "free.eq(1)", True),
    _serial("next word late", "~held | (load & final)", "~held"),
    _neuron("steps in reverse order", "spikes[:t] | (spike << t)", "(spikes[:t] << 1) | spike"),
    Fault(
        "neuron: parameters stand still",
        "neuron",
        "advance(m, address, station.groups)",
        "advance(m, address, 1)",
        "groups",
    ),
    Fault(
        "neuron: parameters of lanes swapped",
        "neuron",
        "parameters.data[lane * field : (lane + 1) * field]",
        "parameters.data[(station.o.lanes - 1 - lane) * field :][:field]",
        "groups",
    ),
    _window(
        "writes into what is needed",
        "lead < station.capacity",
        "lead <= station.capacity",
        stalls="flowing/mostly_stalled",
    ),
    _window("begins a pixel late", "lead >= station.span + 1", "lead > station.span + 1"),
    _window("begins a pixel early", "lead >= station.span + 1", "lead >= station.span"),
    _window("padding not zero", "Mux(outside, fill, ring.read_data)", "ring.read_data"),
    Fault("window: padding on the right side only", "loops", "(at < padding) | ", "", "window"),
    _window("ring wraps one word late", "following >= words", "following > words"),
    _window(
        "rows and columns of taps swapped", "inner = [group, *taps]", "inner = [group, *taps[::-1]]"
    ),
    _window("a word counts as a pixel", "ring.write_enable & (group == station.groups - 1)", "ring.write_enable"),
    _window(
        "slices inside of channel groups",
        "group = Loop(groups // station.slices, address=station.slices)",
        "group = Loop(groups, address=1)",
        slices=3,
    ),
    _window(
        "slices outside of repeats",
        "inner += [Loop(station.slices, address=1), Loop(station.repeats)]",
        "inner += [Loop(station.repeats), Loop(station.slices, address=1)]",
        repeats=2,
        slices=3,
    ),
    _window(
        "the first slice for all",
        "Loop(station.slices, address=1)",
        "Loop(station.slices)",
        slices=3,
    ),
    _attend("token 0 adds to the last sample", "Mux(count.first, 0, word)", "word"),
    _attend("one bank for all samples", "self.bank.eq(~self.bank)", "self.bank.eq(self.bank)"),
    _attend(
        "chunks of v in reverse order",
        "_part(m, head, count.chunk, station",
        "_part(m, head, ~count.chunk, station",
    ),
    _attend(
        "the first rows of k for all",
        "k = self._rows(m, self.k.payload, count)",
        "k = self.k.payload",
    ),
    _attend(
        "heads share the rows of the first",
        "spikes[(g * size + d) * steps + t]",
        "spikes[d * steps + t]",
        3, 2, 3, 6, 3,
    ),
    _attend(
        "an output word with every row",
        "sums, station.rows)",
        "sums, 1)",
    ),
    _attend(
        "k or v",
        "* steps + t] & v[(g",
        "* steps + t] | v[(g",
    ),
    _attend(
        "applies while it counts",
        "self.q.valid & (waiting != 0) & pipeline",
        "self.q.valid & pipeline",
    ),
    _attend(
        "counts over what is applied",
        "self.v.valid & (waiting != 2)",
        "self.v.valid",
        stalls="flowing/mostly_stalled",
    ),
    _attend(
        "the waiting count takes the address",
        "Mux((waiting != 0) & (apply.bank == bank), apply.next, count.next)",
        "Mux(count.bank == bank, count.next, apply.next)",
        stalls="flowing/mostly_stalled",
    ),
    _attend("a word is read in its own visit", "apply.next, count.next", "apply.address, count.address"),
    _attend(
        "the only word is read before it is written",
        "if station.depth == 1:",
        "if False:",
        3, 2, 3, 6, 3,
    ),
    _align("left shifted by the right's count", "(left << by[0])", "(left << by[1])"),
    _align("shifts of lanes swapped", "enumerate(zip(*words", "enumerate(zip(*(w[::-1] for w in words)"),
    _align("difference", ") + (right << by[1])", ") - (right << by[1])"),
    _align(
        "shifts stand still",
        "advance(m, address, station.groups)",
        "advance(m, address, 1)",
    ),
    _align(
        "right taken alone",
        "pipeline.enable[0] & a.valid",
        "pipeline.enable[0]",
        stalls="mostly_stalled/flowing",
    ),
    _window(
        "padding wins over negative values",
        "Mux(outside, fill, ring.read_data)",
        "Mux(outside, 0, ring.read_data)",
        type=IntType(-6, 5),
        fill=-6,
    ),
    _maximum(
        "compares without signs",
        "with m.If(new > old):",
        "with m.If(new.as_unsigned() > old.as_unsigned()):",
        IntType(-5, 6),
    ),
    _recall("one bank for all samples", "Loop(2, address", "Loop(1, address"),
    _recall("keys beside each other swapped", "Cat(words)", "Cat(words[::-1])"),
    _recall("reads while it fills", "issue.eq(enable & (waiting != 0))", "issue.eq(enable)"),
    _recall(
        "writes over what is read",
        "self.i.ready.eq(waiting != 2)",
        "self.i.ready.eq(1)",
        stalls="flowing/mostly_stalled",
    ),
    _recall("every token a row of its own", "target.eq(base)", "target.eq(target + 1)"),
    _recall("one query too few", "Loop(station.tokens)", "Loop(station.tokens - 1)"),
    _correlate("q alone", "matches(m, pairs)", "matches(m, [(a, a) for a, _ in pairs])"),
    _correlate(
        "keys swapped",
        "k[key * pe + lane]",
        "k[(station.keys - 1 - key) * pe + lane]",
    ),
    _correlate(
        "k taken alone",
        "pipeline.enable[0] & self.q.valid",
        "pipeline.enable[0]",
        stalls="mostly_stalled/flowing",
    ),
    _correlate("every word completes", "station.chunks)\n", "1)\n"),
    _popcount("carry of three lost", "(a & b) | (a & c) | (b & c)", "(a & b) | (a & c)"),
    _popcount("carry of the low bits lost", "carry.eq(low[0] & high[0])", "carry.eq(0)"),
    _popcount("two rows alone", "rows[0] + rows[1]", "rows[0] | rows[1]", 20, "counters3"),
    _popcount("odd lane lost", "numbers + bits[len(bits) - len(bits) % 2 :]", "numbers", 7, "pairs"),
    _mix("never starts again", "Mux(visit == 0, 0, read", "Mux(0, 0, read"),
    _mix("all chunks in one sum", "read.addr.eq(chunk)", "read.addr.eq(0)"),
    _mix("the first key alone", "entries[lane // size * station.keys + key]",
         "entries[lane // size * station.keys]"),
    _mix("a waiting sum is lost", "~last | ~full | self.o.ready", "1",
         stalls="flowing/mostly_stalled"),
    _mix("ends one visit early", "visit == station.visits - 1", "visit == station.visits - 2"),
    Fault(
        "accumulators: adds while a complete sum waits",
        "stream",
        "pipeline.valid[-1] & free",
        "pipeline.valid[-1]",
        "correlate",
        options={"stalls": "flowing/mostly_stalled"},
    ),
    Fault(
        "accumulators: a complete sum is added to",
        "stream",
        "visit == 0, 0, added)",
        "visit == 1, 0, added)",
        "correlate",
    ),
    _maximum("smallest of all", "with m.If(new > old):", "with m.If(new < old):", IntType(0, 6)),
    _maximum("never starts again", "with m.If(tap == 0):", "with m.If(0):", BINARY, 4),
    _maximum("ends one tap early", "tap == station.taps - 1", "tap == station.taps - 2"),
    _maximum("takes while it waits", "~full | self.o.ready", "1", stalls=STALLED),
    _maximum(
        "lanes swapped",
        "self.o.payload.eq(largest)",
        "self.o.payload.eq(largest.rotate_left(len(largest) // 2))",
    ),
    _join(
        "right taken alone",
        "b.ready.eq(enable & a.valid)",
        "b.ready.eq(enable)",
        stalls="mostly_stalled/flowing",
    ),
    _join("difference", "t.eq(x + y)", "t.eq(x - y)"),
    _join("waits never", "enable.eq(~full | o.ready)", "enable.eq(1)", stalls=STALLED),
    _join(
        "lanes swapped",
        "elements(b.payload, self.station.inputs[1])",
        "elements(b.payload, self.station.inputs[1])[::-1]",
    ),
    _accumulate("sum never starts again", "Mux(position == 0, 0, read.data)", "read.data"),
    _accumulate(
        "a waiting sum is lost",
        "~last | ~full | self.o.ready",
        "1",
        stalls="flowing/mostly_stalled",
    ),
    _accumulate("last position forgotten", "self.o.payload.eq(new)", "self.o.payload.eq(old)"),
    _accumulate("channels swapped", "zip(held, steps, strict", "zip(held, steps[::-1], strict"),
    _classify("a later equal logit wins", "logit > largest", "logit >= largest"),
    _classify("the largest is never forgotten", "(index == 0) | ", ""),
    _classify("bias read as unsigned", "biases.data.as_signed()", "biases.data"),
    _classify("last one early", "index == station.classes - 1", "index == station.classes - 2"),
    _fork("forgets who has taken", "i.valid & ~done[k]", "i.valid", stalls="flowing/bursts"),
    _fork(
        "takes with the last branch only",
        "i.ready.eq(_all(taken))",
        "i.ready.eq(taken[2])",
        stalls=STALLED,
    ),
    _fork("done bits stay", "each & ~i.ready", "each", stalls=STALLED),
    _split(
        "highest lanes first", "self.o.payload.eq(word[:width])", "self.o.payload.eq(word[-width:])"
    ),
    _split("one part too few", "part == ratio - 1) & self.o", "part == ratio - 2) & self.o"),
    _split(
        "word lost while the last part waits",
        "& self.o.ready)),\n        ]\n        with m.If(full",
        ")),\n        ]\n        with m.If(full",
        stalls=STALLED,
    ),
    _merge(
        "first word highest",
        "(word >> width) | (self.i.payload << (ratio - 1) * width)",
        "(word << width) | self.i.payload",
    ),
    _merge(
        "complete one part early",
        "self.i.valid & (part == ratio - 1)",
        "self.i.valid & (part == ratio - 2)",
    ),
    _merge(
        "counts parts that are not there",
        "            with m.If(self.i.valid):\n                advance(m, part, ratio)",
        "            with m.If(1):\n                advance(m, part, ratio)",
        stalls=STALLED,
    ),
    _join("or instead of sum", "t.eq(x + y)", "t.eq(x | y)"),
    Fault(
        "pipeline: loads over a waiting word",
        "stream",
        "Value.cast(ready) | ~self.valid[stage:].all()",
        "Value.cast(1)",
        "groups",
        (STALLED,),
    ),
    Fault(
        "pipeline: bubbles never close",
        "stream",
        "Value.cast(ready) | ~self.valid[stage:].all()",
        "Value.cast(ready)",
        "groups",
        ("mostly_stalled/bursts",),
    ),
    Fault(
        "elements: lanes in reverse order",
        "stream",
        "low = lane * link.steps * width",
        "low = (link.lanes - 1 - lane) * link.steps * width",
        "synapse",
        ("u3", BINARY),
    ),
    _buffer(
        "one word deeper",
        "depth=self.station.depth\n",
        "depth=self.station.depth + 1\n",
        stalls="flowing/mostly_stalled",
    ),
    _buffer(
        "one word shallower",
        "depth=self.station.depth\n",
        "depth=self.station.depth - 1\n",
        stalls="flowing/mostly_stalled",
    ),
    _buffer("a wire", "if not self.station.depth:", "if self.station.depth:"),
    _buffer("the ring takes one word more", "self.i.ready.eq(held != depth)", "self.i.ready.eq(1)",
            8, "flowing/mostly_stalled", 1100),
    _buffer("the ring gives what it gave", "advance(m, ring.read_address, depth)", "pass", 8, "flowing/flowing", 1100),
    _buffer("the output register waits", "with m.If(~full | self.o.ready):", "with m.If(~full):",
            8, "flowing/flowing", 1100),
    Fault("memory: always enabled", "memory", "read.en.eq(self.enable)", "read.en.eq(1)", "memory"),
    Fault(
        "memory: words in reverse order",
        "memory",
        "init=self.words",
        "init=self.words[::-1]",
        "memory",
    ),
    Fault(
        "memory: address of one bit less",
        "memory",
        "read.addr.eq(self.address)",
        "read.addr.eq(self.address[:-1])",
        "memory",
    ),
    *TILE_FAULTS,
    _table("loads the bank that is read", "target.eq(~self.bank)", "target.eq(self.bank)", "u3"),
    _table("both banks at once", "held.eq(0)", "held.eq(read.data)", "u3"),
    _table(
        "tables do not wait", "with m.If(self.enable):", "with m.If(1):", "u3", 1, 3, fabric="ecp5"
    ),
    _table(
        "one loader for all",
        "divmod(g * tables.pe + p, tables.loaders)",
        "((g * tables.pe + p) // tables.loaders, 0)",
        "u3",
    ),
    _table(
        "joint banks swapped",
        "Cat(address, self.bank)",
        "Cat(address, ~self.bank)",
        "u3",
        fabric="xc7",
    ),
    _loader("adds where it subtracts", "~((step[0] ^ ", "((step[0] ^ ", "u3"),
    _loader("the last weight stays", "last + 1 >> 1", "1", "u3"),
    _loader("entries not above the lowest", "entry.eq(-tables.lowest)", "entry.eq(0)", "u3"),
    _loader("asks for a word too many", "fetch & (step[0] == 0)", "step[0] == 0", "u3"),
    _loader("starts again while loading", "self.load & ~self.loading", "self.load", "u3"),
    _loader("takes a word a cycle late", "step[1] == 0", "step[1] == 1", "u3"),
    _loader("exponent off by one", "magnitude == exponent + 1", "magnitude == exponent", "pot3"),
    _loader("negation lacks its one", "carry.eq(negative)", "carry.eq(0)", "pot3"),
    _loader("binary weights all 1", "return Const(1, 2), code", "return Const(1, 2), Const(0, 1)", "binary"),
    _adders(
        "carry of the highest bit lost",
        "width = max(1, sum(number.high for number in job).bit_length())",
        "width = max(number.width for number in job)",
        ROWS,
        "ecp5",
    ),
    _adders(
        "one alternative only", "total.eq((a | b) + (c | d))", "total.eq((a | b) + c)", ROWS, "ecp5"
    ),
    _adders("two of three", "total.eq(a + b + c)", "total.eq(a + b)", ROWS, "xc7"),
    _adders(
        "sums shifted in their chain",
        "found[k] = total[low : low + positions]",
        "found[k] = total[low + 1 : low + positions]",
        ROWS,
        "ecp5",
    ),
    _adders("registers do not wait", "with m.If(enable):", "with m.If(1):", ROWS, "plain"),
    _accumulators(
        "carry forgotten", "Cat(carry, value), Cat(carry, term)", "Cat(carry, value), term", "plain"
    ),
    _constant("offset of one table only", "entries.min(2).sum(1)", "entries.min(2).max(1)", "u3"),
    _constant("tables do not wait", "with m.If(self.enable):", "with m.If(1):", "u3", 3, 3),
    _constant(
        "lanes in reverse order",
        "_lookup(entries[: 1 << len(lanes)], lanes, len(entry))",
        "_lookup(entries[: 1 << len(lanes)], lanes[::-1], len(entry))",
        "u3",
    ),
]
