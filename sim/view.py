"""Names for waveforms: each layer's output with sample, token, channels and time steps apart.

The bench of a run that is traced holds one scope ``view.layer_<name>`` per probed layer. Its
counters say which word is offered: ``sample``, ``position`` (token, or pixel of a map), ``channel``
(the first of the word's lanes) and ``step`` (the first of its time steps); ``t0``, ``t1`` .. are
the elements of one time step each, lane 0 lowest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ir.plan import Link

BENCH = "TOP.bench"
TRACED = {
    "cycle": 32,
    "finished": 32,
    **{f"{stream}__{noun}": 1 for stream in "io" for noun in ("valid", "ready")},
}
"""Signals of the bench itself that are shown, and their widths [bit]."""
COUNTED = ("sample", "position", "channel", "step")


@dataclass(frozen=True)
class Scope:
    """What one layer shows.

    Parameters
    ----------
    layer : str
        As it is called in Verilog.
    link : Link
    positions : int
    """

    layer: str
    link: Link
    positions: int

    @property
    def name(self) -> str:
        """Name of the scope in the waveform."""
        return f"layer_{self.layer}"

    @property
    def signals(self) -> dict[str, int]:
        """Width [bit] of every signal, in the order in which they are shown."""
        link = self.link
        steps = {f"t{t}": link.lanes * link.type.width for t in range(link.steps)}
        return {"valid": 1, "ready": 1, **dict.fromkeys(COUNTED, 32), **steps}

    def text(self) -> str:
        """Return the scope in Verilog."""
        link, width = self.link, self.link.type.width
        base = f"top.probe_{self.layer}"
        groups = link.words // (self.positions * link.time)
        loops = {"step": (link.time, link.steps)}
        outer = [("channel", (groups, link.lanes)), ("position", (self.positions, 1))]
        loops |= dict(outer if link.order == "PCT" else outer[::-1])
        lines = [
            f"    if (1) begin : {self.name}",
            f"      wire valid = {base}__valid, ready = {base}__ready;",
            f"      reg [31:0] {', '.join(COUNTED)};",
        ]
        for t in range(link.steps):
            parts = [
                f"{base}__payload[{(lane * link.steps + t) * width} +: {width}]"
                for lane in reversed(range(link.lanes))
            ]
            lines.append(f"      wire [{link.lanes * width - 1}:0] t{t} = {{{', '.join(parts)}}};")
        cleared = " ".join(f"{name} <= 0;" for name in COUNTED)
        lines += [
            "      always @(posedge clk)",
            f"        if (rst) begin {cleared} end",
            "        else if (valid && ready) begin",
        ]
        for name, (count, stride) in loops.items():
            lines += [
                f"          {name} <= {name} + {stride};",
                f"          if ({name} == {(count - 1) * stride}) begin",
                f"            {name} <= 0;",
            ]
        lines += ["            sample <= sample + 1;", *["          end"] * len(loops)]
        return "\n".join([*lines, "        end", "    end"])


def block(scopes: list[Scope]) -> str:
    """Return what a bench that is traced has more than others."""
    inner = "\n".join(scope.text() for scope in scopes)
    return (
        '  import "DPI-C" function void spikewright_cycle(input int unsigned cycle);\n'
        "  always @(posedge clk) spikewright_cycle(cycle);\n"
        f"  if (1) begin : view\n{inner}\n  end\n"
    )


def save_views(folder: Path, wave: str, scopes: list[Scope]) -> dict[str, Path]:
    """Write how GTKWave and Surfer show the file ``wave``; return what was written by viewer."""
    from vcd.gtkw import GTKWSave

    files = {"gtkwave": folder / "wave.gtkw", "surfer": folder / "wave.sucl"}
    with files["gtkwave"].open("w") as stream:
        save = GTKWSave(stream)
        save.dumpfile(wave, abspath=False)
        save.treeopen(f"{BENCH}.")
        for name, width in TRACED.items():
            save.trace(_range(f"{BENCH}.{name}", width), datafmt=_format(width))
        for scope in scopes:
            with save.group(scope.layer):
                for name, width in scope.signals.items():
                    path = f"{BENCH}.view.{scope.name}.{name}"
                    save.trace(_range(path, width), alias=name, datafmt=_format(width))
    lines = [f"load_file {wave}", *(f"variable_add {BENCH}.{name}" for name in TRACED)]
    for scope in scopes:
        lines.append(f"divider_add {scope.layer}")
        lines += [f"variable_add {BENCH}.view.{scope.name}.{name}" for name in scope.signals]
    files["surfer"].write_text("\n".join([*lines, "zoom_fit"]) + "\n")
    return files


def _format(width: int) -> str:
    return "dec" if width == 32 else "hex"


def _range(path: str, width: int) -> str:
    return path if width == 1 else f"{path}[{width - 1}:0]"
