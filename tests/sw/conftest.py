"""A tiny run file, and a model of it with lively neurons."""

from pathlib import Path

import pytest
import torch
import yaml

from sw import config
from sw.build import build

DIGITS = Path(__file__).parents[2] / "configs" / "digits.yaml"
MNIST = DIGITS.with_name("mnist.yaml")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def tiny():
    """Return a run file with two blocks, every kind of scheme, and two pools."""
    entries = yaml.safe_load(DIGITS.read_text())
    entries["model"] |= {
        "steps": 3,
        "tokenizer": [
            {"channels": 6, "pool": {"kernel": 3, "stride": 2, "padding": 1}},
            {"channels": 8, "pool": {"kernel": 2, "stride": 1, "padding": 0}},
        ],
        "heads": 2,
        "depth": 2,
    }
    entries["hardware"]["steps_per_pass"] = 3
    entries["quantization"]["layers"] |= {
        "block.1.q": "pot4",
        "block.1.k": "u5",
        "block.1.v": "u8",
    }
    entries["training"] |= {
        "float_epochs": 1,
        "quantized_epochs": 1,
        "folded_epochs": 1,
        "batch_size": 128,
        "threads": 1,
    }
    return config.parse(entries)


@pytest.fixture
def small_mlp():
    """Return a run file of two hidden layers over 2 x 5 x 3 pixels of 2 bits."""
    entries = yaml.safe_load(MNIST.read_text())
    entries["model"] |= {
        "steps": 3,
        "image": {"channels": 2, "height": 5, "width": 3, "high": 3},
        "hidden": [9, 7],
    }
    entries["hardware"] |= {"steps_per_pass": 3, "folds": {}}
    entries["quantization"] |= {"default": "u4", "layers": {"hidden.1.fc": "pot3"}}
    return config.parse(entries)


@pytest.fixture
def space():
    """Return a section ``search`` with the candidates of SpikeHQ."""
    return {
        "candidates": ["fp32", "pot2", "pot4", "u2", "u4"],
        "pinned": {},
        "costs": {"energy45": 1.0},
        "lambdas": [1.0],
        "energy": {"table": "int32", "constants": {}},
        "fabric": "ecp5",
        "epochs": 2,
        "warm_up_epochs": 1,
        "learning_rate": 0.004,
        "architecture_rate": 0.02,
        "architecture_share": 0.5,
        "temperature": {"schedule": "exponential", "first": 5.0, "last": 0.2},
    }


@pytest.fixture
def lively():
    """Return a function that builds an untrained model with lively neurons."""
    return _lively


@pytest.fixture
def random_images():
    """Return a function that draws images over the whole range."""
    return _random_images


def _lively(settings, seed=0, classes=10):
    """Return an untrained model whose batch norms have odd factors, signs and statistics."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build(settings, classes)
    for name, part in model.named_modules():
        if name.endswith("norm"):
            count = part.num_features
            sign = torch.randint(0, 2, (count,), generator=generator) * 2 - 1
            part.weight.data = sign * (0.5 + 2 * torch.rand(count, generator=generator))
            part.bias.data = torch.randn(count, generator=generator) * 0.5 + 0.5
            part.momentum = 1.0
    # One batch in training mode leaves statistics under which every layer fires.
    model.train()
    with torch.no_grad():
        model(_random_images(settings, 16, seed))
    return model.eval()


def _random_images(settings, count, seed=0):
    """Return uint8 images over the whole range."""
    image = settings.model.image
    generator = torch.Generator().manual_seed(seed)
    shape = (count, image.channels, image.height, image.width)
    return torch.randint(0, image.high + 1, shape, generator=generator, dtype=torch.uint8)
