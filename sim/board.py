"""A simulated board: Verilator at the pins of the UART, behind a TCP port for pyserial."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ir.errors import SpikewrightError
from sim.verilator import Kind, build

BOARD = Kind(Path(__file__).parent / "board.cpp", "-O2", False)
TOP = "spikewright_uart"


class SimulatedBoard:
    """A board with a UART that runs in a process of its own; a context manager.

    Parameters
    ----------
    verilog_dir : Path
        As ``hw.emit`` writes it with the wrapper ``uart``.
    build_dir : Path
        Cache of compiled simulators.
    divisor : int
        Cycles per bit that the design was built for.

    Attributes
    ----------
    port : str
        URL for pyserial, ``socket://127.0.0.1:NUMBER``, while the context is open.

    Raises
    ------
    SpikewrightError
        If the directory holds no UART wrapper, a tool fails, or the simulator does not start.
    """

    def __init__(self, verilog_dir: Path, build_dir: Path, divisor: int) -> None:
        self.folder, self.divisor = verilog_dir.resolve(), divisor
        sources = {path.name: path.read_text() for path in sorted(verilog_dir.glob("*.v"))}
        if not any(f"module {TOP}" in text for text in sources.values()):
            raise SpikewrightError(f"Directory {verilog_dir} holds no module {TOP}.")
        self.binary = build(sources, TOP, build_dir, BOARD).binary.resolve()
        self.port = ""

    def __enter__(self) -> SimulatedBoard:
        self._process = subprocess.Popen(
            [str(self.binary), str(self.divisor)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        number = self._process.stdout.readline().strip()
        if not number.isdecimal():
            self.__exit__()
            raise SpikewrightError(f"The simulated board did not start; it said {number!r:.80}.")
        self.port = f"socket://127.0.0.1:{number}"
        return self

    def __exit__(self, *failed: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
