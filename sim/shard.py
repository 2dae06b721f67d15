"""One run of a compiled bench over a slice of the samples."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ir.errors import SpikewrightError
from ir.plan import Link
from sim.hang import stuck
from sim.testbench import PATTERN_BITS, Bench, Stream
from sim.verilator import Build, LeanVerilator


@dataclass(frozen=True)
class Stalls:
    """Random pauses of source and sink.

    Parameters
    ----------
    gaps, stalls : float
        Fraction of cycles, 0 to 0.95, in which the source offers nothing and the sink is not ready.
    seed : int

    Raises
    ------
    SpikewrightError
        If a fraction is outside its range.
    """

    gaps: float = 0.5
    stalls: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for noun in ("gaps", "stalls"):
            value = getattr(self, noun)
            if not 0 <= value <= 0.95:
                raise SpikewrightError(f"Stalls have {noun} {value}; allowed are 0 to 0.95.")

    def patterns(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the flow bits of source and sink, bool (PATTERN_BITS,); 1 lets a word through."""
        rng = np.random.default_rng(self.seed)
        draw = rng.random((2, PATTERN_BITS))
        return draw[0] >= self.gaps, draw[1] >= self.stalls


@dataclass(frozen=True)
class Outcome:
    """What a finished shard reports.

    Parameters
    ----------
    folder : Path
        Holds the records of every stream.
    samples : int
    counters : dict of str to int
        Counters of the top.
    cycles : int
        Cycles from the first input transfer to the end.
    gaps, stalls : int
        Cycles in which the design waited for the source, and for the sink.
    """

    folder: Path
    samples: int
    counters: dict[str, int]
    cycles: int
    gaps: int
    stalls: int


class Shard:
    """A simulator process; :meth:`start`, poll :attr:`finished`, then :meth:`outcome`.

    Parameters
    ----------
    build : Build
    bench : Bench
    folder : Path
        Made empty; receives records and logs.
    images : Path
        Folder in which ``$readmemh`` looks for memory images: the emitted directory.
    words : list of int
        Input words, samples back to back.
    samples : int
    stalls : Stalls or None
    limit : int
        Cycles without any transfer after which the design counts as hung.
    most : int
        Cycles in all after which it does as well; 0 for any number.
    tail : int
        Cycles after the last answer, in which words may move that no answer needs.
    cocotb : str or None
        Python module of the cocotb test that drives clock and reset; the loop in C++ without it.
    """

    def __init__(
        self,
        build: Build,
        bench: Bench,
        folder: Path,
        images: Path,
        words: np.ndarray,
        samples: int,
        stalls: Stalls | None,
        limit: int,
        most: int,
        tail: int,
        cocotb: str | None = None,
    ) -> None:
        self.bench, self.build, self.cocotb = bench, build, cocotb
        self.folder, self.images = folder.resolve(), images.resolve()
        self.samples, self.limit, self.most, self.tail = samples, limit, most, tail
        self.log = self.folder / "simulation.log"
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.iterdir():
            old.unlink()
        (self.folder / "stimulus.bin").write_bytes(words.tobytes())
        self.words = len(words)
        ones = np.ones(PATTERN_BITS, dtype=bool)
        for name, bits in zip(
            ("flow_i", "flow_o"), stalls.patterns() if stalls else (ones, ones), strict=True
        ):
            text = "".join(f"{int(bit)}\n" for bit in bits)
            (self.folder / f"{name}.mem").write_text(text)
        self.process: subprocess.Popen[bytes] | None = None

    options: tuple[str, ...] = ()
    """More arguments of the simulator."""

    def start(self) -> None:
        """Start the simulator."""
        command = [
            str(self.build.binary.resolve()),
            f"+folder={self.folder}",
            f"+words={self.words}",
            f"+samples={self.samples}",
            f"+limit={self.limit}",
            f"+most={self.most}",
            f"+tail={self.tail}",
            *self.options,
        ]
        environment = None
        if self.cocotb is not None:
            command.append("+cocotb")
            environment = LeanVerilator().test_environment(self.build.top, self.cocotb)
            environment |= {
                "COCOTB_RESULTS_FILE": str(self.folder / "results.xml"),
                "COCOTB_ANSI_OUTPUT": "0",
            }
        with self.log.open("wb") as stream:
            self.process = subprocess.Popen(
                command,
                cwd=self.images,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    @property
    def running(self) -> bool:
        """Whether the simulator still runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def finished(self) -> int:
        """Samples finished so far."""
        try:
            return int((self.folder / "progress").read_text() or 0)
        except (OSError, ValueError):
            return 0

    def stop(self) -> None:
        """End the simulator if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def outcome(self, streams: Mapping[str, tuple[Stream, Link]]) -> Outcome:
        """Return what the finished simulator reports.

        Parameters
        ----------
        streams : mapping of layer name to (Stream, Link)
            The monitored layers, in the order of data.

        Raises
        ------
        SpikewrightError
            If it failed, or if the design hung.
        """
        try:
            report = json.loads((self.folder / "bench.json").read_text())
            values = dict(report["values"])
            finished, hung, last = (values.pop(n) for n in ("finished", "hung", "last_move"))
            cycles, gaps, stalls = (values.pop(name) for name in ("cycle", "gaps", "stalls"))
        except (OSError, ValueError, KeyError) as error:
            raise self._failed() from error
        if hung:
            silent = f"no transfer for {self.limit} cycles after cycle {last}"
            raise SpikewrightError(
                f"The accelerator hung: {silent if cycles != self.most else 'no end'}, "
                f"with {finished} of {self.samples} samples finished. "
                f"{stuck(report['waiting'], streams, self.samples)}"
            )
        if finished != self.samples:
            raise self._failed()
        return Outcome(self.folder, self.samples, values, cycles, gaps, stalls)

    def _failed(self) -> SpikewrightError:
        return SpikewrightError(f"The simulation failed; its output is in {self.log}.")
