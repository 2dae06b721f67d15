"""The export directory: what ``sw`` hands to ``hw`` and ``sim``.

====================  ==========================================================================
``network.json``      format, version, time steps, order of data, layers, hardware, preprocessing
``arrays.safetensors``  int8, int16 and int64 arrays, ``<layer>.<array>``
``samples.safetensors``  optional: ``images`` uint8 or uint16 (count, C, H, W), or (count, T, C, H,
                      W) where they move; ``labels`` int64
``manifest.json``     SHA-256 and size of each file above
====================  ==========================================================================

All files are canonical: reading and writing again gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from ir.errors import SpikewrightError
from ir.fold import Fold, Hardware
from ir.layers import KINDS, LIF, Attention, Input, Layer, MaxPool, Readout, Synapse
from ir.manifest import listing
from ir.network import Network
from ir.neuron import Neuron
from ir.scheme import Scheme
from ir.strict import MAX_TEXT_BYTES, dump_json, new_directory, parse_json, read_text

FORMAT = "spikewright-export"
VERSION = 1
ORDER = "PCT"
MAX_ARRAY_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class Samples:
    """Test samples that travel with a network.

    Parameters
    ----------
    images : uint8 or uint16 (count, channels, height, width), or (count, T, ...) where they move
    labels : int64 (count,)
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Export:
    """Content of an export directory."""

    network: Network
    hardware: Hardware
    samples: Samples | None = None


def save(path: Path, network: Network, hardware: Hardware, samples: Samples | None = None) -> None:
    """Write an export directory; it appears whole or not at all.

    Raises
    ------
    SpikewrightError
        If ``path`` holds something else, or the samples do not fit the network.
    """
    export = Export(network, hardware, samples)
    if samples is not None:
        _check_samples(export)
    files = encode(export)
    with new_directory(path) as directory:
        for name, data in files.items():
            (directory / name).write_bytes(data)
        (directory / "manifest.json").write_text(dump_json({"files": listing(files)}))


def encode(export: Export) -> dict[str, bytes]:
    """Return the canonical bytes of each file but the manifest, by name."""
    network = export.network
    arrays = {
        f"{layer.name}.{noun}": np.ascontiguousarray(getattr(layer, noun))
        for layer in network.layers
        for noun in layer.arrays
    }
    description = {
        "format": FORMAT,
        "version": VERSION,
        "steps": network.steps,
        "order": ORDER,
        "preprocessing": dict(network.preprocessing),
        "layers": [_describe(layer) for layer in network.layers],
        "hardware": {
            **{key: value for key, value in asdict(export.hardware).items() if value is not False},
            "folds": {name: asdict(fold) for name, fold in export.hardware.folds.items()},
        },
    }
    files = {
        "network.json": dump_json(description).encode(),
        "arrays.safetensors": save_arrays(arrays),
    }
    if export.samples is not None:
        files["samples.safetensors"] = save_arrays(
            {"images": export.samples.images, "labels": export.samples.labels}
        )
    return files


def load(path: Path, *, check: bool = True) -> Export:
    """Read an export directory.

    Parameters
    ----------
    path : Path
    check : bool
        Whether checksums are compared; everything else is always checked.

    Raises
    ------
    SpikewrightError
        If a file is missing, damaged, of another version, or describes an illegal network.
    """
    files = _read(Path(path), check)
    export = decode(files)
    for name, data in encode(export).items():
        if files[name] != data:
            raise SpikewrightError(f"File {name} in {path} is not in canonical form.")
    return export


def decode(files: Mapping[str, bytes]) -> Export:
    """Return the export that ``files`` hold, by name; inverse of :func:`encode`.

    Raises
    ------
    SpikewrightError
        If a file is malformed or describes an illegal network.
    """
    arrays = _arrays(files["arrays.safetensors"], "arrays.safetensors")
    try:
        text = files["network.json"].decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpikewrightError("network.json is not UTF-8 text.") from error
    top = _Fields(parse_json(text, "network.json"), "network.json")
    if top.take("format", str) != FORMAT:
        raise SpikewrightError(f"network.json is not of format {FORMAT}.")
    if (version := top.take("version", int)) != VERSION:
        raise SpikewrightError(f"network.json has version {version}; allowed is {VERSION}.")
    if (order := top.take("order", str)) != ORDER:
        raise SpikewrightError(f"network.json has order {order!r:.80}; allowed is {ORDER}.")
    preprocessing = top.take("preprocessing", dict)
    for value in preprocessing.values():
        if not isinstance(value, (str, int)):
            raise SpikewrightError("network.json has a preprocessing that is no text or integer.")
    layers = tuple(_layer(entry, arrays) for entry in top.take("layers", list))
    network = Network(top.take("steps", int), layers, preprocessing)
    hardware = _hardware(_Fields(top.take("hardware", dict), "hardware"))
    top.done()
    if arrays:
        names = ", ".join(map(repr, arrays))
        raise SpikewrightError(f"arrays.safetensors holds unknown arrays: {names:.200}.")
    samples = None
    if "samples.safetensors" in files:
        found = _arrays(files["samples.safetensors"], "samples.safetensors")
        if set(found) != {"images", "labels"}:
            raise SpikewrightError("samples.safetensors must hold images and labels.")
        samples = Samples(**found)
    export = Export(network, hardware, samples)
    if samples is not None:
        _check_samples(export)
    return export


def digest(path: Path) -> str:
    """Return the SHA-256 of an export's manifest, which names the export as a whole."""
    return hashlib.sha256(read_text(Path(path) / "manifest.json").encode()).hexdigest()


def _read(path: Path, check: bool) -> dict[str, bytes]:
    if not path.is_dir():
        raise SpikewrightError(f"Export {path} is not a directory.")
    _require_file(path, "manifest.json", MAX_TEXT_BYTES)
    top = _Fields(parse_json(read_text(path / "manifest.json"), "manifest.json"), "manifest.json")
    listed = top.take("files", dict)
    top.done()
    required = {"network.json", "arrays.safetensors"}
    allowed = required | {"samples.safetensors"}
    if not required <= set(listed) <= allowed:
        raise SpikewrightError(
            f"manifest.json in {path} lists {', '.join(map(repr, sorted(listed))):.200}; "
            f"required are {', '.join(sorted(required))}, allowed besides is samples.safetensors."
        )
    files = {}
    for name, entry in listed.items():
        _require_file(path, name, MAX_TEXT_BYTES if name.endswith("json") else MAX_ARRAY_BYTES)
        files[name] = (path / name).read_bytes()
        if check and entry != listing({name: files[name]})[name]:
            raise SpikewrightError(f"File {name} in {path} does not match its checksum.")
    return files


def _require_file(path: Path, name: str, limit: int) -> None:
    file = path / name
    if file.is_symlink() or not file.is_file():
        raise SpikewrightError(f"File {name} is missing in {path}.")
    if file.stat().st_size > limit:
        raise SpikewrightError(f"File {file} is larger than the allowed {limit} bytes.")


def _arrays(data: bytes, what: str) -> dict[str, np.ndarray]:
    try:
        arrays = load_arrays(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise SpikewrightError(f"{what} is no valid safetensors file: {error}.") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "iu":
            raise SpikewrightError(
                f"Array {name} in {what} has dtype {array.dtype}; allowed are integers."
            )
    return arrays


class _Fields:
    """A JSON object whose keys are taken one by one; what is missing or left over is refused."""

    def __init__(self, entry: Any, what: str) -> None:
        if not isinstance(entry, dict):
            raise SpikewrightError(f"{what} must be an object, not {type(entry).__name__}.")
        self.entry = dict(entry)
        self.what = what

    def take(self, key: str, kind: type) -> Any:
        if key not in self.entry:
            raise SpikewrightError(f"{self.what} lacks key {key!r}.")
        value = self.entry.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise SpikewrightError(
                f"{self.what} has {key} {value!r:.80}; allowed is {kind.__name__}."
            )
        return value

    def done(self) -> None:
        if self.entry:
            raise SpikewrightError(
                f"{self.what} has unknown keys: {', '.join(map(repr, sorted(self.entry))):.200}."
            )


def _describe(layer: Layer) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": layer.name,
        "kind": layer.kind,
        "inputs": list(layer.inputs),
    }
    if isinstance(layer, Input):
        entry |= {"shape": list(layer.shape), "high": layer.high}
        entry |= {"moving": True} if layer.moving else {}
    elif isinstance(layer, Synapse):
        entry |= {
            "scheme": layer.scheme.name,
            "stride": layer.stride,
            "padding": layer.padding,
        }
    elif isinstance(layer, LIF):
        entry |= {"neuron": asdict(layer.neuron)}
    elif isinstance(layer, MaxPool):
        entry |= {"kernel": layer.kernel, "stride": layer.stride, "padding": layer.padding}
    elif isinstance(layer, Attention):
        entry |= {"heads": layer.heads}
    elif isinstance(layer, Readout):
        entry |= {"scheme": layer.scheme.name}
    return entry


def _layer(entry: Any, arrays: dict[str, np.ndarray]) -> Layer:
    take = _Fields(entry, "A layer")
    name = take.take("name", str)
    take.what = f"Layer {name[:64]!r}"
    kind = take.take("kind", str)
    if kind not in KINDS:
        raise SpikewrightError(
            f"Layer {name[:64]!r} is of kind {kind!r:.40}; allowed are {', '.join(KINDS)}."
        )
    inputs = tuple(take.take("inputs", list))
    if not all(isinstance(i, str) for i in inputs):
        raise SpikewrightError(f"Layer {name[:64]!r} has inputs that are no names.")
    fields: dict[str, Any] = {}
    for noun in KINDS[kind].arrays:
        try:
            fields[noun] = arrays.pop(f"{name}.{noun}")
        except KeyError:
            raise SpikewrightError(
                f"arrays.safetensors lacks the {noun} of layer {name[:64]!r}."
            ) from None
    if kind == "input":
        shape = take.take("shape", list)
        if len(shape) != 3 or not all(type(size) is int for size in shape):
            raise SpikewrightError(
                f"Layer {name[:64]!r} has shape {shape!r:.80}; allowed are three sizes."
            )
        fields |= {"shape": tuple(shape), "high": take.take("high", int)}
        if "moving" in take.entry:
            fields["moving"] = take.take("moving", bool)
    if kind in ("synapse", "readout"):
        fields["scheme"] = Scheme.parse(take.take("scheme", str))
    if kind == "max_pool":
        fields["kernel"] = take.take("kernel", int)
    if kind in ("synapse", "max_pool"):
        fields |= {"stride": take.take("stride", int), "padding": take.take("padding", int)}
    if kind == "attention":
        fields["heads"] = take.take("heads", int)
    if kind == "lif":
        neuron = _Fields(take.take("neuron", dict), f"Neuron of layer {name[:64]!r}")
        values = {
            key: neuron.take(key, str if key in ("charge", "fire", "reset") else int)
            for key in asdict(Neuron())
        }
        neuron.done()
        fields["neuron"] = Neuron(**values)
    take.done()
    return KINDS[kind](name, inputs, **fields)


def _hardware(take: _Fields) -> Hardware:
    folds = {}
    for name, entry in take.take("folds", dict).items():
        fold = _Fields(entry, f"Fold of layer {name[:64]!r}")
        values = {key: fold.take(key, int) for key in ("pe", "simd", "loaders", "steps")}
        names = {key: fold.take(key, str) for key in ("kind", "first")}
        folds[name] = Fold(**values, **names)
        fold.done()
    hardware = Hardware(
        lanes=take.take("lanes", int),
        steps_per_pass=take.take("steps_per_pass", int),
        folds=folds,
        widths=take.take("widths", str),
        fabric=take.take("fabric", str),
        kind=take.take("kind", str),
        parity=take.take("parity", bool) if "parity" in take.entry else False,
        reload=take.take("reload", bool) if "reload" in take.entry else False,
    )
    take.done()
    return hardware


def _check_samples(export: Export) -> None:
    assert export.samples is not None
    images, labels = export.samples.images, export.samples.labels
    export.network.check_images(images)
    classes = export.network.readout.weight.shape[0]
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise SpikewrightError(
            f"Labels have shape {labels.shape} and dtype {labels.dtype}; allowed are "
            f"{len(images)} integers."
        )
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise SpikewrightError(
            f"Labels run {labels.min()}..{labels.max()}; allowed are 0..{classes - 1}."
        )
