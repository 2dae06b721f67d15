"""Sections of the run file: strict, frozen records without defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from ir.errors import SpikewrightError
from ir.fold import Fold as HardwareFold
from ir.fold import Hardware as HardwareRequest
from ir.neuron import Neuron
from ir.scheme import Scheme

DATASETS = {
    "digits": 10,
    "mnist": 10,
    "fashion_mnist": 10,
    "cifar10": 10,
    "nmnist": 10,
    "dvs128_gesture": 11,
    "cifar10_dvs": 10,
    "ncaltech101": 101,
}
"""Data sets, and how many labels each has."""
EVENT_SETS = ("nmnist", "dvs128_gesture", "cifar10_dvs", "ncaltech101")
"""Those that are recordings of event cameras."""

Size = Annotated[int, Field(ge=1, le=4096)]
Epochs = Annotated[int, Field(ge=0, le=100_000)]


class Section(BaseModel):
    """Part of a run file: every key is required, none is unknown, none is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Part(Section):
    """One of several equal parts of a data set.

    Parameters
    ----------
    index, of : int
        ``0 <= index < of``.
    """

    index: Annotated[int, Field(ge=0)]
    of: Annotated[int, Field(ge=2, le=100)]

    @model_validator(mode="after")
    def _check(self) -> Part:
        if self.index >= self.of:
            raise SpikewrightError(
                f"Run file key data.fold.index is {self.index}; allowed are 0..{self.of - 1}."
            )
        return self


class Data(Section):
    """Which samples are learned.

    Parameters
    ----------
    name : str
    images : int, optional
        Only so many training samples from the front.
    frames : str, optional
        Recordings of event cameras are cut into a frame per time step: ``count`` gives all frames
        as many events, ``time`` equal length. Without it they become one image that stands still.
    fold : Part, optional
        For cross-validation: of all samples, those of the test files too, this part is held back
        and the others are learned.
    """

    name: Literal[tuple(DATASETS)]  # type: ignore[valid-type]
    images: Annotated[int, Field(ge=2)] | None = None
    frames: Literal["count", "time"] | None = None
    fold: Part | None = None

    @model_validator(mode="after")
    def _check(self) -> Data:
        if self.frames is not None and self.name not in EVENT_SETS:
            raise SpikewrightError(
                f"Run file key data.frames is {self.frames}; dataset {self.name} has still images, "
                f"allowed are {', '.join(EVENT_SETS)}."
            )
        return self


class Image(Section):
    """Shape and largest value of one sample.

    Where ``high`` is below the dataset's, pixels are shifted right until they fit.
    """

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


class SpikformerModel(Section):
    """Shape of the spiking transformer; the kind of a run file that names none."""

    kind: Literal["spikformer"] = "spikformer"
    steps: Annotated[int, Field(ge=1, le=64)]
    image: Image
    tokenizer: Annotated[tuple[Stage, ...], Field(strict=False, min_length=1, max_length=16)]
    heads: Size
    depth: Annotated[int, Field(ge=1, le=32)]
    mlp_ratio: Annotated[int, Field(ge=1, le=16)]
    attention_scale: Annotated[float, Field(gt=0, le=1)]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width in which a sample enters the integer network."""
        return self.image.channels, self.image.height, self.image.width

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
    def _check(self) -> SpikformerModel:
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


class MlpModel(Section):
    """Fully connected layers of LIF neurons; all pixels of a sample enter as one position.

    Parameters
    ----------
    hidden : tuple of int
        Neurons of each layer. A linear readout of the spikes of the last one gives the label.
    """

    kind: Literal["mlp"]
    steps: Annotated[int, Field(ge=1, le=64)]
    image: Image
    hidden: Annotated[tuple[Size, ...], Field(strict=False, min_length=1, max_length=16)]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width in which a sample enters the integer network."""
        return self.image.channels * self.image.height * self.image.width, 1, 1

    @property
    def synapses(self) -> tuple[str, ...]:
        """Names of the layers with weights, in order of data."""
        return (*(f"hidden.{i}.fc" for i in range(len(self.hidden))), "head")

    @property
    def foldable(self) -> tuple[str, ...]:
        """Names of the layers that accept a fold."""
        return self.synapses

    @model_validator(mode="after")
    def _check(self) -> MlpModel:
        if self.input_shape[0] > 4096:
            raise SpikewrightError(
                f"Run file section model.image has {self.input_shape[0]} values; an mlp takes up "
                f"to 4096."
            )
        return self


def _kind(entries: Any) -> Any:
    if isinstance(entries, Mapping):
        return entries.get("kind", "spikformer")
    return getattr(entries, "kind", "spikformer")


Model = Annotated[
    Annotated[SpikformerModel, Tag("spikformer")] | Annotated[MlpModel, Tag("mlp")],
    Discriminator(_kind),
]
MODELS = ("spikformer", "mlp")


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
    """Parallelism of one layer; its keys as in :class:`ir.fold.Fold`."""

    pe: Size
    simd: Size
    kind: Literal["stream", "table"] = "stream"
    loaders: Size = 1
    first: Literal["", "kv", "qk"] = ""
    steps: Annotated[int, Field(ge=0, le=64)] = 0


class Hardware(Section):
    """What is asked of the accelerator; ``channels`` as :func:`ir.widen.widen` takes them."""

    lanes: Annotated[int, Field(ge=1, le=1 << 20)]
    steps_per_pass: Annotated[int, Field(ge=1, le=64)]
    widths: Literal["actual", "format"]
    fabric: Literal["plain", "ecp5", "gowin", "xc7", "ice40"] = "plain"
    kind: Literal["stream", "table"] = "stream"
    parity: bool = False
    reload: bool = False
    folds: dict[str, Fold]
    channels: dict[str, Size] = {}

    @property
    def request(self) -> HardwareRequest:
        """The same as recorded in the export directory."""
        folds = {name: HardwareFold(**fold.model_dump()) for name, fold in self.folds.items()}
        return HardwareRequest(
            self.lanes,
            self.steps_per_pass,
            folds,
            self.widths,
            self.fabric,
            self.kind,
            self.parity,
            self.reload,
        )


class Simulation(Section):
    """How the accelerator is co-simulated; ``images: null`` takes every held-back sample."""

    images: Annotated[int, Field(ge=1)] | None
    shards: Annotated[int, Field(ge=1, le=256)]
    stall_images: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0, lt=1 << 31)]


class Synthesis(Section):
    """Board that is synthesized for, at ``clock_mhz``; the board's own clock without."""

    board: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
    clock_mhz: Annotated[float, Field(gt=0, le=1000)] | None = None
