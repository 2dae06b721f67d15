"""Every loader as a function of the bytes of one file, with seeds and words for a fuzzer.

A door lets bytes in or raises :class:`SpikewrightError` in one printable line; anything else that
it does is a finding.
"""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save as save_arrays

import boards
from ir import image, store
from ir.characterisation import load as load_characterisation
from ir.errors import SpikewrightError
from ir.layers import Input
from ir.manifest import listing
from ir.strict import dump_json, load_yaml, parse_json, read_text
from sim import anchor, campaign, topology
from spikewright import picture
from sw import cifar, config, event_sets, events, idx
from tests import recordings
from tests.networks import digits_network, random_hardware, random_network, random_samples

ROOT = Path(__file__).resolve().parents[2]
FOUND = Path(__file__).parent / "found"
SMALL = {"count": 20, "width": 8, "height": 8}


@dataclass(frozen=True)
class Door:
    """A loader.

    Parameters
    ----------
    enter : callable
        Takes the bytes of a file and an empty scratch folder, which it may leave dirty.
    seeds : callable
        Returns files that enter.
    words : tuple of bytes
        What a fuzzer should know besides.
    """

    enter: Callable[[bytes, Path], object]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()


def knock(door: Door, content: bytes, scratch: Path) -> str | None:
    """Return how ``door`` refuses ``content``, or None if it lets it in.

    Raises
    ------
    AssertionError
        If the refusal is not one line that a terminal can print.
    Exception
        Whatever else the loader raises, a finding.
    """
    try:
        door.enter(content, scratch)
    except SpikewrightError as error:
        sentence = str(error)
        sentence.encode("utf-8")
        assert sentence.endswith(".") and len(sentence) < 2000, sentence
        assert "\n" not in sentence and "\x1b" not in sentence and "\0" not in sentence, sentence
        return sentence
    return None


def _tensors(content: bytes) -> bytes:
    """Return a safetensors file; behind an H lie its header and, after a zero byte, its values.

    A fuzzer would not find the length that stands before the header.
    """
    if content[:1] != b"H":
        return content
    header, _, values = content[1:].partition(b"\0")
    return struct.pack("<Q", len(header)) + header + values


def _pieces(content: bytes) -> bytes:
    """Return what :func:`_tensors` makes a file of."""
    (length,) = struct.unpack_from("<Q", content)
    return b"H" + content[8 : 8 + length] + b"\0" + content[8 + length :]


def _file(read: Callable[[Path], object], suffix: str) -> Callable[[bytes, Path], object]:
    def enter(content: bytes, scratch: Path) -> object:
        path = scratch / f"file{suffix}"
        path.write_bytes(content)
        return read(path)

    return enter


def _recording(write: Callable[..., object], *how: int) -> Callable[[], list[bytes]]:
    """Return a function to a file with a few events, in the format that ``write`` writes."""

    def seeds() -> list[bytes]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            write(path, recordings.random_events(1, **SMALL), *how)
            return [path.read_bytes()]

    return seeds


def _export() -> list[dict[str, bytes]]:
    """Return the files of small exports with every kind of layer."""
    found = []
    for seed in range(6):
        network = digits_network(0, steps=2) if seed == 0 else random_network(seed)
        made = store.Export(network, random_hardware(network, seed), random_samples(network, seed))
        found.append(store.encode(made))
    return found


def _part(name: str) -> Door:
    """Return the door of one file of an export directory, the others of which are sound."""

    def enter(content: bytes, scratch: Path) -> object:
        which, content = content[:1], content[1:]
        if name.endswith(".safetensors"):
            content = _tensors(content)
        kept = exports[which[0] % len(exports) if which else 0]
        for other, data in kept.items():
            (scratch / other).write_bytes(content if other == name else data)
        files = {"files": {other: {} for other in kept}}
        (scratch / "manifest.json").write_text(dump_json(files))
        return store.load(scratch, check=False)

    exports = _export()
    seeds = [bytes([number]) + files[name] for number, files in enumerate(exports)]
    if name.endswith(".safetensors"):
        seeds += [seed[:1] + _pieces(seed[1:]) for seed in seeds]
    words = tuple(f'"{key}"'.encode() for key in _keys(json.loads(exports[0]["network.json"])))
    return Door(enter, lambda: seeds, words)


def _keys(entry: object) -> set[str]:
    if isinstance(entry, dict):
        return set(entry).union(*map(_keys, entry.values()))
    return set().union(*map(_keys, entry)) if isinstance(entry, list) else set()


def _manifest() -> Door:
    files = _export()[1]

    def enter(content: bytes, scratch: Path) -> object:
        for name, data in files.items():
            (scratch / name).write_bytes(data)
        (scratch / "manifest.json").write_bytes(content)
        return store.load(scratch)

    return Door(enter, lambda: [dump_json({"files": listing(files)}).encode()], (b"../", b"/"))


def _listed(content: bytes, scratch: Path) -> object:
    """Labels of recordings: the table that lies beside the files it lists."""
    for name in ("a.bin", "b.bin"):
        recordings.write_bin40(scratch / name, recordings.random_events(1, **SMALL))
    (scratch / event_sets.LABELS).write_bytes(content)
    return event_sets.part("nmnist", scratch, 2, "time", learned=True)


def _trials(content: bytes, scratch: Path) -> object:
    """A list of trials, then behind a zero byte the labels of one of them."""
    trials, _, labels = content.partition(b"\0")
    recordings.write_aedat3(scratch / "user.aedat", recordings.random_events(1, **SMALL))
    (scratch / "user_labels.csv").write_bytes(labels)
    (scratch / "trials_to_train.txt").write_bytes(trials)
    return event_sets.part("dvs128_gesture", scratch, 2, "time", learned=True)


def _framed(read: Callable[[Path], events.Events], suffix: str) -> Callable[[bytes, Path], object]:
    def framed(path: Path) -> object:
        found = read(path)
        return [events.frames(found, 3, by, 34, 34) for by in ("count", "time")]

    return _file(framed, suffix)


def _idx(values: np.ndarray) -> bytes:
    head = b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.astype(np.uint8).tobytes()


def _checkpoint() -> Door:
    from sw import checkpoint

    arrays = {
        "a.weight": np.ones((2, 3), np.float32),
        "a.count": np.ones((), np.int64),
        "b.count": np.ones(2, np.uint8),
        "b.flag": np.ones(2, bool),
    }
    state = {"spikewright": dump_json({"epoch": 3, "accuracy": {"float": 0.5}})}
    seeds = [save_arrays(arrays, metadata=state), save_arrays({}, metadata=state)]
    kinds = ("F64", "BF16", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "I8", "U16", "C64")
    read = _file(checkpoint.load, ".safetensors")
    return Door(
        lambda content, scratch: read(_tensors(content), scratch),
        lambda: seeds + [_pieces(seed) for seed in seeds],
        tuple(f'"{kind}"'.encode() for kind in kinds),
    )


def _pictures() -> list[bytes]:
    """Return grey pictures of 8 x 8 pixels in every format."""
    found = []
    for name in picture.FORMATS:
        Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(file := BytesIO(), name)
        found.append(file.getvalue())
    return found


def _arrays() -> list[bytes]:
    """Return NumPy files of 8 x 8 pixels, and with another version of the format."""
    found = []
    for kind, version in ((np.uint8, (1, 0)), (np.int64, (2, 0))):
        pixels = np.arange(64).reshape(8, 8).astype(kind)
        np.lib.format.write_array(file := BytesIO(), pixels, version)
        found.append(file.getvalue())
    return found


def _texts(*patterns: str) -> Callable[[], list[bytes]]:
    return lambda: [p.read_bytes() for pattern in patterns for p in sorted(ROOT.glob(pattern))]


def _small_characterisation() -> list[bytes]:
    """Return the shipped coefficients, cut down to one model of one fabric."""
    entry = json.loads((ROOT / "ir/characterisation.json").read_text())
    fabric, costs = next(iter(entry["fabrics"].items()))
    model, values = next(iter(costs["models"].items()))
    entry["fabrics"] = {fabric: costs | {"models": {model: values}, "checks": costs["checks"][:1]}}
    entry["lanes"] = entry["lanes"][:2]
    return [dump_json(entry).encode()]


_TAGS = (b"!!int ", b"!!float ", b"!!timestamp ", b"!!binary ", b"!!python/name:", b"<<: ", b"&a ")
_DATES = (b"2001-01-01", b"0x", b"0b", b"1:59", b".inf", b".nan", b"~", b"1e9")
_PIXELS = Input("input", (), (1, 8, 8), 255)
_GZIP = [gzip.compress(_idx(np.zeros((2, 3, 4))), mtime=0)]

DOORS: dict[str, Callable[[], Door]] = {
    "network": lambda: _part("network.json"),
    "arrays": lambda: _part("arrays.safetensors"),
    "samples": lambda: _part("samples.safetensors"),
    "manifest": _manifest,
    "json": lambda: Door(
        lambda content, _: parse_json(content.decode("utf-8", "replace"), "Text"),
        lambda: [b'{"a": [1, -2.5e3, "b\\u00e9"], "c": {"d": null, "e": true}}'],
    ),
    "yaml": lambda: Door(
        _file(load_yaml, ".yaml"),
        lambda: [b"a: [1, 2.5, x]\nb: {c: true, 'd': ~}\ne: |\n  text\n"],
        _TAGS + _DATES,
    ),
    "run_file": lambda: Door(
        _file(lambda path: config.load(path).to_yaml(), ".yaml"),
        _texts("configs/search-digits.yaml", "configs/mnist.yaml", "configs/nmnist.yaml"),
        _TAGS + _DATES,
    ),
    "board": lambda: Door(_file(boards.load, ".yaml"), _texts("boards/*.yaml"), _TAGS + _DATES),
    "anchor": lambda: Door(
        _file(anchor.load, ".yaml"), _texts("configs/*-reduced.yaml"), _TAGS + _DATES
    ),
    "case": lambda: Door(  # up to its network; no hardware is built
        _file(lambda path: topology.build(campaign.read_case(path)[0]), ".yaml"),
        _texts("tests/sim/found/*.yaml"),
    ),
    "characterisation": lambda: Door(
        _file(load_characterisation.__wrapped__, ".json"), _small_characterisation
    ),
    "image": lambda: Door(
        _file(lambda path: image.Image.parse("q", 12, 3, read_text(path)), ".mem"),
        lambda: [b"2f1\n005\nfff\n"],
    ),
    "idx": lambda: Door(
        _file(idx.read, ""), lambda: [_idx(np.arange(6).reshape(1, 2, 3)), _idx(np.arange(3))]
    ),
    "idx_gz": lambda: Door(_file(idx.read, ".gz"), lambda: _GZIP),
    "picture": lambda: Door(_file(lambda path: picture.read(path, _PIXELS), ".png"), _pictures),
    "npy": lambda: Door(
        _file(lambda path: picture.read(path, _PIXELS), ".npy"),
        _arrays,
        (b"'descr': '|O'", b"PK\3\4"),
    ),
    "cifar": lambda: Door(_file(cifar.read, ".bin"), lambda: [b"\5" + bytes(3072)]),
    "bin40": lambda: Door(_framed(events.read_bin40, ".bin"), _recording(recordings.write_bin40)),
    "aedat2": lambda: Door(
        _framed(events.read_aedat2, ".aedat"), _recording(recordings.write_aedat2)
    ),
    "aedat3": lambda: Door(
        _framed(events.read_aedat3, ".aedat"), _recording(recordings.write_aedat3, 7, 1)
    ),
    "labels": lambda: Door(
        _listed,
        lambda: [b"file\tlabel\tn_mnist_split\na.bin\t0\ttrain\nb.bin\t1\ttest\n"],
        (b"..", b"/etc/passwd"),
    ),
    "trials": lambda: Door(
        _trials,
        lambda: [b"user.aedat\n\0class,startTime_usec,endTime_usec\n1,0,1000\n2,1000,5000\n"],
        (b"..", b"/etc/passwd"),
    ),
    "checkpoint": _checkpoint,
}


def emptied(folder: Path) -> Path:
    """Return ``folder`` without what a door left there."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return folder
