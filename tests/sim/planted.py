"""Planted faults that random networks must show: one wrong line each, in any of the houses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """One wrong line.

    Parameters
    ----------
    where : str
        What it damages: ``rtl``, ``packer``, ``golden`` or ``schedule``.
    name, file : str
    old, new : str
        Source text that occurs exactly once, and what replaces it.
    """

    where: str
    name: str
    file: str
    old: str
    new: str


PLANTED = [
    Planted(
        "rtl",
        "neuron fires on > instead of >=",
        "hw/neuron.py",
        "saturated >= threshold if neuron",
        "saturated > threshold if neuron",
    ),
    Planted(
        "rtl",
        "neuron saturates below its width",
        "hw/neuron.py",
        "Mux(bounded < membrane.low, membrane.low, bounded)",
        "Mux(bounded < membrane.low, membrane.low + 1, bounded)",
    ),
    Planted(
        "rtl",
        "neuron that takes steps in turn keeps its membrane",
        "hw/serial.py",
        "Mux(last, station.neuron.initial, after)",
        "after",
    ),
    Planted(
        "rtl",
        "shift PE off by one exponent",
        "hw/pe.py",
        "magnitude == exponent + 1",
        "magnitude == exponent",
    ),
    Planted(
        "rtl",
        "integer PE takes a code as unsigned",
        "hw/pe.py",
        "return code.as_signed()",
        "return code",
    ),
    Planted("rtl", "padding on the right side only", "hw/loops.py", "(at < padding) | ", ""),
    Planted(
        "rtl",
        "heads of attention share the rows of the first",
        "hw/attention.py",
        "spikes[(g * size + d) * steps + t]",
        "spikes[d * steps + t]",
    ),
    Planted(
        "rtl",
        "pipeline loads over a word that waits",
        "hw/stream.py",
        "Value.cast(ready) | ~self.valid[stage:].all()",
        "Value.cast(1)",
    ),
    Planted(
        "rtl",
        "bubbles of a pipeline never close",
        "hw/stream.py",
        "Value.cast(ready) | ~self.valid[stage:].all()",
        "Value.cast(ready)",
    ),
    Planted(
        "rtl",
        "buffer one word shallower",
        "hw/buffer.py",
        "depth=self.station.depth\n",
        "depth=self.station.depth - 1\n",
    ),
    Planted(
        "rtl", "a later equal logit wins", "hw/classify.py", "logit > largest", "logit >= largest"
    ),
    Planted(
        "rtl",
        "loader's negation lacks its one",
        "hw/loader.py",
        "carry.eq(negative)",
        "carry.eq(0)",
    ),
    Planted(
        "rtl", "shifts of branches swapped", "hw/align.py", "(left << by[0])", "(left << by[1])"
    ),
    Planted(
        "rtl",
        "maximum compares without signs",
        "hw/maximum.py",
        "with m.If(new > old):",
        "with m.If(new.as_unsigned() > old.as_unsigned()):",
    ),
    Planted(
        "packer",
        "taps of a kernel in another order",
        "ir/image.py",
        "folded = folded.transpose(0, 4, 2, 1, 3)",
        "folded = folded[..., ::-1].transpose(0, 4, 2, 1, 3)",
    ),
    Planted(
        "packer",
        "sign of a packed value lost",
        "ir/image.py",
        "word |= (int(value) & ((1 << field.width) - 1)) << shift",
        "word |= abs(int(value)) << shift",
    ),
    Planted(
        "packer",
        "pixels column by column",
        "sim/stimulus.py",
        "frames.transpose(0, 3, 4, 2, 1)",
        "frames.transpose(0, 4, 3, 2, 1)",
    ),
    Planted(
        "golden",
        "padding wins over negative currents",
        "ir/golden.py",
        "lowest = int(np.iinfo(np.int64).min)",
        "lowest = 0",
    ),
    Planted(
        "golden",
        "membrane wraps instead of saturating",
        "ir/neuron.py",
        "return np.clip(x, low, high)",
        "return (x - low) % (high - low + 1) + low",
    ),
    Planted(
        "schedule",
        "the first part of a split a cycle late",
        "ir/timing.py",
        "offered[::ratio] = entered + 1",
        "offered[::ratio] = entered + 2",
    ),
    Planted(
        "schedule",
        "a sum a cycle early",
        "ir/timing.py",
        "return [entered], [added[fold - 1 :: fold] + 1]",
        "return [entered], [added[fold - 1 :: fold]]",
    ),
]
