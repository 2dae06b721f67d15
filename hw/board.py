"""The top of a board: power-on reset, LEDs and buttons, the accelerator behind its UART."""

from __future__ import annotations

from ir.wrapping import BLINK_BITS, WAIT_BITS

TOP = "spikewright_board"


def text(leds: int, *, lit: str, pressed: str | None) -> str:
    """Return the Verilog of the top around module ``spikewright_uart``.

    LEDs, as many as there are: 0 blinks, 1 shines while a byte comes in, 2 while one goes out.

    Parameters
    ----------
    leds : int
    lit : str
        Level at which they shine, ``high`` or ``low``.
    pressed : str or None
        Level of the port ``rst`` that resets; None without such a port.
    """
    ports = ["input clk", "input uart_rx", "output uart_tx"]
    ports += ["input rst"] if pressed is not None else []
    ports += [f"output [{leds - 1}:0] led"] if leds else []
    shown = [f"blink[{BLINK_BITS - 1}]", "~uart_rx", "~uart_tx"][:leds] + ["1'b0"] * (leds - 3)
    button = {None: "1'b0", "high": "held[1]", "low": "~held[1]"}[pressed]
    lines = [
        f"// {__doc__.splitlines()[0]}" if __doc__ else "//",
        f"module {TOP}({', '.join(ports)});",
        "  // Registers begin as zeros when the bitstream is loaded.",
        f"  reg [{WAIT_BITS - 1}:0] waited = 0;",
        f"  reg [{BLINK_BITS - 1}:0] blink = 0;",
    ]
    if pressed is not None:
        lines += [
            f"  reg [1:0] held = 2'b{'00' if pressed == 'high' else '11'};",
            "  always @(posedge clk) held <= {held[0], rst};",
        ]
    lines += [
        f"  wire clear = ~&waited | {button};",
        "  always @(posedge clk) begin",
        "    if (~&waited) waited <= waited + 1;",
        "    blink <= blink + 1;",
        "  end",
        "  spikewright_uart accelerator(.clk(clk), .rst(clear), .rx(uart_rx), .tx(uart_tx));",
    ]
    if leds:
        level = "~" if lit == "low" else ""
        lines.append(f"  assign led = {level}{{{', '.join(reversed(shown))}}};")
    return "\n".join([*lines, "endmodule"]) + "\n"
