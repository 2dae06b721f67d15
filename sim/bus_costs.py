"""What buses cost: measured around random networks, for the cost model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from amaranth.hdl import Value
from amaranth.lib import wiring

from hw.emit import network_digest, verilog
from hw.spikes import Spikes
from hw.top import ports
from hw.wrap import Wrapper
from ir.image import images
from ir.occupancy import settle
from ir.plan import Plan
from ir.planner import build
from ir.registers import spiking
from ir.wrapping import features
from sim import samples
from sim.characterise import NETWORKS, Measured, fit
from sim.fabrics import fabric
from sim.resources import Progress, parts
from sim.testbench import TOP
from sim.yosys import Design, cut

MEASURED = ("uart", "axi")
"""Buses that boards have."""


def measure(
    seed: int, name: str, build_dir: Path, *, buses: Sequence[str] = MEASURED, jobs: int = 2
) -> list[Measured]:
    """Return what comes with each bus around the sample network of a seed, on a fabric.

    All samples have as many layers; so spikes are counted with every other one only.
    """
    mapped = fabric(name)
    network, hardware = samples.sample(seed, name)
    plan, spikes = settle(build(network, hardware)), seed % 2 == 0
    contents, digest = images(network, plan), network_digest(network)
    found = []
    for bus in buses:
        wrapper = Wrapper(bus, mapped.clock_hz, spikes=spikes)
        files, _ = wrapper.wrap(plan, contents, digest)
        modules = {TOP: _ports(plan, spikes)} | cut(files[f"{wrapper.top}.v"])
        expected = features(plan, bus, name, spikes=spikes)
        for n, link in enumerate(spiking(plan).values() if bus == buses[0] and spikes else ()):
            modules |= cut(verilog(Spikes(link), f"counter{n}"))
        expected = {key: seen for key, seen in expected.items() if key in modules}
        counted = parts(
            Design(build_dir, modules),
            list(expected),
            mapped,
            build_dir=build_dir,
            jobs=jobs,
            hollow={wrapper.top: [TOP]},
        )
        found += [Measured(seen, counted[key].usage) for key, seen in expected.items()]
    return found


def _ports(plan: Plan, spikes: bool) -> str:
    """Return the Verilog of an accelerator's ports, for a black box."""
    listed = ["input clk", "input rst"]
    signature = wiring.Signature(ports(plan, spikes=spikes))
    for path, member, value in signature.flatten(signature.create()):
        direction = "input" if member.flow == wiring.In else "output"
        width = len(Value.cast(value))
        listed.append(f"{direction} [{width - 1}:0] {'__'.join(map(str, path))}")
    return f"module {TOP}({', '.join(listed)});\nendmodule\n"


def add(
    content: Mapping[str, Any],
    build_dir: Path,
    *,
    command: str = "",
    networks: int = NETWORKS,
    jobs: int = 2,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the content of a data file with the models of buses measured, the rest as it was.

    Parameters
    ----------
    content : mapping
        As :func:`sim.characterise.characterise` returns it.
    build_dir : Path
        Cache; an interrupted run goes on where it was.
    command : str
        Recorded after the file's own, if there is one.
    networks : int
        Random networks to measure around.
    jobs, progress
        As for :func:`sim.resources.count`, and stage ``buses FABRIC``.
    """
    tell = progress or (lambda stage, done, total: None)
    fabrics = {}
    for name, costs in content["fabrics"].items():
        measured = []
        for seed in range(networks):
            tell(f"buses {name}", seed, networks)
            measured += measure(seed, name, build_dir, jobs=jobs)
        tell(f"buses {name}", networks, networks)
        models = fit(measured, fabric(name)).models
        kept = dict(costs["models"]) | {model: asdict(models[model]) for model in models}
        fabrics[name] = {**costs, "models": kept}
    own = content["command"].partition("; ")[0]
    return {**content, "command": "; ".join(filter(None, [own, command])), "fabrics": fabrics}
