"""The export directory: round trips, and every damage refused in one sentence."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from ir.fold import Fold, Hardware
from ir.store import MAX_ARRAY_BYTES, Samples, decode, digest, encode, load, save
from tests.ir.conftest import seal
from tests.networks import random_hardware, random_network, random_samples

FILES = ("arrays.safetensors", "manifest.json", "network.json", "samples.safetensors")


def contents(path):
    return {p.name: p.read_bytes() for p in path.iterdir()}


def same(a, b):
    assert a.network.edges == b.network.edges
    assert a.network.steps == b.network.steps
    assert dict(a.network.preprocessing) == dict(b.network.preprocessing)
    assert a.hardware == b.hardware
    for layer in a.network.layers:
        other = b.network[layer.name]
        assert type(layer) is type(other) and layer.inputs == other.inputs
        for key, value in layer.__dict__.items():
            assert np.array_equal(value, getattr(other, key)), (layer.name, key)
        for noun in layer.arrays:
            assert getattr(layer, noun).dtype == getattr(other, noun).dtype
    assert (a.samples is None) == (b.samples is None)
    if a.samples is not None:
        assert np.array_equal(a.samples.images, b.samples.images)
        assert np.array_equal(a.samples.labels, b.samples.labels)


@pytest.mark.parametrize("flag", ["parity", "reload"])
def test_flags_are_recorded_where_they_are_asked_for(export, tmp_path, flag):
    for given in (False, True):
        save(tmp_path / "x", export.network, replace(export.hardware, **{flag: given}))
        assert getattr(load(tmp_path / "x").hardware, flag) is given
        known = json.loads((tmp_path / "x/network.json").read_text())["hardware"]
        assert (flag in known) is given


def test_round_trip_gives_the_same_network_and_the_same_bytes(export, directory, tmp_path):
    loaded = load(directory)
    same(loaded, export)
    again = tmp_path / "again"
    save(again, loaded.network, loaded.hardware, loaded.samples)
    assert contents(again) == contents(directory)
    assert sorted(contents(again)) == sorted(FILES)
    assert digest(again) == digest(directory)


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_random_networks_survive(seed, moving, tmp_path):
    network = random_network(seed, moving=moving)
    samples = random_samples(network, seed) if seed % 2 else None
    widths = "format" if seed % 3 else "actual"
    hardware = random_hardware(network, seed, widths=widths, slices=0.5 * (seed % 2))
    save(tmp_path / "x", network, hardware, samples)
    loaded = load(tmp_path / "x")
    assert loaded.hardware == hardware
    assert loaded.network.input.moving == moving
    assert loaded.network.edges == network.edges
    found = contents(tmp_path / "x")
    assert ("samples.safetensors" in found) == (samples is not None)
    del found["manifest.json"]
    assert encode(loaded) == found


def test_saving_twice_replaces(export, directory):
    save(directory, export.network, export.hardware)
    assert sorted(contents(directory)) == sorted(set(FILES) - {"samples.safetensors"})
    assert load(directory).samples is None


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("keep", [0, 1, 8, 100, -1])
@pytest.mark.parametrize("check", [True, False])
def test_truncated_files_are_refused(directory, refused, name, keep, check):
    data = (directory / name).read_bytes()
    (directory / name).write_bytes(data[:keep])
    if name == "manifest.json" and keep == -1:
        load(directory, check=check)  # it says the same without its last newline
        return
    with refused(""):
        load(directory, check=check)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["missing", "link", "directory", "dangling"])
def test_missing_files_links_and_directories_are_refused(directory, refused, tmp_path, name, kind):
    file = directory / name
    data = file.read_bytes()
    file.unlink()
    if kind == "link":
        (tmp_path / "outside").write_bytes(data)
        file.symlink_to(tmp_path / "outside")
    elif kind == "directory":
        file.mkdir()
    elif kind == "dangling":
        file.symlink_to(tmp_path / "nowhere")
    with refused(f"File {name} is missing in"):
        load(directory)


def test_pipe_instead_of_a_file_does_not_block(directory, refused):
    (directory / "manifest.json").unlink()
    os.mkfifo(directory / "manifest.json")
    with refused("File manifest.json is missing in"):
        load(directory)


def test_no_directory_is_refused(tmp_path, refused):
    with refused("is not a directory"):
        load(tmp_path / "nothing")


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "a/../../b", "network.json\n", "x" * 100_000, "", "..", "\0"],
)
def test_foreign_names_in_the_manifest_are_refused(directory, refused, name):
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["files"][name] = manifest["files"]["network.json"]
    (directory / "manifest.json").write_text(json.dumps(manifest))
    with refused("required are"):
        load(directory)


@pytest.mark.parametrize("name", FILES[:1] + FILES[2:3])
def test_files_that_the_manifest_forgets_are_refused(directory, refused, name):
    manifest = json.loads((directory / "manifest.json").read_text())
    del manifest["files"][name]
    (directory / "manifest.json").write_text(json.dumps(manifest))
    with refused("required are arrays.safetensors, network.json"):
        load(directory)


@pytest.mark.parametrize("entry", [None, 3, "abc", {}, {"sha256": "0" * 64, "bytes": 1}, []])
def test_wrong_checksums_are_refused(directory, refused, entry):
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["files"]["network.json"] = entry
    (directory / "manifest.json").write_text(json.dumps(manifest))
    with refused("File network.json"):
        load(directory)
    load(directory, check=False)


def test_extra_key_of_the_manifest_is_refused(directory, refused):
    manifest = json.loads((directory / "manifest.json").read_text())
    (directory / "manifest.json").write_text(json.dumps({**manifest, "more": 1}))
    with refused("manifest.json has unknown keys: 'more'"):
        load(directory)


def test_oversize_files_are_refused(directory, refused):
    with open(directory / "network.json", "ab") as file:
        file.truncate(1 << 21)
    with refused("larger than the allowed 1048576 bytes"):
        load(directory)
    (directory / "network.json").write_bytes(b"")
    with open(directory / "arrays.safetensors", "ab") as file:
        file.truncate(MAX_ARRAY_BYTES + 1)  # sparse
    with refused(""):
        load(directory)


def test_other_layout_of_the_same_json_is_refused(directory, refused):
    text = json.dumps(json.loads((directory / "network.json").read_text()))
    seal(directory, network_json=text.encode())
    with refused("is not in canonical form"):
        load(directory)


def edited(directory, change):
    top = json.loads((directory / "network.json").read_text())
    change(top, {layer["name"]: layer for layer in top["layers"]})
    seal(directory, network_json=(json.dumps(top, indent=1, sort_keys=True) + "\n").encode())


def at(*path, value=None, delete=False):
    """Return a change of one place in network.json; layers are found by name."""

    def change(top, layers):
        place = {**top, "layer": layers}
        *way, last = path
        for key in way:
            place = place[key]
        target = top if not way else place
        if delete:
            del target[last]
        else:
            target[last] = value

    return change


CONV, LIF, POOL = ("layer", "tokenizer.0.conv"), ("layer", "tokenizer.0.lif"), ("layer", "tokenizer.0.pool")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (at("format", value="onnx"), "network.json is not of format spikewright-export."),
        (at("version", value=2), "network.json has version 2; allowed is 1."),
        (at("version", value="1"), "network.json has version '1'; allowed is int."),
        (at("version", value=True), "has version True; allowed is int."),
        (at("version", delete=True), "network.json lacks key 'version'."),
        (at("order", value="TCP" * 1000), "has order 'TCPTCP"),
        (at("extra", value=1), "network.json has unknown keys: 'extra'."),
        (at("steps", value=-2), "Network has -2 time steps"),
        (at("steps", value=2.0), "network.json has steps 2.0; allowed is int."),
        (at("steps", value=10**30), "an integer has more than 20 digits"),
        (at("layers", value={}), "has layers {}; allowed is list."),
        (at("layers", value=[]), "Network must begin with its input layer."),
        (at("layers", value=[1]), "A layer must be an object, not int."),
        (at("preprocessing", value={"a": []}), "preprocessing that is no text or integer."),
        (at(*CONV, "extra", value=1), "Layer 'tokenizer.0.conv' has unknown keys: 'extra'."),
        (at(*CONV, "stride", delete=True), "Layer 'tokenizer.0.conv' lacks key 'stride'."),
        (at(*CONV, "stride", value=0), "Layer tokenizer.0.conv (synapse) has kernel 3, stride 0"),
        (at(*CONV, "stride", value=-1), "stride -1"),
        (at(*CONV, "padding", value=-1), "padding -1"),
        (at(*CONV, "padding", value=10**9), "padding 1000000000"),
        (at(*CONV, "scheme", value="u9"), "Scheme u9 is unknown"),
        (at(*CONV, "scheme", value=4), "has scheme 4; allowed is str."),
        (at(*CONV, "inputs", value=["../input"]), "takes '../input', which is no earlier layer."),
        (at(*CONV, "inputs", value=[1]), "has inputs that are no names."),
        (at(*CONV, "kind", value="lstm"), "is of kind 'lstm'; allowed are input, synapse"),
        (at(*CONV, "name", value="../../etc"), "lacks the weight of layer '../../etc'."),
        (at(*CONV, "name", value="x" * 500_000), "lacks the weight of layer 'xxx"),
        (at("layer", "input", "name", value="../input"), "Layer name '../input' is illegal"),
        (at("layer", "input", "name", value="a\nb"), "Layer name 'a\\nb' is illegal"),
        (at("layer", "input", "name", value="x" * 500_000), "is illegal"),
        (at("layer", "input", "shape", value=[1, -8, 8]), "Layer input (input) has shape (1, -8, 8)"),
        (at("layer", "input", "shape", value=[1, 8]), "has shape [1, 8]; allowed are three sizes."),
        (at("layer", "input", "shape", value=[1, 8, 8.0]), "allowed are three sizes."),
        (at("layer", "input", "shape", value=[1, 8, 9999]), "has shape (1, 8, 9999)"),
        (at("layer", "input", "high", value=0), "has largest value 0"),
        (at(*LIF, "neuron", value=[]), "has neuron []; allowed is dict."),
        (at(*LIF, "neuron", "charge", value="x"), "Neuron charge is 'x'; allowed are half, shift, none."),
        (at(*LIF, "neuron", "frac_bits", value=99), "Neuron frac_bits is 99"),
        (at(*LIF, "neuron", "more", value=99), "Neuron of layer 'tokenizer.0.lif' has unknown keys: 'more'."),
        (at(*POOL, "kernel", value=-3), "Layer tokenizer.0.pool (max_pool) has kernel -3"),
        (at(*POOL, "kernel", value=99), "Layer tokenizer.0.pool (max_pool) has kernel 99"),
        (at("layer", "block.0.attention", "heads", value=-1), "has -1 heads"),
        (at("layer", "block.0.attention", "heads", value=3), "has 3 heads; allowed are divisors of 4."),
        (at("hardware", "lanes", value=0), "Hardware has lanes 0"),
        (at("hardware", "widths", value="wide"), "Hardware has widths 'wide'"),
        (at("hardware", "more", value=0), "hardware has unknown keys: 'more'."),
        (at("hardware", "steps_per_pass", value=65), "Hardware has steps_per_pass 65"),
        (at("hardware", "folds", "head", value=3), "Fold of layer 'head' must be an object, not int."),
        (at("hardware", "folds", "block.0.attention", "first", value="x"), "Fold has first 'x'; allowed are kv, qk and nothing."),
        (at("hardware", "folds", "block.0.attention", "first", value=1), "Fold of layer 'block.0.attention' has first 1; allowed is str."),
        (at("hardware", "folds", "head", "pe", value=-1), "Fold has pe -1; allowed are 1..4096."),
        (at("hardware", "folds", "head", "steps", value=65), "Fold has steps 65; allowed are 0..64."),
        (at("hardware", "folds", "head", "steps", delete=True), "Fold of layer 'head' lacks key 'steps'."),
        (at("hardware", "folds", "head", "pe", value=True), "has pe True; allowed is int."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("check", [True, False])
def test_illegal_descriptions_are_refused(directory, refused, change, part, check):
    edited(directory, change)
    with refused(part):
        load(directory, check=check)


@pytest.mark.parametrize(
    "data", [b"\xff\xfe", b"", b"{", b"[]", b'{"a": NaN}', b"[" * 50_000, b'{"version": 1, "version": 1}']
)
def test_no_json_is_refused(directory, refused, data):
    seal(directory, network_json=data)
    with refused("network.json"):
        load(directory)


def change_arrays(directory, file, change):
    arrays = load_arrays((directory / f"{file}.safetensors").read_bytes())
    change(arrays)
    seal(directory, **{f"{file}_safetensors": save_arrays(arrays)})


def put(name, make):
    return lambda arrays: arrays.update({name: make(arrays.get(name))})


W = "tokenizer.0.conv.weight"


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (put(W, lambda w: np.full(w.shape, np.nan, np.float32)), f"Array {W} in arrays.safetensors has dtype float32"),
        (put(W, lambda w: w.astype(bool)), "has dtype bool; allowed are integers."),
        (put(W, lambda w: w.astype(np.uint8)), "no filled array of signed integers"),
        (put(W, lambda w: np.full_like(w, 100)), "Layer tokenizer.0.conv (synapse) has weight"),
        (put(W, lambda w: w[:, :, :0]), "no filled array"),
        (put(W, lambda w: w[:, :, :2]), "has weights of shape (2, 1, 2, 3)"),
        (put(W, lambda w: w[0]), "has weights of shape (1, 3, 3)"),
        (put(W, lambda w: np.repeat(w, 2, 1)), "takes 2 channels but its input has 1."),
        (put("tokenizer.0.lif.bias", lambda b: b[:-1]), "has bias of shape (1,); allowed is (2,)."),
        (put("tokenizer.0.lif.threshold", lambda b: b + (1 << 50)), "has threshold beyond 48 bits."),
        (put("../../evil", lambda _: np.ones(1, np.int8)), "arrays.safetensors holds unknown arrays: '../../evil'."),
        (lambda arrays: arrays.pop(W), "arrays.safetensors lacks the weight of layer 'tokenizer.0.conv'."),
        (lambda arrays: arrays.clear(), "arrays.safetensors lacks"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("check", [True, False])
def test_illegal_arrays_are_refused(directory, refused, change, part, check):
    change_arrays(directory, "arrays", change)
    with refused(part):
        load(directory, check=check)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (put("images", lambda x: x[:, :, :-1]), "Images have shape (3, 1, 7, 8); allowed is (count, 1, 8, 8)."),
        (put("images", lambda x: x[0]), "Images have shape (1, 8, 8)"),
        (put("images", lambda x: x + 17), "allowed are 0..16."),
        (put("images", lambda x: -x.astype(np.int16) - 1), "allowed are 0..16."),
        (put("images", lambda x: x.astype(np.float32)), "has dtype float32; allowed are integers."),
        (put("labels", lambda y: y[:-1]), "Labels have shape (2,) and dtype int64; allowed are 3 integers."),
        (put("labels", lambda y: y + 10), "allowed are 0..9."),
        (put("labels", lambda y: y - 10), "allowed are 0..9."),
        (put("more", lambda _: np.ones(1)), "Array more in samples.safetensors has dtype float64"),
        (put("more", lambda _: np.ones(1, np.int8)), "samples.safetensors must hold images and labels."),
        (lambda arrays: arrays.pop("labels"), "samples.safetensors must hold images and labels."),
    ],
)  # fmt: skip
def test_illegal_samples_are_refused(directory, refused, change, part):
    change_arrays(directory, "samples", change)
    with refused(part):
        load(directory)


def header(data, change):
    """Return safetensors bytes whose JSON header was changed."""
    size = int.from_bytes(data[:8], "little")
    top = json.loads(data[8 : 8 + size])
    change(top)
    text = json.dumps(top).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


@pytest.mark.parametrize(
    "change",
    [
        lambda top: top[W].update(shape=[-2, 1, 3, 3]),
        lambda top: top[W].update(shape=[2**40, 2**40]),
        lambda top: top[W].update(dtype="BF16"),
        lambda top: top[W].update(dtype="F64"),
        lambda top: top[W].update(dtype="F8_E4M3"),
        lambda top: top[W].update(data_offsets=[0, 2**62]),
        lambda top: top[W].update(data_offsets=[-5, 4]),
        lambda top: top.clear(),
        lambda top: top.update(__metadata__={"a": "b"}),
    ],
)
def test_hostile_headers_are_refused(directory, refused, change):
    data = (directory / "arrays.safetensors").read_bytes()
    seal(directory, arrays_safetensors=header(data, change))
    with refused(""):
        load(directory)


def test_huge_header_length_is_refused(directory, refused):
    data = (directory / "arrays.safetensors").read_bytes()
    seal(directory, arrays_safetensors=b"\xff" * 8 + data[8:])
    with refused("arrays.safetensors is no valid safetensors file"):
        load(directory)


@pytest.mark.parametrize(
    ("samples", "part"),
    [
        (lambda s: Samples(s.images[:, :, 1:], s.labels), "Images have shape"),
        (lambda s: Samples(s.images + 17, s.labels), "Images hold values"),
        (lambda s: Samples(s.images, s.labels + 99), "Labels run"),
        (lambda s: Samples(s.images, s.labels[1:]), "Labels have shape"),
    ],
)
def test_refused_samples_leave_nothing_behind(export, tmp_path, refused, samples, part):
    with refused(part):
        save(tmp_path / "x", export.network, export.hardware, samples(export.samples))
    assert list(tmp_path.iterdir()) == []


def test_foreign_output_is_refused_and_kept(export, tmp_path, refused):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").write_text("")
    with refused("was not written by this command"):
        save(tmp_path / "x", export.network, export.hardware)
    assert [p.name for p in (tmp_path / "x").iterdir()] == ["mine"]


def test_decode_inverts_encode_without_samples(export):
    bare = replace(export, samples=None, hardware=Hardware(64, 2, {"head": Fold(1, 2)}, "format"))
    same(decode(encode(bare)), bare)
