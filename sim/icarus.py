"""Icarus Verilog: a second simulator of the same bench, for a sample of what Verilator ran.

Verilator simulates two values, in an order that it chooses when it compiles; Icarus simulates four,
event by event: a register that is read before it is written shows here as x.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ir.errors import SpikewrightError
from ir.plan import Link
from ir.strict import write_text
from sim.dialect import MOST_WORDS
from sim.shard import Outcome, Shard
from sim.testbench import Stream
from sim.verilator import Build

_BINARY = "bench.vvp"


def build(sources: Mapping[str, str], top: str, build_dir: Path) -> Build:
    """Compile Verilog and a bench of dialect :data:`sim.dialect.TEXT`, in a folder of its own.

    Raises
    ------
    SpikewrightError
        If Icarus is not installed, or refuses the Verilog.
    """
    compiler = shutil.which("iverilog")
    if compiler is None:
        raise SpikewrightError(
            "Icarus Verilog is not installed; install it with: apt-get install iverilog."
        )
    digest = hashlib.sha256("\0".join(f"{k}\0{v}" for k, v in sorted(sources.items())).encode())
    folder = build_dir / f"icarus-{digest.hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in sources if name.endswith((".v", ".sv"))]
    for name in names:
        write_text(folder / name, sources[name])
    command = [compiler, "-g2012", "-s", top, "-o", _BINARY, *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        log = folder / "build-failed.log"
        write_text(log, done.stdout + done.stderr)
        raise SpikewrightError(f"Icarus failed on module {top}; its output is in {log}.")
    return Build(folder / _BINARY, top, False)


class IcarusShard(Shard):
    """A run on Icarus; records and report come as text and are turned into what a shard leaves."""

    def start(self) -> None:
        """Start the simulator."""
        if self.words > MOST_WORDS:
            raise SpikewrightError(
                f"Icarus got {self.words} input words; allowed are up to {MOST_WORDS}."
            )
        stimulus = np.fromfile(self.folder / "stimulus.bin", "<u4").reshape(self.words, -1)
        lines = ("".join(f"{part:08x}" for part in row[::-1]) for row in stimulus.tolist())
        write_text(self.folder / "stimulus.mem", "\n".join(lines) + "\n")
        (self.folder / "images").symlink_to(self.images / "images")
        command = [
            "vvp",
            "-n",
            str(self.build.binary.resolve()),
            f"+words={self.words}",
            f"+samples={self.samples}",
            f"+limit={self.limit}",
            f"+most={self.most}",
            f"+tail={self.tail}",
        ]
        with self.log.open("wb") as stream:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    @property
    def finished(self) -> int:
        """Samples finished so far."""
        try:
            return int((self.folder / "progress.txt").read_text().split()[-1])
        except (OSError, ValueError, IndexError):
            return 0

    def outcome(self, streams: Mapping[str, tuple[Stream, Link]]) -> Outcome:
        """Return what the finished simulator reports, see :meth:`sim.shard.Shard.outcome`.

        Raises
        ------
        SpikewrightError
            If it failed, the design hung, or anything in a stream is neither 0 nor 1.
        """
        try:
            rows = [line.split() for line in (self.folder / "values.txt").read_text().splitlines()]
            values = {name: int(value) for name, value in rows}
        except (OSError, ValueError) as error:
            raise self._failed() from error
        if "unknown" in values:
            raise SpikewrightError(
                f"Valid or ready of a stream is neither 0 nor 1 in cycle {values['unknown']}."
            )
        waiting, last = [], 0
        for stream in self.bench.streams.values():
            records, state = self._records(stream)
            (self.folder / stream.file).write_bytes(records.tobytes())
            waiting.append(state)
            last = max(last, int(records[-1, 0]) if len(records) else 0)
        report = {"values": values | {"last_move": last}, "waiting": waiting}
        write_text(self.folder / "bench.json", json.dumps(report))
        return super().outcome(streams)

    def _records(self, stream: Stream) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the records of a stream as 32-bit words, and its state at the end."""
        *lines, end = (self.folder / f"{stream.name}.txt").read_text().splitlines()
        records = np.empty((len(lines), stream.words), "<u4")
        for row, line in zip(records, lines, strict=True):
            cycle, payload = line.split()
            try:
                value = int(payload, 16)
            except ValueError:
                raise SpikewrightError(
                    f"Stream {stream.name} carries {payload} in cycle {cycle}; Icarus saw a value "
                    f"that is neither 0 nor 1."
                ) from None
            row[0] = int(cycle)
            row[1:] = [value >> 32 * part & 0xFFFFFFFF for part in range(stream.words - 1)]
        valid, ready = (int(bit == "1") for bit in end.split()[1:])
        state = {"stream": stream.name, "moves": len(records), "valid": valid, "ready": ready}
        return records, state
