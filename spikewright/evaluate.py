"""``spikewright evaluate``: an export on samples that it never saw."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ir.errors import SpikewrightError
from spikewright import stages
from spikewright.stages import Tell


def evaluate(
    path: Annotated[Path, typer.Argument(metavar="EXPORT", help="Export directory.")],
    data: Annotated[Path, typer.Option(help="Folder of the files, or digits.")],
    split: Annotated[str, typer.Option(help="train or test.")] = "test",
    format: Annotated[
        str | None,
        typer.Option(help="Data set whose file format is read, such as mnist; found without it."),
    ] = None,
    rtl: Annotated[
        int, typer.Option(metavar="N", help="Verilator on the first N samples too.", min=0)
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run the golden model on data files, and Verilator on some of them, compared spike by spike.

    Files: IDX (MNIST, Fashion-MNIST), CIFAR-10's binary version, N-MNIST, DVS128 Gesture,
    CIFAR10-DVS and N-Caltech101 as they are published. Samples are prepared as the export says.
    """
    from rich.table import Table

    from spikewright.screen import out as screen
    from spikewright.screen import progress, show, verdict

    with progress() as tell:
        found = measure(path, data, split=split, format=format, rtl=rtl, tell=tell)
    if json:
        show(found, True)
    else:
        screen.print(
            f"{found['accuracy']:.2%} of {found['samples']:,} samples ({found['split']}, format of "
            f"{found['format']})",
            highlight=False,
        )
        table = Table("label", "samples", "recall", "else most often")
        for row, guesses in zip(found["per_class"], found["confusion"], strict=True):
            label = row["label"]
            wrong = [0 if guess == label else count for guess, count in enumerate(guesses)]
            worst = f"{wrong.index(max(wrong))} ({max(wrong):,})" if any(wrong) else ""
            recall = "" if row["recall"] is None else f"{row['recall']:.2%}"
            table.add_row(str(label), f"{row['samples']:,}", recall, worst)
        screen.print(table)
        if found["rtl"]:
            screen.print(
                f"RTL: {found['rtl']['images']:,} samples, {found['rtl']['spikes_compared']:,} "
                f"spikes compared, {found['rtl']['mismatches']:,} mismatches",
                highlight=False,
            )
    if found["rtl"]:
        verdict(found["rtl"])


def measure(
    path: Path,
    data: Path,
    *,
    split: str = "test",
    format: str | None = None,
    rtl: int = 0,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Run the golden model of an export on files, and the accelerator on the first ``rtl`` samples.

    The samples of the export itself are not looked at.
    """
    from ir.store import Samples, digest
    from sim.cosimulate import LEAST_SAMPLES
    from sim.results import evaluation, firing_rates
    from sw import golden
    from sw.foreign import samples

    export = stages.load_export(path)
    images, labels, chosen = samples(export.network, data, split, format)
    if rtl and not LEAST_SAMPLES <= rtl <= len(images):
        raise SpikewrightError(
            f"Option --rtl is {rtl}; allowed are {LEAST_SAMPLES}..{len(images)} samples."
        )
    rates, guesses = firing_rates(export.network, golden.batches(export.network, images))
    found = {
        "export": str(path),
        "sha256": digest(path),
        "data": str(data),
        "format": chosen,
        "split": split,
        **evaluation(export.network.readout.weight.shape[0], labels, guesses),
        "firing_rates": rates,
        "rtl": None,
    }
    if rtl:
        ours = replace(export, samples=Samples(images, labels))
        with tempfile.TemporaryDirectory(prefix="spikewright-") as scratch:
            simulated = stages.simulate(
                ours, stages.make_plan(ours), Path(scratch), images=rtl, stall_images=0, tell=tell
            )
        found["rtl"] = {"accuracy": simulated["accuracy"], **simulated["cosim"]}
    return found
