"""The register map as Markdown, C header, Python module and comments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ir.protocol import Code
from ir.registers import Register

ACCESS = {"r": "read", "w": "write", "rw": "read, write"}


def markdown(registers: Sequence[Register]) -> str:
    """Return the map as a page: a table of registers, one of fields, one of codes."""
    rows = [
        (f"0x{r.address:03x}", r.name, ACCESS[r.access], _value(r), r.unit, _capital(r.description))
        for r in registers
    ]
    fields = [
        (r.name, f.name, f"{f.low + f.bits - 1}..{f.low}" if f.bits > 1 else f"{f.low}", f)
        for r in registers
        for f in r.fields
    ]
    head = ("address", "register", "access", "reset", "unit", "meaning")
    text = "# Registers\n\nByte addresses of 32-bit words.\n\n" + _table(head, rows)
    text += "\n## Fields\n\n" + _table(
        ("register", "field", "bits", "meaning"),
        [(*row[:3], _capital(row[3].description)) for row in fields],
    )
    codes = [(str(int(code)), code.name, _capital(code.meaning)) for code in Code]
    return text + "\n## Codes\n\n" + _table(("code", "name", "meaning"), codes)


def c_header(registers: Sequence[Register], prefix: str = "SPIKEWRIGHT") -> str:
    """Return the map as a C header."""

    def define(name: str, value: int, note: str = "") -> str:
        return f"#define {prefix}_{name} 0x{value:x}u" + (f" /* {note} */" if note else "")

    lines = [f"#ifndef {prefix}_REGISTERS_H", f"#define {prefix}_REGISTERS_H", ""]
    for r in registers:
        lines.append(define(r.name, r.address, _comment(r)))
        if r.constant:
            lines.append(define(f"{r.name}_VALUE", r.reset))
        for f in r.fields:
            lines.append(define(f"{r.name}_{f.name}_LOW", f.low))
            lines.append(define(f"{r.name}_{f.name}_MASK", f.mask, f.description))
    lines += ["", "/* Codes of refusals. */"]
    lines += [define(f"CODE_{code.name}", code, code.meaning) for code in Code]
    return "\n".join([*lines, "", "#endif", ""])


def python(registers: Sequence[Register]) -> str:
    """Return the map as a Python module of constants."""
    lines = ['"""Registers of the accelerator: byte addresses, masks, constants, codes."""', ""]
    for r in registers:
        lines.append(f"{r.name} = 0x{r.address:03x}  # {_comment(r)}")
        if r.constant:
            lines.append(f"{r.name}_VALUE = 0x{r.reset:x}")
        for f in r.fields:
            lines.append(f"{r.name}_{f.name}_LOW = {f.low}  # {f.description}")
            lines.append(f"{r.name}_{f.name}_MASK = 0x{f.mask:x}")
    lines += ["", *(f"CODE_{code.name} = {int(code)}  # {code.meaning}" for code in Code)]
    return "\n".join([*lines, ""])


def comments(registers: Sequence[Register]) -> list[str]:
    """Return the map as lines for comments in the Verilog."""
    found = ["Registers (byte address, access):"]
    for r in registers:
        found.append(f"  0x{r.address:03x} {r.access:2} {_comment(r)}")
        found += [f"            {_bits(f.low, f.bits)} {f.name}: {f.description}" for f in r.fields]
    return found


def _comment(register: Register) -> str:
    unit = f" [{register.unit}]" if register.unit else ""
    return f"{register.name}{unit}: {register.description}"


def _bits(low: int, bits: int) -> str:
    return f"[{low + bits - 1}:{low}]" if bits > 1 else f"[{low}]"


def _value(register: Register) -> str:
    return f"0x{register.reset:x}" if register.constant or register.reset else "0"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)
