"""The run file is strict, and reading it loads no PyTorch."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ir.errors import SpikewrightError
from sw import config

DIGITS = Path(__file__).parents[2] / "configs" / "digits.yaml"
MNIST = DIGITS.with_name("mnist.yaml")


@pytest.fixture
def entries():
    return yaml.safe_load(DIGITS.read_text())


def at(entries, path):
    for part in path:
        entries = entries[part]
    return entries


def sections(entries, path=()):
    """Yield the path of every mapping whose keys are fixed."""
    if path not in (("quantization", "layers"), ("hardware", "folds")):
        yield path
        for key, value in at(entries, path).items():
            if isinstance(value, dict):
                yield from sections(entries, (*path, key))


def refusal(entries):
    with pytest.raises(SpikewrightError) as caught:
        config.parse(entries)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def sections_of_demo():
    return list(sections(yaml.safe_load(DIGITS.read_text())))


def test_demo_is_read_and_written_back():
    demo = config.load(DIGITS)
    assert demo.quantization.scheme("tokenizer.0.conv").name == "u4"
    assert demo.model.grid == (4, 4)
    assert demo.simulation.images is None
    assert config.parse(yaml.safe_load(demo.to_yaml())) == demo


def test_demo_mixes_both_schemes_in_2_to_4_bits():
    demo = config.load(DIGITS)
    schemes = [demo.quantization.scheme(name) for name in demo.model.synapses]
    assert {scheme.bits for scheme in schemes} == {2, 3, 4}
    assert {scheme.kind for scheme in schemes} == {"u", "pot"}


@pytest.mark.parametrize("path", sections_of_demo(), ids=".".join)
def test_unknown_and_missing_keys_are_refused_by_name(entries, path):
    section = at(entries, path)
    section["surprise"] = 1
    name = ".".join((*path, "surprise"))
    assert refusal(entries) == f"Run file has unknown key: {name}."
    del section["surprise"]
    for key in list(section):
        value = section.pop(key)
        assert refusal(entries) == f"Run file has missing key: {'.'.join((*path, key))}."
        section[key] = value


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("training", "batch_size"), 0, "training.batch_size is 0"),
        (("training", "batch_size"), True, "training.batch_size is True"),
        (("training", "learning_rate"), "1e-3", "training.learning_rate is '1e-3'"),
        (("training", "learning_rate"), float("nan"), "training.learning_rate is nan"),
        (("model", "steps"), -4, "model.steps is -4"),
        (("model", "kind"), "cnn", "model.kind is 'cnn'; allowed are spikformer, mlp."),
        (("model",), 3, "model is 3"),
        (("model", "heads"), 5, "model.heads is 5; allowed are divisors of the 32 channels"),
        (("model", "attention_scale"), 0.3, "model.attention_scale is 0.3; allowed are powers"),
        (("model", "tokenizer"), [], "model.tokenizer"),
        (("model", "image", "height"), -8, "model.image.height is -8"),
        (("model", "tokenizer", 0, "pool", "padding"), 2, "model.tokenizer.0.pool.padding is 2"),
        (("model", "tokenizer", 0, "pool", "kernel"), 16, "leaves a -2 x -2 map of tokens"),
        (("quantization", "default"), "u9", "Scheme u9 is unknown; allowed are u2..u8"),
        (("quantization", "layers", "block.1.q"), "u2", "quantization.layers names 'block.1.q'"),
        (("quantization", "layers", "head"), "pot9", "Scheme pot9 is unknown"),
        (("quantization", "frac_bits"), 17, "quantization.frac_bits is 17"),
        (("hardware", "folds", "../x"), {"pe": 1, "simd": 1}, "hardware.folds names '../x'"),
        (("hardware", "folds", "head"), {"pe": 0, "simd": 1}, "hardware.folds.head.pe is 0"),
        (("hardware", "folds", "head"), {"pe": 1, "simd": 1, "steps": 65}, "hardware.folds.head.steps is 65"),
        (("hardware", "steps_per_pass"), 3, "hardware.steps_per_pass is 3; allowed are divisors"),
        (("hardware", "widths"), "wide", "hardware.widths is 'wide'"),
        (("data", "name"), "cifar", "data.name is 'cifar'"),
        (("synthesis", "board"), "../../etc", "synthesis.board is '../../etc'"),
        (("name",), "../run", "name is '../run'"),
        (("simulation",), 3, "simulation is 3"),
    ],
)
def test_wrong_values_are_refused_in_a_sentence(entries, path, value, words):
    at(entries, path[:-1])[path[-1]] = value
    assert words in refusal(entries)


@pytest.mark.parametrize("path", [("model",), ("model", "image")], ids=".".join)
def test_keys_of_the_mlp_are_refused_by_name(path):
    entries = yaml.safe_load(MNIST.read_text())
    section = at(entries, path)
    section["heads"] = 1
    assert refusal(entries) == f"Run file has unknown key: {'.'.join((*path, 'heads'))}."
    del section["heads"]
    for key in set(section) - {"kind"}:
        value = section.pop(key)
        assert refusal(entries) == f"Run file has missing key: {'.'.join((*path, key))}."
        section[key] = value


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("model", "hidden"), [], "model.hidden is []"),
        (("model", "hidden"), [0], "model.hidden.0 is 0"),
        (("model", "image", "height"), 4096, "has 114688 values; an mlp takes up to 4096"),
        (("quantization", "layers", "hidden.1.fc"), "u2", "names 'hidden.1.fc'"),
        (("hardware", "folds", "hidden.1.fc"), {"pe": 1, "simd": 1}, "names 'hidden.1.fc'"),
    ],
)
def test_wrong_values_of_the_mlp_are_refused(path, value, words):
    entries = yaml.safe_load(MNIST.read_text())
    at(entries, path[:-1])[path[-1]] = value
    assert words in refusal(entries)


def test_mlp_is_read_and_written_back():
    found = config.load(MNIST)
    assert found.model.kind == "mlp"
    assert found.model.synapses == ("hidden.0.fc", "head")
    assert found.model.input_shape == (784, 1, 1)
    assert config.parse(yaml.safe_load(found.to_yaml())) == found
    deeper = config.override(found, {"model.hidden": [128, 32]})
    assert deeper.model.foldable == ("hidden.0.fc", "hidden.1.fc", "head")


def test_flags_beat_the_file():
    demo = config.load(DIGITS)
    changed = config.override(
        demo,
        {
            "training.float_epochs": 3,
            "quantization.layers.block.0.fc2": "u2",
            "hardware.folds.head": {"pe": 2, "simd": 4},
            "hardware.folds.block.0.fc1": {"pe": 2, "simd": 4, "steps": 2},
            "model.tokenizer.0.pool": None,
            "simulation.images": 5,
        },
    )
    assert changed.training.float_epochs == 3
    assert changed.quantization.scheme("block.0.fc2").name == "u2"
    assert changed.hardware.request.folds["head"].simd == 4
    assert {n: fold.steps for n, fold in changed.hardware.request.folds.items()} == {
        "head": 0,
        "block.0.fc1": 2,
    }
    assert changed.model.grid == (8, 8)
    assert changed.simulation.images == 5
    assert demo.training.float_epochs != 3


@pytest.mark.parametrize(
    "key", ["training.epochs", "training", "surprise.x", "model.tokenizer.9.pool"]
)
def test_flags_must_exist(key):
    with pytest.raises(SpikewrightError, match="Run file"):
        config.override(config.load(DIGITS), {key: 3})


def test_reading_a_run_file_loads_no_torch():
    code = (
        "import sys; from pathlib import Path; from sw import config;"
        f"config.load(Path({str(DIGITS)!r}));"
        "found = {'torch', 'spikingjelly', 'amaranth'} & set(sys.modules);"
        "sys.exit(', '.join(found) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
