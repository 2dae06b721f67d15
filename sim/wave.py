"""A waveform of one sample: every wire of the design, and a view that names layers and tokens."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hw.top import identifier
from ir.errors import SpikewrightError
from ir.network import Network
from ir.plan import Plan
from sim.check import Golden
from sim.compare import read
from sim.cosimulate import LIMIT, LINGER, cosimulate
from sim.shard import Shard, Stalls
from sim.stimulus import pack
from sim.testbench import TOP, Bench, generate
from sim.verilator import FST, build, tracing
from sim.view import Scope, block, save_views

MARGIN = 16
"""Cycles shown before the sample enters and after its answer has left."""


class _Traced(Shard):
    """A run that leaves a waveform in its folder."""

    def __init__(self, *given: Any, window: tuple[int, int]) -> None:
        super().__init__(*given)
        self.options = (f"+wave_from={window[0]}", f"+wave_to={window[1]}")


def wave(
    verilog_dir: Path,
    plan: Plan,
    network: Network,
    images: np.ndarray,
    out: Path,
    build_dir: Path,
    *,
    sample: int | None = None,
    stalls: Stalls | None = None,
    golden_model: Golden | None = None,
    checksums: bool = True,
) -> dict[str, Any]:
    """Write ``OUT/wave.fst`` and how to look at it, ``OUT/wave.gtkw`` and ``OUT/wave.sucl``.

    Without the headers of LZ4, which Verilator's FST needs, it is ``wave.vcd``.

    The samples run twice: once to find what differs and when, once more to be traced from
    :data:`MARGIN` cycles before the sample's first word to as many after its last answer.

    Parameters
    ----------
    verilog_dir, plan, network
        As :func:`sim.cosimulate.cosimulate` takes them.
    images : integers (count, channels, height, width), or (count, T, ...) where they move
    out, build_dir : Path
    sample : int, optional
        Index among ``images``; without it the first that differs from the golden model, or the
        first of all where none does.
    stalls : Stalls, optional
    golden_model : callable, optional
    checksums : bool
        False lets damaged images run.

    Returns
    -------
    dict
        ``sample``, its first and last cycle ``begin`` and ``end``, ``mismatches`` of all samples
        with the ``first_difference``, and the files ``wave``, ``gtkwave`` and ``surfer``.

    Raises
    ------
    SpikewrightError
        If there is no such sample, or the run fails.
    """
    if sample is not None and not 0 <= sample < len(images):
        raise SpikewrightError(f"Sample is {sample}; allowed are 0..{len(images) - 1}.")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".wave-", dir=out) as scratch:
        folder = Path(scratch)
        found = cosimulate(
            verilog_dir,
            plan,
            network,
            images,
            build_dir=build_dir,
            run_dir=folder,
            shards=1,
            stalls=stalls,
            golden_model=golden_model,
            checksums=checksums,
        )
        chosen = next(each for each in (sample, found.first_sample, 0) if each is not None)
        sources = {path.name: path.read_text() for path in sorted(verilog_dir.glob("*.v"))}
        bench = generate(sources[f"{TOP}.v"], plan.sink.words)
        begin, end = _window(folder / "shard0", bench, plan, chosen)
        scopes = [
            Scope(identifier(layer), link, network.edges[layer].positions)
            for layer, link in plan.probes.items()
        ]
        named = replace(bench, text=_with(bench.text, block(scopes)))
        kind = tracing()
        file = "wave.fst" if kind is FST else "wave.vcd"
        built = build(sources | named.sources, "bench", build_dir, kind)
        part = images[: chosen + 2]  # the next sample meets the end of this one
        shard = _Traced(
            built,
            named,
            folder / "traced",
            verilog_dir,
            pack(part, plan.source),
            len(part),
            stalls,
            LIMIT + end,
            0,
            LINGER,
            window=(max(0, begin - MARGIN), end + MARGIN),
        )
        shard.start()
        assert shard.process is not None
        shard.process.wait()
        shard.outcome({})
        files = {"wave": folder / "traced" / file, **save_views(folder, file, scopes)}
        for path in files.values():
            os.replace(path, out / path.name)
    return {
        "sample": chosen,
        "begin": begin,
        "end": end,
        "mismatches": found.mismatches,
        "first_difference": found.first_difference,
        **{noun: str(out / path.name) for noun, path in files.items()},
    }


def _window(folder: Path, bench: Bench, plan: Plan, sample: int) -> tuple[int, int]:
    """Return the cycles of a sample's first input word and last answer."""
    entered = read(folder, bench.streams["i"]).cycle[sample * plan.source.words]
    left = read(folder, bench.streams["o"]).cycle[(sample + 1) * plan.sink.words - 1]
    return int(entered), int(left)


def _with(text: str, more: str) -> str:
    """Return a bench with more before its end."""
    body, end, rest = text.rpartition("endmodule")
    return f"{body}{more}{end}{rest}"
