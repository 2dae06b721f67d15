"""The data file of measured costs: what one command measured with Yosys, behind a strict door.

``characterisation.json`` lies beside this module. ``spikewright characterise`` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ir.errors import SpikewrightError
from ir.strict import listed, parse_json, read_text

FORMAT = "spikewright-characterisation"
VERSION = 1
PATH = Path(__file__).with_suffix(".json")
LANE_KEYS = (
    "fabric",
    "kind",
    "activation",
    "weight_bits",
    "format",
    "lanes",
    "luts_per_lane",
    "loader_luts_per_lane",
    "load_cycles",
    "fmax_mhz",
)
"""Keys of a row of ``lanes``, the same as those of ``spikewright bench lanes``."""


@dataclass(frozen=True)
class Model:
    """Coefficients of one group of stations on one fabric; see :mod:`ir.features`.

    Parameters
    ----------
    lut, carry : mapping of feature to float
        Cells per unit of each logic feature; LUTs without those of LUT RAM.
    ff : tuple of float
        Flip-flops of a station, and per register bit.
    dsp : float
        DSPs per multiplier.
    samples : int
        Stations that the model was fitted to.
    error : float
        Sum of the absolute errors over the sum of the LUTs of these stations.
    """

    lut: Mapping[str, float]
    carry: Mapping[str, float]
    ff: tuple[float, float]
    dsp: float
    samples: int
    error: float


@dataclass(frozen=True)
class Costs:
    """Measured costs of one fabric.

    Parameters
    ----------
    accounting : str
        What is counted.
    lut_per_lut_ram : float
        LUTs that one unit of LUT RAM takes.
    models : mapping of model name to Model
    checks : tuple of dict
        Whole accelerators, each predicted from coefficients that were fitted without it: ``name``,
        ``measured`` and ``predicted`` LUTs, and those ``left_out`` as nothing like them was fitted.
    """

    accounting: str
    lut_per_lut_ram: float
    models: Mapping[str, Model]
    checks: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Characterisation:
    """Content of the data file.

    Parameters
    ----------
    date, command : str
        When and how it was measured.
    tools : mapping of tool to version
    fabrics : mapping of fabric to Costs
    lanes : tuple of dict
        Cells per lane of synapse cores, with the keys :data:`LANE_KEYS`.
    """

    date: str
    command: str
    tools: Mapping[str, str]
    fabrics: Mapping[str, Costs]
    lanes: tuple[Mapping[str, Any], ...]


@cache
def load(path: Path = PATH) -> Characterisation:
    """Read a data file; the one that is shipped without ``path``.

    Raises
    ------
    SpikewrightError
        If it is missing or damaged: a key is unknown or missing, a number is negative, not finite,
        or no number.
    """
    what = f"File {path.name}"
    entry = parse_json(read_text(path, 1 << 22), what)
    keys = ("format", "version", "date", "command", "tools", "fabrics", "lanes")
    _keys(what, entry, keys)
    if entry["format"] != FORMAT or entry["version"] is True or entry["version"] != VERSION:
        raise SpikewrightError(
            f"{what} is {entry['format']!r:.40} version {entry['version']!r:.10}; allowed is "
            f"{FORMAT} version {VERSION}."
        )
    for key in ("date", "command"):
        _text(f"{what}, {key},", entry[key])
    for tool, version in _mapping(f"{what}, tools,", entry["tools"]).items():
        _text(f"{what}, tool {tool!r:.40},", version)
    fabrics = {
        name: _costs(f"{what}, fabric {name!r:.40},", costs)
        for name, costs in _mapping(f"{what}, fabrics,", entry["fabrics"]).items()
    }
    lanes = [
        _lane(f"{what}, lane row {n},", row) for n, row in enumerate(_list(what, entry["lanes"]))
    ]
    return Characterisation(entry["date"], entry["command"], entry["tools"], fabrics, tuple(lanes))


def _costs(what: str, entry: Any) -> Costs:
    _keys(what, entry, ("accounting", "lut_per_lut_ram", "models", "checks"))
    _text(f"{what} accounting", entry["accounting"])
    models = {
        name: _model(f"{what} model {name!r:.40},", model)
        for name, model in _mapping(f"{what} models", entry["models"]).items()
    }
    checks = _list(f"{what} checks", entry["checks"])
    for check in checks:
        _keys(f"{what} a check", check, ("name", "measured", "predicted", "left_out"))
        _text(f"{what} a check's name", check["name"])
        for key in ("measured", "predicted", "left_out"):
            _number(f"{what} a check's {key}", check[key])
    factor = _number(f"{what} lut_per_lut_ram", entry["lut_per_lut_ram"])
    return Costs(entry["accounting"], factor, models, tuple(checks))


def _model(what: str, entry: Any) -> Model:
    _keys(what, entry, ("lut", "carry", "ff", "dsp", "samples", "error"))
    found = {}
    for cell in ("lut", "carry"):
        found[cell] = {
            name: _number(f"{what} {cell} of {name!r:.40}", value)
            for name, value in _mapping(f"{what} {cell}", entry[cell]).items()
        }
    if found["lut"].keys() != found["carry"].keys() or not found["lut"]:
        raise SpikewrightError(f"{what} has other features for lut than for carry.")
    ff = [_number(f"{what} ff", value) for value in _list(f"{what} ff", entry["ff"])]
    if len(ff) != 2:
        raise SpikewrightError(f"{what} has {len(ff)} numbers for ff; allowed are 2.")
    numbers = {key: _number(f"{what} {key}", entry[key]) for key in ("dsp", "samples", "error")}
    samples = int(numbers["samples"])
    return Model(
        found["lut"], found["carry"], (ff[0], ff[1]), numbers["dsp"], samples, numbers["error"]
    )


def _lane(what: str, row: Any) -> Mapping[str, Any]:
    _keys(what, row, LANE_KEYS)
    for key in ("fabric", "kind", "activation", "format"):
        _text(f"{what} {key}", row[key])
    for key in ("weight_bits", "lanes", "luts_per_lane", "loader_luts_per_lane", "load_cycles"):
        _number(f"{what} {key}", row[key])
    if row["fmax_mhz"] is not None:
        _number(f"{what} fmax_mhz", row["fmax_mhz"])
    return dict(row)


def _keys(what: str, entry: Any, known: tuple[str, ...]) -> None:
    found = _mapping(what, entry).keys()
    if unknown := sorted(found - set(known)):
        raise SpikewrightError(f"{what} has unknown keys: {listed(unknown)}.")
    if missing := sorted(set(known) - found):
        raise SpikewrightError(f"{what} lacks keys: {', '.join(missing)}.")


def _mapping(what: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SpikewrightError(f"{what} is {value!r:.40}; allowed is an object.")
    return value


def _list(what: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise SpikewrightError(f"{what} is {value!r:.40}; allowed is a list.")
    return value


def _text(what: str, value: Any) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= 2000:
        raise SpikewrightError(f"{what} is {value!r:.40}; allowed is a text.")


def _number(what: str, value: Any) -> float:
    wrong = isinstance(value, bool) or not isinstance(value, (int, float))
    if wrong or value < 0:
        raise SpikewrightError(f"{what} is {value!r:.40}; allowed is a number of at least 0.")
    return float(value)
