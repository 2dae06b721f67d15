"""A sweep: one search for each lambda, its network fine-tuned, and homogeneous baselines beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch

from ir.energy import FLOAT, part
from ir.errors import SpikewrightError
from ir.remarks import remarks
from ir.scheme import Scheme
from ir.strict import dump_json, write_text
from sw import data, export, golden
from sw.config import Config, override
from sw.costs import ALWAYS, UNITS, Cost, bits_per_weight, costs
from sw.search import OnEpoch, Search
from sw.space import CostName
from sw.spread import spread
from sw.train import Training

RESULT = "sweep.json"
WEIGHTS = "weights.json"
LOGS = "tensorboard"
BASELINES = "baselines"
BEGIN = "begin"
SEARCHED = "searched"
_SEEN = 128  # test images that remarks are made of

Tell = Callable[[str, int, int], None]


def sweep(
    config: Config,
    directory: Path,
    *,
    lambdas: Sequence[float] | None = None,
    tune: bool = True,
    baselines: bool = False,
    folder: Path | None = None,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Search once for each lambda; resume where a killed sweep of the same run file stopped.

    Parameters
    ----------
    config : Config
        With a section ``search``.
    directory : Path
        Receives ``sweep.json``, and ``lambda-<value>/`` for each search: its checkpoint, log,
        TensorBoard logs, ``search.json``, the run file ``searched.yaml`` with the chosen formats,
        in ``train/`` what training that run file from the searched weights leaves, and in
        ``weights.json`` the weights before and after that training (:mod:`sw.spread`).
    lambdas : sequence of float, optional
        Instead of the run file's.
    tune : bool
        Whether to train the searched networks; without it, ``train/`` holds the searched weights
        before the quantized phase, which ``spikewright train`` resumes, if training begins with
        them.
    baselines : bool
        Whether to train every candidate homogeneously as well, into ``baselines/``; all schemes
        begin from the same float weights, and ``fp32`` is trained in float for as many epochs as
        they take in all. Pinned layers keep their schemes.
    folder : Path, optional
        Where the dataset's files lie, as for :func:`sw.data.load`.
    tell : callable, optional
        Called with (stage, epochs done, all epochs).

    Returns
    -------
    dict
        Content of ``sweep.json``: ``rows``, one for each network; ``layers``, in order of data;
        ``dearest``: what the dearest candidates everywhere cost, by cost; ``units``.

    Raises
    ------
    SpikewrightError
        If the run file lacks a section ``search``, a lambda is negative or given twice, or the
        directory belongs to another run file.
    """
    if config.search is None:
        raise SpikewrightError("Run file lacks section search.")
    if lambdas is not None:
        config = override(config, {"search.lambdas": list(lambdas)})
    assert config.search is not None
    strengths = config.search.lambdas
    dataset = data.of(config, folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.training.threads)
    try:
        found, weights = costs(config, dataset), None
        place = Path(directory) / BASELINES
        if baselines or (tune and config.search.begin != SEARCHED):
            count = config.training.float_epochs
            weights = _float(config, place, BEGIN, count, dataset, tell).model.state_dict()
        rows = [
            _searched(config, Path(directory), dataset, found, strength, weights, tune, tell)
            for strength in strengths
        ]
        if baselines and weights is not None:
            rows += _baselines(config, place, dataset, found, weights, tell)
    finally:
        torch.set_num_threads(threads)
    result = {
        "rows": rows,
        "layers": list(config.model.synapses),
        "dearest": {name: cost.dearest for name, cost in found.items()},
        "units": {name: UNITS[name] for name in found},
    }
    write_text(Path(directory) / RESULT, dump_json(result))
    return result


def _searched(
    config: Config,
    directory: Path,
    dataset: data.Dataset,
    found: Mapping[str, Cost],
    strength: float,
    weights: Mapping[str, torch.Tensor] | None,
    tune: bool,
    tell: Tell | None,
) -> dict[str, Any]:
    """Search with one lambda and train what was found; return its row.

    ``weights`` are what training begins with where it does not begin with the searched ones.
    """
    assert config.search is not None
    name = f"lambda-{strength:g}"
    place = directory / name
    search = Search(config, place, dataset, found, strength)
    with _logged(place / LOGS, search.epoch) as log:

        def on_epoch(entry: dict[str, Any]) -> None:
            log(entry)
            if tell is not None:
                tell(f"search {name}", entry["epoch"], search.space.epochs)

        result = search.run(on_epoch)
    if config.search.begin == SEARCHED:
        weights = search.weights_learned()
    if weights is not None:
        training = _begun(search.searched(), place / "train", dataset, weights)
    accuracy, seen = None, list[str]()
    if tune and weights is not None:
        accuracy = _trained(training, f"tune {name}", tell)["accuracy"]["folded"]
        write_text(place / WEIGHTS, dump_json(spread(weights, training.model)))
        seen = _remarks(training)
    row = _row(name, result["exported"], found, accuracy, strength)
    return row | {"remarks": [*_over(row, config.search.budgets), *seen]}


def _over(row: Mapping[str, Any], budgets: Mapping[CostName, float]) -> list[str]:
    """Return which budgets a searched network exceeds."""
    return [
        f"It costs {row[name]:,.0f} {UNITS[name]}; the budget of {name} is {most:,.0f}."
        for name, most in budgets.items()
        if row[name] > most
    ]


def _baselines(
    config: Config,
    directory: Path,
    dataset: data.Dataset,
    found: Mapping[str, Cost],
    weights: Mapping[str, torch.Tensor],
    tell: Tell | None,
) -> list[dict[str, Any]]:
    """Train every candidate homogeneously, from the same float ``weights``; return the rows.

    Those of ``fp32`` are trained in float for as many epochs as the others take in all.
    """
    assert config.search is not None
    plain, epochs = override(config, {"search": None}), config.training
    rows = []
    if FLOAT in config.search.candidates:
        total = epochs.float_epochs + epochs.quantized_epochs + epochs.folded_epochs
        metrics = _float(config, directory, FLOAT, total, dataset, tell).metrics
        choice = dict.fromkeys(config.model.synapses, FLOAT)
        rows.append(_row(FLOAT, choice, found, metrics["accuracy"]["float"]))
    alike: dict[tuple[int, ...], Training] = {}  # by levels: u2 and pot2 have the same weights
    for scheme in config.search.candidates:
        if scheme == FLOAT:
            continue
        choice = dict.fromkeys(config.model.synapses, scheme) | config.search.pinned
        settings = override(plain, {"quantization.layers": choice})
        twin = alike.get(levels := tuple(Scheme.parse(scheme).levels.tolist()))
        training = _begun(settings, directory / scheme, dataset, weights, twin)
        metrics = _trained(training, f"baseline {scheme}", tell)
        alike.setdefault(levels, training)
        row = _row(scheme, choice, found, metrics["accuracy"]["folded"])
        rows.append(row | {"remarks": _remarks(training)})
    return rows


def _float(
    config: Config,
    directory: Path,
    place: str,
    epochs: int,
    dataset: data.Dataset,
    tell: Tell | None,
) -> Training:
    """Return a training of so many epochs in float, finished."""
    only = {"float_epochs": epochs, "quantized_epochs": 0, "folded_epochs": 0}
    changes = {f"training.{key}": value for key, value in only.items()}
    settings = override(config, {"search": None, **changes})
    training = Training(settings, directory / place, dataset)
    _trained(training, f"baseline {place}", tell)
    return training


def _begun(
    config: Config,
    directory: Path,
    dataset: data.Dataset,
    weights: Mapping[str, torch.Tensor],
    twin: Training | None = None,
) -> Training:
    """Return a training that begins, or began, with the quantized phase from ``weights``.

    It is done at once if it has a ``twin`` that is.
    """
    training = Training(config, directory, dataset)
    if not (directory / export.CHECKPOINT).exists():
        if twin is None:
            training.start(weights)
        else:
            training.adopt(twin)
    return training


def _trained(training: Training, stage: str, tell: Tell | None) -> dict[str, Any]:
    """Finish a training; return its metrics."""
    total = training.epochs_left

    def on_epoch(entry: dict[str, Any]) -> None:
        if tell is not None:
            tell(stage, total - training.epochs_left, total)

    return training.run(False, on_epoch)


def _remarks(training: Training) -> list[str]:
    """Return what may be wrong with a trained network, seen on some test images."""
    network = export.convert(training.model, training.config, {})
    images = training.preparation.apply(training.dataset.test_images[:_SEEN])
    return remarks(network, golden.run(network, images))


def _row(
    name: str,
    choice: Mapping[str, str],
    found: Mapping[str, Cost],
    accuracy: float | None,
    strength: float | None = None,
) -> dict[str, Any]:
    """Return what is said of one network; costs in the units of :data:`sw.costs.UNITS`."""
    return {
        "network": name,
        "lambda": strength,
        "accuracy": accuracy,
        "bits": round(bits_per_weight(found["storage"], choice), 3),
        **{cost: table.of(choice) for cost, table in found.items()},
        "parts": {cost: _parts(found[cost], choice) for cost in ALWAYS},
        "schemes": dict(choice),
        "remarks": [],
    }


def _parts(cost: Cost, choice: Mapping[str, str]) -> dict[str, float]:
    """Return what each part of the network costs with the chosen formats."""
    sums: dict[str, float] = {}
    for layer, scheme in choice.items():
        noun = part(layer)
        sums[noun] = sums.get(noun, 0.0) + cost.values[layer][scheme]
    return sums


@contextmanager
def _logged(directory: Path, epoch: int) -> Iterator[OnEpoch]:
    """Yield a function that hands log entries to TensorBoard; later ones of a killed run vanish."""
    from torch.utils.tensorboard import SummaryWriter

    with closing(SummaryWriter(str(directory), purge_step=epoch + 1)) as writer:

        def log(entry: dict[str, Any]) -> None:
            step = entry["epoch"]
            for name, value in entry.items():
                if isinstance(value, float):
                    writer.add_scalar(name, value, step)
            for name, value in entry["expected"].items():
                writer.add_scalar(f"expected/{name}", value, step)
            for layer, values in entry["probabilities"].items():
                for form, value in values.items():
                    writer.add_scalar(f"{layer}/{form}", value, step)

        yield log
