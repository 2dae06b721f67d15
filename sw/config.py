"""The run file: one strict YAML file that describes a run from training to synthesis.

Unknown and missing keys are refused by name. Imports neither PyTorch nor SpikingJelly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ir.errors import SpikewrightError
from ir.fold import Fold as HardwareFold
from ir.fold import Hardware as HardwareRequest
from ir.neuron import Neuron
from ir.scheme import Scheme

DATASETS = ("digits", "mnist", "fashion_mnist")

Size = Annotated[int, Field(ge=1, le=4096)]
Epochs = Annotated[int, Field(ge=0, le=100_000)]


class Section(BaseModel):
    """Part of a run file: every key is required, none is unknown, none is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Data(Section):
    """Which samples are learned."""

    name: Literal["digits", "mnist", "fashion_mnist"]


class Image(Section):
    """Shape and largest value of one sample."""

    channels: Size
    height: Size
    width: Size
    high: Annotated[int, Field(ge=1, le=65535)]


class Pool(Section):
    """Max pooling behind a tokenizer stage."""

    kernel: Annotated[int, Field(ge=1, le=16)]
    stride: Annotated[int, Field(ge=1, le=16)]
    padding: Annotated[int, Field(ge=0, le=7)]


class Stage(Section):
    """One stage of the tokenizer: a 3 x 3 convolution, LIF neurons, and maybe a pooling."""

    channels: Size
    pool: Pool | None


class Model(Section):
    """Shape of the spiking transformer."""

    steps: Annotated[int, Field(ge=1, le=64)]
    image: Image
    tokenizer: Annotated[tuple[Stage, ...], Field(strict=False, min_length=1, max_length=16)]
    heads: Size
    depth: Annotated[int, Field(ge=1, le=32)]
    mlp_ratio: Annotated[int, Field(ge=1, le=16)]
    attention_scale: Annotated[float, Field(gt=0, le=1)]

    @property
    def channels(self) -> int:
        """Channels C of the tokens."""
        return self.tokenizer[-1].channels

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the map of tokens."""
        height, width = self.image.height, self.image.width
        for stage in self.tokenizer:
            if stage.pool is not None:
                kernel, stride, padding = stage.pool.kernel, stage.pool.stride, stage.pool.padding
                height = (height + 2 * padding - kernel) // stride + 1
                width = (width + 2 * padding - kernel) // stride + 1
        return height, width

    @property
    def synapses(self) -> tuple[str, ...]:
        """Names of the layers with weights, in order of data."""
        names = [f"tokenizer.{i}.conv" for i in range(len(self.tokenizer))]
        names.append("position.conv")
        for i in range(self.depth):
            names += [f"block.{i}.{noun}" for noun in ("q", "k", "v", "proj", "fc1", "fc2")]
        return (*names, "head")

    @property
    def foldable(self) -> tuple[str, ...]:
        """Names of the layers that accept a fold."""
        return (*self.synapses, *(f"block.{i}.attention" for i in range(self.depth)))

    @model_validator(mode="after")
    def _check(self) -> Model:
        if self.channels % self.heads:
            raise SpikewrightError(
                f"Run file key model.heads is {self.heads}; allowed are divisors of the "
                f"{self.channels} channels of the last tokenizer stage."
            )
        if math.frexp(self.attention_scale)[0] != 0.5:
            raise SpikewrightError(
                f"Run file key model.attention_scale is {self.attention_scale}; allowed are powers "
                f"of two up to 1."
            )
        for i, stage in enumerate(self.tokenizer):
            if stage.pool is not None and 2 * stage.pool.padding >= stage.pool.kernel:
                raise SpikewrightError(
                    f"Run file key model.tokenizer.{i}.pool.padding is {stage.pool.padding}; "
                    f"allowed is less than half of the kernel, {stage.pool.kernel}."
                )
        if min(self.grid) < 1:
            raise SpikewrightError(
                f"Run file section model.tokenizer leaves a {self.grid[0]} x {self.grid[1]} map of "
                f"tokens; allowed are sizes of at least 1."
            )
        return self


class Quantization(Section):
    """Weight format of every layer, and the fixed point of the neurons."""

    default: str
    layers: dict[str, str]
    frac_bits: Annotated[int, Field(ge=0, le=16)]
    membrane_bits: Annotated[int, Field(ge=2, le=48)]

    @model_validator(mode="after")
    def _check(self) -> Quantization:
        for name in (self.default, *self.layers.values()):
            Scheme.parse(name)
        return self

    def scheme(self, layer: str) -> Scheme:
        """Return the weight format of the layer called ``layer``."""
        return Scheme.parse(self.layers.get(layer, self.default))

    @property
    def neuron(self) -> Neuron:
        """The neuron of every LIF layer."""
        return Neuron(frac_bits=self.frac_bits, membrane_bits=self.membrane_bits)


class Training(Section):
    """Epochs of the three phases, and the optimizer."""

    float_epochs: Epochs
    quantized_epochs: Epochs
    folded_epochs: Epochs
    batch_size: Annotated[int, Field(ge=2, le=65536)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    threads: Annotated[int, Field(ge=1, le=256)]


class Fold(Section):
    """Parallelism of one layer."""

    pe: Size
    simd: Size


class Hardware(Section):
    """What is asked of the accelerator."""

    lanes: Annotated[int, Field(ge=1, le=1 << 20)]
    steps_per_pass: Annotated[int, Field(ge=1, le=64)]
    widths: Literal["actual", "format"]
    folds: dict[str, Fold]

    @property
    def request(self) -> HardwareRequest:
        """The same as recorded in the export directory."""
        folds = {name: HardwareFold(fold.pe, fold.simd) for name, fold in self.folds.items()}
        return HardwareRequest(self.lanes, self.steps_per_pass, folds, self.widths)


class Simulation(Section):
    """How the accelerator is co-simulated; ``images: null`` takes every held-back sample."""

    images: Annotated[int, Field(ge=1)] | None
    shards: Annotated[int, Field(ge=1, le=256)]
    stall_images: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0, lt=1 << 31)]


class Synthesis(Section):
    """Board that is synthesized for."""

    board: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]


class Config(Section):
    """A whole run file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
    seed: Annotated[int, Field(ge=0, lt=1 << 31)]
    data: Data
    model: Model
    quantization: Quantization
    training: Training
    hardware: Hardware
    simulation: Simulation
    synthesis: Synthesis

    @model_validator(mode="after")
    def _check(self) -> Config:
        for key, given, allowed in (
            ("quantization.layers", self.quantization.layers, self.model.synapses),
            ("hardware.folds", self.hardware.folds, self.model.foldable),
        ):
            if unknown := [name for name in given if name not in allowed]:
                raise SpikewrightError(
                    f"Run file section {key} names {', '.join(map(repr, unknown))}; allowed are "
                    f"{', '.join(allowed)}."
                )
        if self.model.steps % self.hardware.steps_per_pass:
            raise SpikewrightError(
                f"Run file key hardware.steps_per_pass is {self.hardware.steps_per_pass}; allowed "
                f"are divisors of model.steps, {self.model.steps}."
            )
        return self

    @property
    def learned(self) -> dict[str, Any]:
        """What determines the trained weights: seed, data, model, quantization and training."""
        return _plain(self, {"seed", "data", "model", "quantization", "training"})

    def to_yaml(self) -> str:
        """Return the run file as YAML text; reading it back gives an equal configuration."""
        return yaml.safe_dump(_plain(self), sort_keys=False)


def parse(entries: Mapping[str, Any]) -> Config:
    """Return the configuration that a parsed run file describes.

    Raises
    ------
    SpikewrightError
        If a key is unknown or missing, or a value is not allowed.
    """
    try:
        return Config.model_validate(dict(entries))
    except ValidationError as error:
        raise SpikewrightError(_sentence(error)) from None


def load(path: Path) -> Config:
    """Read the run file at ``path``.

    Raises
    ------
    SpikewrightError
        If it is not readable, not YAML, or not a run file.
    """
    from ir.strict import load_yaml

    return parse(load_yaml(Path(path)))


def override(config: Config, changes: Mapping[str, Any]) -> Config:
    """Return ``config`` with some values replaced; flags of the command line beat the file.

    Parameters
    ----------
    config : Config
    changes : mapping of dotted key to value
        Such as ``{"training.float_epochs": 3, "quantization.layers.block.0.q": "u2"}``.

    Raises
    ------
    SpikewrightError
        If a key does not exist or a value is not allowed.
    """
    entries = _plain(config)
    for key, value in changes.items():
        _replace(entries, key, value)
    return parse(entries)


def _replace(entries: dict[str, Any], key: str, value: Any) -> None:
    for section in ("quantization.layers", "hardware.folds"):
        if key.startswith(section + "."):
            house, noun = section.split(".")
            entries[house][noun][key[len(section) + 1 :]] = value
            return
    *path, last = key.split(".")
    node: Any = entries
    for part in [*path, last]:
        parent = node
        if isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, dict) and part in node:
            node = node[part]
        else:
            raise SpikewrightError(f"Run file has no key {key!r} to override.")
    parent[int(last) if isinstance(parent, list) else last] = value


def _plain(config: Config, include: set[str] | None = None) -> dict[str, Any]:
    return config.model_dump(mode="json", include=include)


def _sentence(error: ValidationError) -> str:
    found = error.errors(include_url=False)
    for kind, verb in (("extra_forbidden", "unknown"), ("missing", "missing")):
        names = [_key(entry["loc"]) for entry in found if entry["type"] == kind]
        if names:
            noun = "keys" if len(names) > 1 else "key"
            return f"Run file has {verb} {noun}: {', '.join(names)}."
    first = found[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    message = first["msg"].removeprefix("Input ")
    return f"Run file key {_key(first['loc'])} is {first['input']!r:.80}; it {message}."


def _key(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))
