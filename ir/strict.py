"""Strict doors: YAML and JSON readers that refuse what nobody needs, and atomic writing."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ir.errors import SpikewrightError

MAX_TEXT_BYTES = 1 << 20
MAX_YAML_BYTES = 1 << 16
"""Half a second of PyYAML's time."""
MAX_DEPTH = 20
MAX_DIGITS = 20
_WORD = re.compile(r"[\w.-]+")


class _StrictLoader(yaml.SafeLoader):
    """Safe loader without aliases, tags, duplicate keys, long integers or deep nesting."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        if getattr(self.peek_event(), "tag", None) is not None:
            raise yaml.YAMLError("tags are not allowed")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nesting is deeper than {MAX_DEPTH}")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        seen: set[str] = set()
        for key in keys:
            if not isinstance(key, str):
                raise yaml.YAMLError(f"key {key!r:.80} is not a string")
            if key in seen:
                raise yaml.YAMLError(f"key {key!r:.80} is given twice")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: Any) -> int:
        if len(node.value) > MAX_DIGITS:
            raise yaml.YAMLError(f"an integer has more than {MAX_DIGITS} digits")
        return super().construct_yaml_int(node)


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)


def read_text(path: Path, limit: int = MAX_TEXT_BYTES) -> str:
    """Return the UTF-8 text of a file.

    Raises
    ------
    SpikewrightError
        If the file is missing, larger than ``limit`` [byte], or not UTF-8.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise SpikewrightError(f"File {path} cannot be read: {error.strerror}.") from error
    if len(data) > limit:
        raise SpikewrightError(f"File {path} is larger than the allowed {limit} bytes.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpikewrightError(f"File {path} is not UTF-8 text.") from error


def load_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises
    ------
    SpikewrightError
        If the file cannot be read, is larger than 64 KiB, is no mapping, or uses aliases, tags,
        duplicate keys, non-string keys, integers of more than 20 digits or nesting beyond 20
        levels.
    """
    value = parse_yaml(read_text(path, MAX_YAML_BYTES), f"File {path}")
    if not isinstance(value, dict):
        raise SpikewrightError(f"File {path} must hold a mapping, not {type(value).__name__}.")
    return value


def parse_yaml(text: str, what: str) -> Any:
    """Return the value in a YAML text; ``what`` names it in refusals.

    Raises
    ------
    SpikewrightError
        If it is no YAML, or uses what :func:`load_yaml` refuses.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SpikewrightError(f"{what} is no valid YAML: {reason:.400}.") from error


def parse_json(text: str, what: str) -> dict[str, Any]:
    """Return the object in a JSON text; ``what`` names it in refusals.

    Raises
    ------
    SpikewrightError
        If the text is no JSON object, repeats a key, or holds NaN, infinity or a very long integer.
    """

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            twice = next(key for key, count in Counter(k for k, _ in items).items() if count > 1)
            raise ValueError(f"key {twice!r:.80} is given twice")
        return found

    def integer(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            raise ValueError(f"an integer has more than {MAX_DIGITS} digits")
        return int(digits)

    def number(digits: str) -> float:
        if math.isinf(value := float(digits)):
            raise ValueError(f"{digits:.40} is beyond all floats")
        return value

    def constant(name: str) -> None:
        raise ValueError(f"{name} is not allowed")

    try:
        value = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_constant=constant,
            parse_int=integer,
            parse_float=number,
        )
    except (ValueError, RecursionError) as error:
        raise SpikewrightError(f"{what} is no valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise SpikewrightError(f"{what} must hold an object, not {type(value).__name__}.")
    return value


def refusal(
    found: Sequence[Mapping[str, Any]],
    noun: str,
    key: Callable[[tuple[int | str, ...]], str] = lambda location: ".".join(map(str, location)),
) -> str:
    """Return the first of pydantic's errors as one sentence about a file that is called ``noun``.

    Parameters
    ----------
    found : sequence of mapping
        As ``ValidationError.errors`` returns them.
    noun : str
    key : callable
        Name of a place in the file.
    """
    unknown = ("extra_forbidden", "unexpected_keyword_argument")
    for kinds, verb in ((unknown, "unknown"), (("missing", "missing_argument"), "missing")):
        if names := [key(entry["loc"]) for entry in found if entry["type"] in kinds]:
            keys = "keys" if len(names) > 1 else "key"
            return f"{noun} has {verb} {keys}: {listed(names)}."
    first = found[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    message = first["msg"].removeprefix("Input ")
    return f"{noun} key {listed([key(first['loc'])])} is {first['input']!r:.80}; it {message}."


def listed(keys: Iterable[str]) -> str:
    """Return keys of a file as one line; those that are no words are quoted.

    Examples
    --------
    >>> listed(["steps", "model.kind", "a\\nb"])
    "steps, model.kind, 'a\\\\nb'"
    """
    return f"{', '.join(key if _WORD.fullmatch(key) else repr(key) for key in keys):.200}"


def dump_json(value: Any) -> str:
    """Return the canonical JSON text: sorted keys, indented, ASCII, one final newline."""
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name and rename it, so that no half file is ever seen."""
    write_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary directory that takes the place of ``path`` if the block succeeds.

    Raises
    ------
    SpikewrightError
        If ``path`` exists and is not a directory that an earlier run wrote (it must be empty or
        hold a ``manifest.json`` that lists files), or cannot be written.
    """
    if (path.exists() or path.is_symlink()) and not _ours(path):
        raise SpikewrightError(
            f"Output {path} exists and was not written by this command; choose another name."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise SpikewrightError(f"Output {path} cannot be written: {error.strerror}.") from error
    try:
        yield temporary
        temporary.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_dir():
        return False
    if not any(path.iterdir()):
        return True
    try:
        manifest = parse_json(read_text(path / "manifest.json"), "manifest.json")
    except SpikewrightError:
        return False
    return isinstance(manifest.get("files"), dict)
