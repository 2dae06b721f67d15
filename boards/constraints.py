"""Which port lies on which pin, in the language of each fabric's tools."""

from __future__ import annotations

from boards.board import Board, Pins
from ir.errors import SpikewrightError

SUFFIXES = {"ecp5": "lpf", "ice40": "pcf", "gowin": "cst", "xc7": "xdc"}


def constraints(board: Board) -> str:
    """Return the constraints of a board's top: pins, voltages and, where it fits, the clock.

    Raises
    ------
    SpikewrightError
        If the board has no pins.

    Examples
    --------
    >>> from boards import load
    >>> print(constraints(load("icebreaker")).splitlines()[0])
    set_io clk 35
    """
    if board.pins is None:
        raise SpikewrightError(
            f"Board {board.name} has no pins; allowed are boards with clock and UART pins."
        )
    return _WRITERS[board.fabric](board, board.pins)


def _lpf(board: Board, pins: Pins) -> str:
    lines = []
    for port, pin in pins.of_ports.items():
        lines += [
            f'LOCATE COMP "{port}" SITE "{pin}";',
            f'IOBUF PORT "{port}" IO_TYPE={pins.standard};',
        ]
    return _text([*lines, f'FREQUENCY PORT "clk" {board.clock_hz / 1e6:g} MHZ;'])


def _pcf(board: Board, pins: Pins) -> str:
    lines = [f"set_io {port} {pin}" for port, pin in pins.of_ports.items()]
    return _text([*lines, f"set_frequency clk {board.clock_hz / 1e6:g}"])


def _cst(board: Board, pins: Pins) -> str:
    lines = []
    for port, pin in pins.of_ports.items():
        lines += [f'IO_LOC "{port}" {pin};', f'IO_PORT "{port}" IO_TYPE={pins.standard};']
    return _text(lines)


def _xdc(board: Board, pins: Pins) -> str:
    lines = [
        f"set_property -dict {{PACKAGE_PIN {pin} IOSTANDARD {pins.standard}}} "
        f"[get_ports {{{port}}}]"
        for port, pin in pins.of_ports.items()
    ]
    period = 1e9 / board.clock_hz
    return _text([*lines, f"create_clock -period {period:g} -name clk [get_ports {{clk}}]"])


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


_WRITERS = {"ecp5": _lpf, "ice40": _pcf, "gowin": _cst, "xc7": _xdc}
