"""Search for the weight format of every layer by gradient, in two alternating steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ir.energy import FLOAT
from ir.errors import SpikewrightError
from ir.strict import dump_json, write_text
from sw import checkpoint, data
from sw.augment import moves
from sw.build import build
from sw.config import Config, override
from sw.costs import LANES, Cost, bits_per_weight
from sw.mixture import Mixture, attach, learned
from sw.optimizer import adamw, pack, set_rate, unpack
from sw.space import CostName

CHECKPOINT = "search.safetensors"
RESULT = "search.json"
LOG = "search.jsonl"
RUN_FILE = "searched.yaml"
VERSION = 1

# Rates begin at a tenth of the highest and end at a hundredth: 1e-4, 1e-3 and 1e-5 in SpikeHQ.
_FIRST, _LAST = 0.1, 0.01
_SMOOTHING = 0.05
_SEARCH = 3  # after the phases of training, in the seeds of epochs

OnEpoch = Callable[[dict[str, Any]], None]


class Search:
    """State of one search, which a checkpoint holds between epochs.

    Every epoch alternates two kinds of steps. The *architecture step* mixes weights by one-hot
    samples, straight through, and moves the probabilities; the *weight step* mixes them by soft
    samples and moves the weights. They see different training images.

    Parameters
    ----------
    config : Config
        With a section ``search``.
    directory : Path
        Receives checkpoint, log and result; a checkpoint in it is resumed.
    dataset : Dataset
    costs : mapping of str to Cost
        As :func:`sw.costs.costs` returns them.
    strength : float
        Weight lambda of the costs against the cross-entropy.

    Raises
    ------
    SpikewrightError
        If the directory belongs to another search or is damaged, or the run file has no section
        ``search``.

    Source
    ------
    SpikeHQ (SEEDS.md 2.1); its temperatures and lambdas are not public.
    """

    def __init__(
        self,
        config: Config,
        directory: Path,
        dataset: data.Dataset,
        costs: Mapping[str, Cost],
        strength: float,
    ) -> None:
        if config.search is None:
            raise SpikewrightError("Run file lacks section search.")
        self.config, self.space, self.directory = config, config.search, directory
        self.dataset, self.costs, self.strength = dataset, costs, strength
        self.preparation, self.move = dataset.preparation(config.model), moves(dataset.name)
        self.images = torch.from_numpy(dataset.train_images)
        self.labels = torch.from_numpy(dataset.train_labels)
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.model = build(config, dataset.classes)
        self.mixtures = attach(self.model, self.space)
        self.model.train()
        self.alphas: list[nn.Parameter] = [mixture.alpha for mixture in self.mixtures.values()]
        known = set(map(id, self.alphas))
        self.weights = [p for p in self.model.parameters() if id(p) not in known]
        self.weight_optimizer = adamw(
            self.weights, self.space.learning_rate, config.training.weight_decay
        )
        self.alpha_optimizer = adamw(self.alphas, self.space.architecture_rate, 0.0)
        self.parts = self._split()
        self.epoch, self.seconds = 0, 0.0
        self.history: list[dict[str, Any]] = []
        if (directory / CHECKPOINT).exists():
            self._resume(directory / CHECKPOINT)

    @property
    def choice(self) -> dict[str, str]:
        """The most probable format of every layer."""
        return {name: mixture.choice for name, mixture in self.mixtures.items()}

    def run(self, on_epoch: OnEpoch | None = None) -> dict[str, Any]:
        """Search through all epochs that are left; return the content of ``search.json``.

        Parameters
        ----------
        on_epoch : callable, optional
            Called with the log entry of each epoch, after its checkpoint is written.
        """
        while self.epoch < self.space.epochs:
            started = time.monotonic()
            self._search_epoch()
            self.seconds += time.monotonic() - started
            self._save()
            if on_epoch is not None:
                on_epoch(self.history[-1])
        result = self._result()
        write_text(self.directory / RUN_FILE, self.searched().to_yaml())
        write_text(self.directory / RESULT, dump_json(result))
        return result

    def searched(self) -> Config:
        """Return the run file with the chosen formats, without the section ``search``.

        Where ``fp32`` was chosen, which has no hardware, the most probable scheme takes its place.
        A search for cycles says the folds that it counted; attention then has the lanes to keep up.
        """
        chosen = {name: _scheme(mixture) for name, mixture in self.mixtures.items()}
        changes: dict[str, Any] = {"quantization.layers": chosen, "search": None}
        if "cycles" in self.space.costs:
            folds = self.costs["cycles"].folds
            changes["hardware.folds"] = dict(self.config.hardware.folds) | {
                name: asdict(folds[name][scheme]) for name, scheme in chosen.items()
            }
            changes["hardware.lanes"] = LANES
        return override(self.config, changes)

    def weights_learned(self) -> dict[str, torch.Tensor]:
        """Return the unmixed weights as the state of a model without mixtures."""
        return learned(self.model)

    def architecture_step(
        self, part: torch.Tensor, temperature: float, generator: torch.Generator
    ) -> dict[str, float]:
        """Move the probabilities by one-hot samples; return what was seen, sums over images.

        Parameters
        ----------
        part : int64 (batch,)
            Training images by index.
        """
        loss, seen = self._forward(part, temperature, generator, hard=True)
        drawn = {name: mixture.drawn for name, mixture in self.mixtures.items()}
        for name, weight in self.space.costs.items():
            if not self._within(name):
                loss = loss + self.strength * weight * self.costs[name].expected(drawn)
        self.alpha_optimizer.zero_grad()
        loss.backward(inputs=self.alphas)
        self.alpha_optimizer.step()
        return seen

    def weight_step(
        self, part: torch.Tensor, temperature: float, generator: torch.Generator
    ) -> dict[str, float]:
        """Move the weights by soft samples; return what was seen, sums over images.

        Parameters
        ----------
        part : int64 (batch,)
            Training images by index.
        """
        loss, seen = self._forward(part, temperature, generator, hard=False)
        self.weight_optimizer.zero_grad()
        loss.backward(inputs=self.weights)
        self.weight_optimizer.step()
        return seen

    def _within(self, name: CostName) -> bool:
        """Return whether the most probable formats keep the budget of a cost that has one."""
        if name not in self.space.budgets:
            return False
        spent = self.costs[name].of(self.choice)
        return spent is not None and spent <= self.space.budgets[name]

    def _forward(
        self, part: torch.Tensor, temperature: float, generator: torch.Generator, *, hard: bool
    ) -> tuple[torch.Tensor, dict[str, float]]:
        with torch.set_grad_enabled(hard):  # the weight step leaves the probabilities alone
            for mixture in self.mixtures.values():
                mixture.draw(temperature, generator, hard=hard)
        images = self.move(self.images[part], generator)
        logits = self.model(self.preparation.apply(images))
        labels = self.labels[part]
        loss = functional.cross_entropy(logits, labels, label_smoothing=_SMOOTHING)
        hits = float((logits.argmax(1) == labels).sum())
        return loss, {"loss": float(loss.detach()) * len(part), "hits": hits, "images": len(part)}

    def _split(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the training images of the architecture and those of the weights."""
        count = len(self.images)
        learned_from = round(count * self.space.architecture_share)
        if min(learned_from, count - learned_from) < 2:
            raise SpikewrightError(
                f"Run file key search.architecture_share is {self.space.architecture_share}; of "
                f"{count} training images it leaves one side fewer than 2."
            )
        generator = np.random.default_rng(self.config.seed)
        order = torch.from_numpy(generator.permutation(count))
        return order[:learned_from], order[learned_from:]

    def _search_epoch(self) -> None:
        entropy = np.random.SeedSequence([self.config.seed, _SEARCH, self.epoch])
        generator = torch.Generator().manual_seed(int(entropy.generate_state(1)[0]))
        architecture, weights = (self._batches(part, generator) for part in self.parts)
        if self.epoch < self.space.warm_up_epochs:
            architecture = []
        kinds = [
            (self.architecture_step, "architecture", architecture),
            (self.weight_step, "weights", weights),
        ]
        # Both kinds spread evenly over the epoch, however many steps each has.
        order = [
            ((index + 0.5) / len(batches), kind, part)
            for kind, (_, _, batches) in enumerate(kinds)
            for index, part in enumerate(batches)
        ]
        order.sort(key=lambda step: step[:2])
        seen: dict[str, dict[str, float]] = {}
        for place, kind, part in order:
            done = (self.epoch + place) / self.space.epochs
            step, noun, _ = kinds[kind]
            self._set_rates(done)
            found = step(part, self.space.temperature.at(done), generator)
            sums = seen.setdefault(noun, dict.fromkeys(found, 0.0))
            seen[noun] = {key: sums[key] + value for key, value in found.items()}
        self.epoch += 1
        self.history.append(self._entry(seen))

    def _batches(self, part: torch.Tensor, generator: torch.Generator) -> list[torch.Tensor]:
        order = part[torch.randperm(len(part), generator=generator)]
        # A batch of one sample has no variance to normalise by.
        return [batch for batch in order.split(self.config.training.batch_size) if len(batch) > 1]

    def _set_rates(self, done: float) -> None:
        share = rate(done, self.space.warm_up_epochs / self.space.epochs)
        set_rate(self.weight_optimizer, self.space.learning_rate * share)
        set_rate(self.alpha_optimizer, self.space.architecture_rate * share)

    def _entry(self, seen: dict[str, dict[str, float]]) -> dict[str, Any]:
        probabilities = {name: mixture.probabilities for name, mixture in self.mixtures.items()}
        return {
            "epoch": self.epoch,
            "temperature": self.space.temperature.at(self.epoch / self.space.epochs),
            **{
                f"{noun}_{key}": sums[key_of] / sums["images"]
                for noun, sums in seen.items()
                for key, key_of in (("loss", "loss"), ("accuracy", "hits"))
            },
            "expected": {
                name: float(cost.expected(probabilities)) for name, cost in self.costs.items()
            },
            "probabilities": self._probabilities(),
        }

    def _probabilities(self) -> dict[str, dict[str, float]]:
        return {
            name: dict(zip(mixture.options, mixture.probabilities.tolist(), strict=True))
            for name, mixture in self.mixtures.items()
        }

    def _result(self) -> dict[str, Any]:
        choice, exported = self.choice, dict(self.searched().quantization.layers)
        found = {name: cost.of(choice) for name, cost in self.costs.items()}
        return {
            "lambda": self.strength,
            "epochs": self.epoch,
            "seconds": round(self.seconds, 1),
            "probabilities": self._probabilities(),
            "choice": choice,
            "exported": exported,
            "bits": round(bits_per_weight(self.costs["storage"], exported), 3),
            "costs": found,
        }

    def _identity(self) -> dict[str, Any]:
        return {**self.config.sought, "lambda": self.strength}

    def _save(self) -> None:
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= pack(self.weight_optimizer, "weights.")
        tensors |= pack(self.alpha_optimizer, "alphas.")
        state = {
            "version": VERSION,
            "search": self._identity(),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "history": self.history,
        }
        checkpoint.save(self.directory / CHECKPOINT, tensors, state)
        lines = "".join(checkpoint.summary(entry) + "\n" for entry in self.history)
        write_text(self.directory / LOG, lines)

    def _resume(self, path: Path) -> None:
        tensors, state = checkpoint.load(path)
        if state.get("version") != VERSION or state.get("search") != self._identity():
            raise SpikewrightError(
                f"Checkpoint {path} belongs to another run file, lambda or version; choose another "
                f"directory."
            )
        for noun, kind in (("epoch", int), ("seconds", float), ("history", list)):
            if not isinstance(state.get(noun), kind):
                raise SpikewrightError(f"Checkpoint {path} is damaged: it lacks {noun}.")
            setattr(self, noun, state[noun])
        checkpoint.restore(self.model, checkpoint.split(tensors, "model."))
        unpack(self.weight_optimizer, checkpoint.split(tensors, "weights."))
        unpack(self.alpha_optimizer, checkpoint.split(tensors, "alphas."))


def rate(done: float, warm_up: float) -> float:
    """Return the learning rate over its highest: a linear rise, then half a cosine.

    Parameters
    ----------
    done, warm_up : float
        Share of the search that is done, and that the rise takes, 0..1.

    Examples
    --------
    >>> [round(rate(done, 0.2), 3) for done in (0.0, 0.1, 0.2, 0.6, 1.0)]
    [0.1, 0.55, 1.0, 0.505, 0.01]
    """
    if done < warm_up:
        return _FIRST + (1 - _FIRST) * done / warm_up
    place = (done - warm_up) / max(1 - warm_up, 1e-9)
    return _LAST + (1 - _LAST) * (1 + math.cos(math.pi * min(place, 1.0))) / 2


def _scheme(mixture: Mixture) -> str:
    """Return the most probable format that has hardware."""
    order = mixture.alpha.detach().argsort(descending=True, stable=True)
    return next(name for i in order if (name := mixture.options[int(i)]) != FLOAT)
