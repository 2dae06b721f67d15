"""Training in three phases: float, quantized with live batch norm, folded to integers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.nn import functional

from ir.errors import SpikewrightError
from ir.strict import dump_json, write_text
from sw import checkpoint, data, export, golden
from sw.augment import moves
from sw.build import build
from sw.cell import MODES, Cell
from sw.config import Config
from sw.optimizer import adamw, pack, set_rate, unpack
from sw.trace import accuracy, batches, compare

METRICS = "metrics.json"
LOG = "log.jsonl"
VERSION = 1

# Learning rate of each phase, relative to the run file's.
_RATE = {"float": 1.0, "quantized": 0.5, "folded": 0.1}
_SMOOTHING = 0.05
_CALIBRATION_BATCH = 256
_AVERAGE = 0.995


def train(
    config: Config,
    directory: Path,
    *,
    progress: bool = False,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Train a model; resume where a killed run of the same run file stopped.

    Parameters
    ----------
    config : Config
    directory : Path
        Receives ``checkpoint.safetensors``, ``metrics.json``, ``log.jsonl`` and ``config.yaml``.
    progress : bool
        Whether to draw a progress bar.
    on_epoch : callable, optional
        Called with the log entry of each epoch, after its checkpoint is written.
    folder : Path, optional
        Where the dataset's files lie, as for :func:`sw.data.load`.

    Returns
    -------
    dict
        Content of ``metrics.json``.

    Raises
    ------
    SpikewrightError
        If the directory belongs to another run file or is damaged, or data are missing.
    """
    dataset = data.of(config, folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.training.threads)
    try:
        return Training(config, Path(directory), dataset).run(progress, on_epoch)
    finally:
        torch.set_num_threads(threads)


class Training:
    """State of a training run, which a checkpoint holds between epochs.

    Parameters
    ----------
    config : Config
    directory : Path
        A checkpoint in it is resumed.
    dataset : Dataset
    """

    def __init__(self, config: Config, directory: Path, dataset: data.Dataset) -> None:
        self.config, self.directory, self.dataset = config, directory, dataset
        self.images = torch.from_numpy(dataset.train_images)
        self.labels = torch.from_numpy(dataset.train_labels)
        self.preparation = dataset.preparation(config.model)
        self.move = moves(dataset.name)
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.model = build(config, dataset.classes)
        self.phase = MODES[0]
        self.epoch = 0
        self.history: list[dict[str, Any]] = []
        self.metrics: dict[str, Any] = {"accuracy": {}, "spikes": {}, "seconds": 0.0}
        self.model.mode = self.phase
        self.optimizer, self.average = self._optimizer(), self._parameters()
        if (directory / export.CHECKPOINT).exists():
            self._resume(directory / export.CHECKPOINT)
        write_text(directory / export.RUN_FILE, config.to_yaml())

    def run(
        self, progress: bool, on_epoch: Callable[[dict[str, Any]], None] | None
    ) -> dict[str, Any]:
        """Train through all phases that are left; return the metrics."""
        bar = Progress(
            TextColumn("train {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with bar if progress else nullcontext():
            total = len(self.history) + self.epochs_left
            task = bar.add_task(self.phase, total=total, completed=len(self.history))
            while self.phase != "done":
                started = time.monotonic()
                finished = self.epoch == self._epochs(self.phase)
                if finished:
                    self._finish_phase()
                else:
                    self._train_epoch()
                self.metrics["seconds"] += time.monotonic() - started
                self._save()
                bar.update(task, completed=len(self.history), description=self.phase)
                if on_epoch is not None and not finished:
                    on_epoch(self.history[-1])
        metrics = {**self.metrics, "seconds": round(self.metrics["seconds"], 1)}
        write_text(self.directory / METRICS, dump_json(metrics))
        return metrics

    def start(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Begin with the quantized phase, from float weights that were learned elsewhere.

        Raises
        ------
        SpikewrightError
            If training has begun already, or the tensors are not those of the model.
        """
        if self.history or self.phase != MODES[0]:
            raise SpikewrightError(f"Training in {self.directory} has begun already.")
        checkpoint.restore(self.model, tensors)
        self.phase = self.model.mode = MODES[1]
        self.optimizer, self.average = self._optimizer(), self._parameters()
        self._save()

    def adopt(self, other: Training) -> None:
        """Become as another training is, whose formats have the same levels, and so its weights.

        Raises
        ------
        SpikewrightError
            If training has begun already.
        """
        if self.history or self.phase != MODES[0]:
            raise SpikewrightError(f"Training in {self.directory} has begun already.")
        self.phase, self.epoch = other.phase, other.epoch
        self.history, self.metrics = list(other.history), dict(other.metrics)
        self.model.mode = other.model.mode
        checkpoint.restore(self.model, other.model.state_dict())
        self.optimizer, self.average = self._optimizer(), self._parameters()
        self._save()

    @property
    def epochs_left(self) -> int:
        """Epochs of this phase and of those behind it that are not done."""
        phases = [*MODES, "done"]
        left = phases[phases.index(self.phase) : -1]
        return sum(map(self._epochs, left)) - (self.epoch if left else 0)

    def _epochs(self, phase: str) -> int:
        return int(getattr(self.config.training, f"{phase}_epochs"))

    def _train_epoch(self) -> None:
        training = self.config.training
        phase = MODES.index(self.phase)
        entropy = np.random.SeedSequence([self.config.seed, phase, self.epoch])
        generator = torch.Generator().manual_seed(int(entropy.generate_state(1)[0]))
        order = torch.randperm(len(self.images), generator=generator)
        # A batch of one sample has no variance to normalise by.
        parts = [part for part in order.split(training.batch_size) if len(part) > 1]
        steps = self._epochs(self.phase) * len(parts)
        self.model.train()
        losses, hits = [], 0
        for i, part in enumerate(parts):
            done = (self.epoch * len(parts) + i) / steps
            rate = training.learning_rate * _RATE[self.phase] * (1 + math.cos(math.pi * done)) / 2
            set_rate(self.optimizer, rate)
            loss, hit = self.step(part, generator)
            self._follow(self.epoch * len(parts) + i)
            losses.append(loss * len(part))
            hits += hit
        seen = sum(map(len, parts))
        self.epoch += 1
        self.history.append(
            {
                "phase": self.phase,
                "epoch": self.epoch,
                "loss": sum(losses) / seen,
                "train_accuracy": hits / seen,
            }
        )

    def step(self, part: torch.Tensor, generator: torch.Generator) -> tuple[float, int]:
        """Learn from one batch; return the mean loss and how many labels were right.

        Parameters
        ----------
        part : int64 (batch,)
            Training images by index.
        generator : torch.Generator
            Source of the augmentation.
        """
        images = self.move(self.images[part], generator)
        logits = self.model(self.preparation.apply(images))
        loss = functional.cross_entropy(logits, self.labels[part], label_smoothing=_SMOOTHING)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach()), int((logits.argmax(1) == self.labels[part]).sum())

    def _follow(self, step: int) -> None:
        """Move the average towards the parameters after ``step``; a young one moves faster."""
        rate = max(1 - _AVERAGE, 9 / (10 + step))
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                self.average[name].lerp_(parameter, rate)

    def settle(self) -> None:
        """Take the averaged parameters, with the statistics of all training images, unmoved."""
        self.model.load_state_dict(self.average, strict=False)
        if self.phase == "folded":
            return
        norms = [part.norm for part in self.model.modules() if isinstance(part, Cell)]
        momenta = [norm.momentum for norm in norms]
        self.model.train()
        with torch.no_grad():
            count = math.ceil(len(self.images) / _CALIBRATION_BATCH)
            for i, part in enumerate(self.images.tensor_split(count)):
                for norm in norms:
                    norm.momentum = 1 / (i + 1)
                self.model(self.preparation.apply(part))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum

    def _finish_phase(self) -> None:
        self.settle()
        accuracies, spikes = self.metrics["accuracy"], self.metrics["spikes"]
        images = self.preparation.apply(self.dataset.test_images)
        labels = self.dataset.test_labels
        accuracies[self.phase] = accuracy(batches(self.model, self.phase, images), labels)
        if self.phase == "quantized":
            accuracies["rounded"] = accuracy(batches(self.model, "folded", images), labels)
            rounded = batches(self.model, "folded", images)
            spikes["rounding"] = compare(batches(self.model, self.phase, images), rounded)
        if self.phase == "folded":
            network = export.convert(self.model, self.config, self.preparation.record)
            expected = (trace.outputs for trace in golden.batches(network, images))
            spikes["golden"] = compare(batches(self.model, self.phase, images), expected)
            if spikes["golden"]["differing"]:
                raise RuntimeError(f"Model and golden model differ in {spikes['golden']}.")
        following = [*MODES, "done"][MODES.index(self.phase) + 1]
        self.phase, self.epoch = following, 0
        self.model.mode = "folded" if following == "done" else following
        self.optimizer, self.average = self._optimizer(), self._parameters()

    def _optimizer(self) -> torch.optim.AdamW:
        # Integers that still jump would leave the frozen statistics behind.
        for part in self.model.modules():
            if isinstance(part, Cell):
                part.conv.weight.requires_grad_(self.phase in ("float", "quantized"))
        training = self.config.training
        return adamw(self.model.parameters(), training.learning_rate, training.weight_decay)

    def _parameters(self) -> dict[str, torch.Tensor]:
        return {name: value.detach().clone() for name, value in self.model.named_parameters()}

    def _save(self) -> None:
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        tensors |= pack(self.optimizer, "optimizer.")
        state = {
            "version": VERSION,
            "config": self.config.learned,
            "phase": self.phase,
            "epoch": self.epoch,
            "history": self.history,
            "metrics": self.metrics,
        }
        checkpoint.save(self.directory / export.CHECKPOINT, tensors, state)
        lines = "".join(checkpoint.summary(entry) + "\n" for entry in self.history)
        write_text(self.directory / LOG, lines)

    def _resume(self, path: Path) -> None:
        tensors, state = checkpoint.load(path)
        if state.get("version") != VERSION or state.get("config") != self.config.learned:
            raise SpikewrightError(
                f"Checkpoint {path} belongs to another run file or version; choose another "
                f"directory."
            )
        for noun, kind in (("phase", str), ("epoch", int), ("history", list), ("metrics", dict)):
            if not isinstance(state.get(noun), kind):
                raise SpikewrightError(f"Checkpoint {path} is damaged: it lacks {noun}.")
            setattr(self, noun, state[noun])
        self.model.mode = "folded" if self.phase == "done" else self.phase
        checkpoint.restore(self.model, checkpoint.split(tensors, "model."))
        self.optimizer, self.average = self._optimizer(), checkpoint.split(tensors, "average.")
        if self.average.keys() != self._parameters().keys():
            raise SpikewrightError(f"Checkpoint {path} is damaged: it lacks averages.")
        unpack(self.optimizer, checkpoint.split(tensors, "optimizer."))
