"""Lanes, cycles and LUTs (ECP5) of the digits network whose words carry 4, 2 or 1 time steps.

python benchmarks/steps.py [--json]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from hw.emit import emit
from ir.fold import Hardware
from ir.occupancy import settle
from ir.planner import build
from ir.schedule import schedule
from sim.resources import count
from sim.shapes import SHAPES
from spikewright.screen import print_rows

BUDGETS = (64, 256, 1024)


def measure(lanes: int, steps: int, scratch: Path) -> dict[str, object]:
    """Return one row of the table."""
    network = SHAPES["digits"]()
    plan = settle(build(network, Hardware(lanes, steps)))
    folder, predicted = scratch / f"{lanes}-{steps}", schedule(plan)
    emit(network, plan, folder)
    usage = count(folder, build_dir=scratch / "counted", jobs=1).total
    return {
        "budget": lanes,
        "steps": steps,
        "lanes": plan.lanes,
        "interval": predicted.interval,
        "latency": predicted.latency,
        "memory_bits": sum(plan.memory_bits.values()),
        "luts": usage.lut,
        "flip_flops": usage.ff,
        "block_ram": usage.block_ram,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as scratch:
        rows = [measure(lanes, steps, Path(scratch)) for lanes in BUDGETS for steps in (4, 2, 1)]
    print_rows({"rows": rows}, as_json)


if __name__ == "__main__":
    main()
