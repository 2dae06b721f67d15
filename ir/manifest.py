"""Checksums of a directory: ``manifest.json`` lists SHA-256 and size of each file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ir.errors import SpikewrightError
from ir.strict import parse_json, read_text

NAME = "manifest.json"


def listing(files: Mapping[str, bytes]) -> dict[str, dict[str, str | int]]:
    """Return the entries of a manifest's ``files``, by file name.

    Examples
    --------
    >>> listing({"a": b""})["a"]["sha256"][:8]
    'e3b0c442'
    """
    return {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in files.items()
    }


def verify(directory: Path) -> None:
    """Compare every listed file of ``directory`` with its manifest.

    Raises
    ------
    SpikewrightError
        If the manifest is damaged, names a file outside the directory, or a file is missing, a
        link, or differs from its checksum.
    """
    files = parse_json(read_text(directory / NAME), f"{directory / NAME}").get("files")
    if not isinstance(files, dict) or not files:
        raise SpikewrightError(f"{directory / NAME} lists no files.")
    for name, entry in files.items():
        parts = PurePosixPath(name).parts
        file = directory.joinpath(*parts)
        if PurePosixPath(name).is_absolute() or ".." in parts or not parts:
            raise SpikewrightError(f"{directory / NAME} names {name!r:.80}, outside its directory.")
        if file.is_symlink() or not file.is_file():
            raise SpikewrightError(f"File {name} is missing in {directory}.")
        if entry != listing({name: file.read_bytes()})[name]:
            raise SpikewrightError(f"File {name} in {directory} does not match its checksum.")
