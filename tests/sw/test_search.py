"""The search learns, keeps its two steps apart, and survives a kill."""

import dataclasses
import json

import pytest
import torch

from ir import folding
from ir.errors import SpikewrightError
from sw import checkpoint, config, data, export
from sw.costs import costs
from sw.export import CHECKPOINT
from sw.search import Search
from sw.sweep import sweep
from sw.train import Training, train


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Learn 160 digits instead of all."""
    whole = data.load("digits")
    found = dataclasses.replace(
        whole,
        train_images=whole.train_images[:160],
        train_labels=whole.train_labels[:160],
        test_images=whole.test_images[:100],
        test_labels=whole.test_labels[:100],
    )
    monkeypatch.setattr(data, "load", lambda name, folder=None: found)
    return found


class Killed(Exception):
    pass


def kill(entry):
    raise Killed


def settings_of(tiny, space, **changes):
    entries = tiny.model_dump(mode="json") | {"search": {**space, **changes}}
    entries["training"]["batch_size"] = 32
    return config.parse(entries)


def search(settings, path, few, strength=1.0):
    return Search(settings, path, few, costs(settings, few), strength)


def without_seconds(result):
    return {key: value for key, value in result.items() if key != "seconds"}


def test_killed_search_resumes_to_the_same_result(tiny, space, tmp_path, few):
    settings = settings_of(tiny, space, epochs=3)
    whole = search(settings, tmp_path / "whole", few).run()
    for _ in range(2):
        with pytest.raises(Killed):
            search(settings, tmp_path / "killed", few).run(kill)
    with pytest.raises(Killed):
        search(settings, tmp_path / "killed", few).run(kill)
    resumed = search(settings, tmp_path / "killed", few).run(kill)  # nothing is left to do
    assert without_seconds(resumed) == without_seconds(whole)
    left, right = (
        checkpoint.load(tmp_path / name / "search.safetensors")[0] for name in ("whole", "killed")
    )
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        assert torch.equal(tensor, right[name]), name
    logs = [(tmp_path / name / "search.jsonl").read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1]
    assert not list((tmp_path / "killed").glob(".*"))


def test_each_step_moves_its_own_parameters_alone(tiny, space, tmp_path, few):
    found = search(settings_of(tiny, space), tmp_path, few)
    generator = torch.Generator().manual_seed(0)
    for step, moved, kept in (
        (found.architecture_step, found.alphas, found.weights),
        (found.weight_step, found.weights, found.alphas),
    ):
        before = [p.detach().clone() for p in kept], [p.detach().clone() for p in moved]
        seen = step(found.parts[0][:32], 1.0, generator)
        assert seen["images"] == 32
        assert all(torch.equal(p, old) for p, old in zip(kept, before[0], strict=True))
        assert any(not torch.equal(p, old) for p, old in zip(moved, before[1], strict=True))


def test_both_steps_learn_from_different_images(tiny, space, tmp_path, few):
    found = search(settings_of(tiny, space, architecture_share=0.25), tmp_path, few)
    architecture, weights = (set(part.tolist()) for part in found.parts)
    assert (len(architecture), len(weights)) == (40, 120)
    assert architecture | weights == set(range(160))


def test_the_architecture_rests_while_the_rate_rises(tiny, space, tmp_path, few):
    found = search(settings_of(tiny, space, epochs=1, warm_up_epochs=1), tmp_path, few)
    found.run()
    assert all(torch.equal(alpha, torch.zeros_like(alpha)) for alpha in found.alphas)
    assert "architecture_loss" not in found.history[0]


@pytest.mark.parametrize("named, cheapest", [("energy45", {"pot2"}), ("storage", {"pot2", "u2"})])
def test_a_large_lambda_takes_the_cheapest_formats(tiny, space, tmp_path, few, named, cheapest):
    changes = {"epochs": 8, "warm_up_epochs": 0, "architecture_rate": 0.3}
    changes |= {"costs": {named: 1.0}, "pinned": {"block.0.q": "u8"}}
    changes["candidates"] = ["u4", "pot4", "u2", "pot2", "fp32"]
    found = search(settings_of(tiny, space, **changes), tmp_path, few, 1000.0)
    result = found.run()
    assert result["choice"].pop("block.0.q") == "u8"
    assert set(result["choice"].values()) <= cheapest
    assert result["costs"][named] == found.costs[named].of(found.choice)


def test_a_cost_weighs_only_beyond_its_budget(tiny, space, tmp_path, few):
    def found(name, strength, **more):
        changes = {"epochs": 4, "warm_up_epochs": 0, "costs": {"storage": 1.0}} | more
        settings = settings_of(tiny, space, candidates=["u8", "u2"], **changes)
        return search(settings, tmp_path / name, few, strength).run()["probabilities"]

    free, bound = found("free", 0.0), found("bound", 9.0)
    assert found("rich", 9.0, budgets={"storage": 1e9}) == free
    assert found("poor", 9.0, budgets={"storage": 1.0}) == bound
    assert all(bound[layer]["u2"] > free[layer]["u2"] for layer in free)


def test_what_exceeds_its_budget_is_said(tiny, space, tmp_path):
    settings = settings_of(tiny, space, epochs=0, warm_up_epochs=0, budgets={"energy45": 1.0})
    (row,) = sweep(settings, tmp_path, lambdas=[1.0], tune=False)["rows"]
    said = f"It costs {row['energy45']:,.0f} pJ; the budget of energy45 is 1."
    assert row["remarks"] == [said]


def test_where_fp32_wins_the_best_scheme_is_exported(tiny, space, tmp_path, few):
    found = search(settings_of(tiny, space, epochs=0, warm_up_epochs=0), tmp_path, few)
    for alpha in found.alphas:
        alpha.data = torch.tensor([3.0, 0.0, 1.0, 2.0, 0.5])
    result = found.run()
    assert set(result["choice"].values()) == {"fp32"}
    assert set(result["exported"].values()) == {"u2"}
    assert result["bits"] == 2.0
    assert config.load(tmp_path / "searched.yaml") == found.searched()


@pytest.mark.parametrize(
    "change, strength",
    [({"architecture_rate": 0.5}, 1.0), ({}, 2.0), ({"pinned": {"head": "u4"}}, 1.0)],
)
def test_another_searchs_checkpoint_is_refused(tiny, space, tmp_path, few, change, strength):
    search(settings_of(tiny, space, epochs=1), tmp_path, few).run()
    with pytest.raises(SpikewrightError, match="belongs to another run file, lambda or version"):
        search(settings_of(tiny, space, epochs=1, **change), tmp_path, few, strength)


def test_binary_and_ternary_weights_are_candidates(tiny, space, tmp_path):
    settings = settings_of(
        tiny, space, candidates=["binary", "ternary", "u4"], lambdas=[5.0], epochs=1
    )
    (row,) = sweep(settings, tmp_path)["rows"]
    assert set(row["schemes"].values()) <= {"binary", "ternary", "u4"}
    assert 1 <= row["bits"] <= 4
    assert 0 <= row["accuracy"] <= 1


def test_a_sweep_searches_tunes_and_compares(tiny, space, tmp_path):
    pytest.importorskip("tensorboard")
    settings = settings_of(tiny, space, candidates=["fp32", "u2", "pot4"], lambdas=[0.0, 5.0])
    told = []
    found = sweep(settings, tmp_path, baselines=True, tell=lambda *words: told.append(words))
    assert json.loads((tmp_path / "sweep.json").read_text()) == found
    rows = {row["network"]: row for row in found["rows"]}
    assert list(rows) == ["lambda-0", "lambda-5", "fp32", "u2", "pot4"]
    assert [rows[name]["bits"] for name in ("fp32", "u2", "pot4")] == [32, 2, 4]
    assert all(0 <= row["accuracy"] <= 1 for row in found["rows"])
    assert rows["fp32"]["energy45"] == pytest.approx(found["dearest"]["energy45"])
    assert all(remark.startswith("Layer ") for row in found["rows"] for remark in row["remarks"])
    assert any("levels of pot4" in remark for remark in rows["pot4"]["remarks"])
    assert rows["fp32"]["remarks"] == []
    assert ("search lambda-5", 2, 2) in told
    assert ("baseline u2", 2, 2) in told
    # Training the run file in place has nothing left to do, and says the same.
    place = tmp_path / "lambda-5"
    metrics = train(config.load(place / "searched.yaml"), place / "train")
    assert metrics["accuracy"]["folded"] == rows["lambda-5"]["accuracy"]
    assert "float" not in metrics["accuracy"]
    assert list((place / "tensorboard").iterdir())
    again = sweep(settings, tmp_path, baselines=True)
    assert again == found


@pytest.mark.slow
def test_a_search_for_cycles_says_the_folds_it_counted(tiny, space, tmp_path, few):
    settings = settings_of(tiny, space, candidates=["u2", "u4", "u8"], costs={"cycles": 1.0})
    found = search(settings, tmp_path, few)
    chosen = found.searched()
    network = export.untrained(chosen)
    table = found.costs["cycles"]
    assert set(chosen.hardware.folds) == set(settings.model.synapses)
    for layer, scheme in chosen.quantization.layers.items():
        fold = chosen.hardware.request.folds[layer]
        assert folding.cycles(network[layer], fold, network) == table.values[layer][scheme]
    # Attention keeps up with the slowest layer.
    folds = folding.solve(network, chosen.hardware.request)
    slowest = max(folding.cycles(network[name], fold, network) for name, fold in folds.items())
    assert slowest == table.of(found.choice)
    assert settings_of(tiny, space).hardware.folds == {}


@pytest.mark.slow
def test_formats_of_the_same_levels_are_trained_once(tiny, space, tmp_path):
    settings = settings_of(tiny, space, candidates=["u2", "u4", "pot2"], lambdas=[1.0], epochs=1)
    told = []
    found = sweep(settings, tmp_path, baselines=True, tell=lambda *words: told.append(words[0]))
    rows = {row["network"]: row for row in found["rows"]}
    assert "baseline u2" in told
    assert "baseline pot2" not in told
    assert rows["pot2"]["accuracy"] == rows["u2"]["accuracy"]
    assert rows["pot2"]["energy45"] < rows["u2"]["energy45"]
    # Training it alone gives the same.
    place = tmp_path / "baselines"
    chosen = config.load(place / "pot2" / "config.yaml")
    begin, _ = checkpoint.load(place / "begin" / CHECKPOINT)
    alone = Training(chosen, tmp_path / "alone", data.of(chosen))
    alone.start(checkpoint.split(begin, "model."))
    alone.run(False, None)
    tensors, _ = checkpoint.load(tmp_path / "alone" / CHECKPOINT)
    adopted, state = checkpoint.load(place / "pot2" / CHECKPOINT)
    assert all(torch.equal(adopted[n], value) for n, value in tensors.items() if n[:5] == "model")
    assert state["phase"] == "done"
    assert train(chosen, place / "pot2")["accuracy"]["folded"] == rows["u2"]["accuracy"]


def test_training_may_begin_with_the_weights_of_the_baselines(tiny, space, tmp_path):
    settings = settings_of(tiny, space, candidates=["u2", "u4"], begin="float")
    found = sweep(settings, tmp_path / "alone", tune=False)
    assert found["rows"][0]["accuracy"] is None
    assert not (tmp_path / "alone" / "lambda-1" / "train").exists()
    found = sweep(settings, tmp_path / "alone")
    row = found["rows"][0]
    assert not (tmp_path / "alone" / "baselines" / "u2").exists()
    # The chosen formats, trained as the baselines are, from the same weights.
    begin, _ = checkpoint.load(tmp_path / "alone" / "baselines" / "begin" / CHECKPOINT)
    weights = checkpoint.split(begin, "model.")
    chosen = config.load(tmp_path / "alone" / "lambda-1" / "searched.yaml")
    training = Training(chosen, tmp_path / "again", data.of(chosen))
    training.start(weights)
    assert training.run(False, None)["accuracy"]["folded"] == row["accuracy"]
    again = Training(chosen, tmp_path / "alone" / "lambda-1" / "train", data.of(chosen))
    state = training.model.state_dict()
    assert all(torch.equal(state[n], value) for n, value in again.model.state_dict().items())
    with pytest.raises(SpikewrightError, match="belongs to another run file, lambda or version"):
        sweep(config.override(settings, {"search.begin": "searched"}), tmp_path / "alone")


def test_without_tuning_training_begins_with_the_searched_weights(tiny, space, tmp_path, few):
    settings = settings_of(tiny, space)
    found = sweep(settings, tmp_path, tune=False)
    assert found["rows"][0]["accuracy"] is None
    place = tmp_path / "lambda-1"
    tensors, state = checkpoint.load(place / "train" / "checkpoint.safetensors")
    assert (state["phase"], state["epoch"], state["history"]) == ("quantized", 0, [])
    weights = search(settings, place, few).weights_learned()
    assert {f"model.{name}" for name in weights} <= tensors.keys()
    assert all(torch.equal(tensors[f"model.{name}"], w) for name, w in weights.items())
    metrics = train(config.load(place / "searched.yaml"), place / "train")
    assert set(metrics["accuracy"]) == {"quantized", "rounded", "folded"}
