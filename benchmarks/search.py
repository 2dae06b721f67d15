"""A step of the search beside a step of quantization-aware training of the same network.

python benchmarks/search.py configs/search-digits.yaml [--rounds 5] [--steps 20] [--json]

A step takes one batch forward and back and updates parameters. All kinds of steps of a round run
one after the other, so that a slow moment of the machine meets them all; the ratio is that of the
medians over rounds. The supernet has a branch per candidate: five convolutions a layer, whose
outputs are added.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from spikewright.screen import print_rows
from sw import config, data
from sw.costs import costs
from sw.mixture import Mixture
from sw.search import Search
from sw.train import Training

TEMPERATURE = 1.0


class Branches(nn.Module):
    """A convolution or linear layer with a branch per format, in the naive way."""

    def __init__(self, mixture: Mixture, original: nn.Parameter, module: nn.Module) -> None:
        super().__init__()
        self.mixture, self.original, self.bias = mixture, original, module.bias
        self.padding = getattr(module, "padding", None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum of all branches, each with weights of its own format."""
        mixture, weight = self.mixture, self.original
        out = None
        for name, share in zip(mixture.options, mixture.drawn, strict=True):
            form = weight + (mixture.formatted(weight, name) - weight).detach()
            if self.padding is None:
                y = functional.linear(x, form, self.bias)
            else:
                y = functional.conv2d(x.flatten(0, 1), form, self.bias, padding=self.padding)
                y = y.view(*x.shape[:2], *y.shape[1:])
            out = share * y if out is None else out + share * y
        assert out is not None
        return out


def supernet(search: Search) -> None:
    """Replace the mixed layers of a search by branches."""
    for name, cell in [*search.model.synapses(), ("head", search.model.head)]:
        noun = "linear" if name == "head" else "conv"
        module = getattr(cell, noun)
        original = module.parametrizations.weight.original
        branches = Branches(search.mixtures[name], original, module)
        if noun == "conv":
            branches.in_channels = module.in_channels
        setattr(cell, noun, branches)


def steps(settings: config.Config, folder: Path) -> dict[str, Callable[[torch.Tensor], object]]:
    """Return every kind of step as a function of a batch of training images by index."""
    dataset = data.of(settings)
    tables = costs(settings, dataset)
    found: dict[str, Callable[[torch.Tensor], object]] = {}
    for phase in ("float", "quantized"):
        training = Training(config.override(settings, {"search": None}), folder / phase, dataset)
        training.phase = training.model.mode = phase
        training.model.train()
        source = torch.Generator().manual_seed(0)
        found[phase] = lambda part, training=training, source=source: training.step(part, source)
    for noun in ("search", "supernet"):
        search = Search(settings, folder / noun, dataset, tables, 1.0)
        if noun == "supernet":
            supernet(search)
        for kind in ("architecture", "weight"):
            step, source = getattr(search, f"{kind}_step"), torch.Generator().manual_seed(0)
            found[f"{noun}, {kind} step"] = lambda part, step=step, source=source: step(
                part, TEMPERATURE, source
            )
    return found


def measure(settings: config.Config, rounds: int, count: int) -> list[dict[str, object]]:
    """Return one row per kind of step."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    images = len(data.of(settings).train_images)
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        kinds = steps(settings, Path(folder))
        for turn in range(rounds + 1):
            for name, step in kinds.items():
                begin = time.process_time()
                for _ in range(count):
                    step(
                        torch.randint(
                            0, images, (settings.training.batch_size,), generator=generator
                        )
                    )
                if turn:  # the first round warms up
                    seconds.setdefault(name, []).append((time.process_time() - begin) / count)
    base = statistics.median(seconds["quantized"])
    for noun in ("search", "supernet"):
        pairs = zip(
            *(seconds[f"{noun}, {kind} step"] for kind in ("architecture", "weight")), strict=True
        )
        seconds[f"{noun}, mean step"] = [sum(pair) / 2 for pair in pairs]
    return [
        {
            "step": name,
            "milliseconds": round(1000 * statistics.median(times), 1),
            "of_quantized": round(statistics.median(times) / base, 3),
            "lowest": round(min(times) / base, 3),
            "highest": round(max(times) / base, 3),
        }
        for name, times in seconds.items()
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    given = parser.parse_args()
    rows = measure(config.load(given.config), given.rounds, given.steps)
    print_rows({"rows": rows}, given.json)


if __name__ == "__main__":
    main()
