"""Constraints: pins and clock of a design, as the tools of each fabric read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from boards.board import Board
from ir.errors import SpikewrightError

Texts = dict[str, str]


def assign(board: Board, ports: Iterable[str]) -> dict[str, str]:
    """Return the pin of every port, by port name; vectors bit by bit.

    Parameters
    ----------
    board : Board
    ports : iterable of str
        ``clk``, ``rst``, ``uart_rx``, ``uart_tx``, ``spi_sck`` ..., and ``led`` for all LEDs or
        ``led[0]`` for one.

    Raises
    ------
    SpikewrightError
        If the board has no pins, or none for a port.

    Examples
    --------
    >>> from boards import load
    >>> assign(load("icebreaker"), ["clk", "led"])
    {'clk': '35', 'led[0]': '11', 'led[1]': '37'}
    """
    known = board.wired().ports
    found: dict[str, str] = {}
    for port in ports:
        bits = [name for name in known if name == port or name.startswith(f"{port}[")]
        if not bits:
            raise SpikewrightError(
                f"Board {board.name} has no pin for port {port}; allowed are {', '.join(known)}."
            )
        found |= {name: known[name] for name in bits}
    return found


def render(board: Board, pins: Mapping[str, str], clock_hz: float | None = None) -> Texts:
    """Return the text of every constraint file, by its suffix.

    Parameters
    ----------
    board : Board
    pins : mapping of port name to pin
        As :func:`assign` returns it.
    clock_hz : float, optional
        Of port ``clk`` [Hz]; the board's without.

    Raises
    ------
    SpikewrightError
        If the board has no pins.

    Examples
    --------
    >>> from boards import load
    >>> print(render(load("icebreaker"), {"clk": "35"})[".pcf"], end="")
    set_io clk 35
    set_frequency clk 12
    """
    return _WRITERS[board.fabric](pins, board.wired().io_standard, clock_hz or board.clock_hz)


def _lattice(pins: Mapping[str, str], standard: str, clock_hz: float) -> Texts:
    lines = []
    for port, pin in pins.items():
        lines.append(f'LOCATE COMP "{port}" SITE "{pin}";')
        lines.append(f'IOBUF PORT "{port}" IO_TYPE={standard};')
    lines.append(f'FREQUENCY PORT "clk" {_mhz(clock_hz)} MHZ;')
    return {".lpf": _joined(lines)}


def _icestorm(pins: Mapping[str, str], standard: str, clock_hz: float) -> Texts:
    lines = [f"set_io {port} {pin}" for port, pin in pins.items()]
    return {".pcf": _joined([*lines, f"set_frequency clk {_mhz(clock_hz)}"])}


def _gowin(pins: Mapping[str, str], standard: str, clock_hz: float) -> Texts:
    lines = []
    for port, pin in pins.items():
        lines.append(f'IO_LOC "{port}" {pin};')
        lines.append(f'IO_PORT "{port}" IO_TYPE={standard};')
    return {".cst": _joined(lines), ".sdc": _joined([_clock(clock_hz)])}


def _xilinx(pins: Mapping[str, str], standard: str, clock_hz: float) -> Texts:
    lines = [
        f"set_property -dict {{PACKAGE_PIN {pin} IOSTANDARD {standard}}} [get_ports {{{port}}}]"
        for port, pin in pins.items()
    ]
    return {".xdc": _joined([*lines, _clock(clock_hz)])}


def _clock(clock_hz: float) -> str:
    return f"create_clock -name clk -period {1e9 / clock_hz:.3f} [get_ports {{clk}}]"


def _mhz(clock_hz: float) -> str:
    return f"{clock_hz / 1e6:.6f}".rstrip("0").rstrip(".")


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


_WRITERS: Mapping[str, Callable[[Mapping[str, str], str, float], Texts]] = {
    "ecp5": _lattice,
    "ice40": _icestorm,
    "gowin": _gowin,
    "xc7": _xilinx,
    "xcup": _xilinx,
}
