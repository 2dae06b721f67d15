"""The exported network equals the model in mode ``folded``, spike for spike."""

import numpy as np
import pytest
import torch

from ir import golden as numpy_golden
from ir import store
from ir.errors import SpikewrightError
from sw import checkpoint, config, data, export, golden
from sw.trace import traces


def check_equal(model, settings, images):
    network = export.convert(model, settings, {"dataset": "noise"})
    found = traces(model, "folded", images)
    expected = numpy_golden.run(network, images)
    assert set(found) == set(expected.outputs) == {layer.name for layer in network.layers}
    twin = golden.run(network, images, batch_size=5)
    for name, value in expected.outputs.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
        np.testing.assert_array_equal(twin.outputs[name], value, err_msg=name)
    return network, expected


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("frac_bits", "membrane_bits"), [(8, 24), (0, 6), (3, 9), (16, 48)])
def test_model_equals_both_golden_models(
    tiny, lively, random_images, seed, frac_bits, membrane_bits
):
    settings = config.override(
        tiny,
        {"quantization.frac_bits": frac_bits, "quantization.membrane_bits": membrane_bits},
    )
    images = random_images(settings, 6, seed).numpy()
    _, trace = check_equal(lively(settings, seed), settings, images)
    for name in ("tokenizer.0.lif", "position.lif", "block.0.q_lif", "block.1.fc2_lif"):
        assert 0 < trace.outputs[name].mean() < 1


def test_saturated_membranes_are_equal(tiny, lively, random_images):
    settings = config.override(tiny, {"quantization.membrane_bits": 12})
    images = random_images(settings, 6).numpy()
    _, trace = check_equal(lively(settings), settings, images)
    assert max(value.max() for value in trace.membranes.values()) == 2047
    assert min(value.min() for value in trace.membranes.values()) == -2048


def test_extreme_batch_norms_are_equal(tiny, lively, random_images):
    model = lively(tiny)
    extremes = torch.tensor([0.0, 1e-30, -1e-30, 1e30, -1e30, 1.0, -1.0, 1e-4])
    for part in (model.position, model.blocks[0].q, model.blocks[1].fc2):
        part.norm.weight.data = extremes.clone()
        part.norm.running_var = extremes.abs().flip(0).clone()
    network, _ = check_equal(model, tiny, random_images(tiny, 6).numpy())
    assert not network["position.conv"].weight[0].any()
    assert network["position.conv"].weight[3].any()


@pytest.mark.parametrize("scheme", ["binary", "ternary"])
def test_binary_and_ternary_weights_are_equal(tiny, lively, random_images, scheme):
    settings = config.override(
        tiny, {"quantization.default": scheme, "quantization.layers": {"block.1.q": "u4"}}
    )
    model = lively(settings)
    model.position.norm.weight.data[1] = 0.0
    network, trace = check_equal(model, settings, random_images(settings, 6).numpy())
    for layer in (network["position.conv"], network["block.0.fc1"], network["head"]):
        assert layer.scheme.name == scheme
        assert set(np.unique(layer.weight)) == ({-1, 1} if scheme == "binary" else {-1, 0, 1})
    for name in ("tokenizer.0.lif", "block.0.q_lif", "block.1.fc2_lif"):
        assert 0 < trace.outputs[name].mean() < 1


def test_network_records_what_was_asked(tiny, lively):
    network = export.convert(lively(tiny), tiny, data.load("digits").preparation(tiny.model).record)
    assert network.quantization == {
        name: tiny.quantization.scheme(name).name for name in tiny.model.synapses
    }
    assert network.preprocessing["dataset"] == "digits"
    assert network.input.high == 16
    assert network.edges["block.1.mlp_add"].type.high == 6


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tiny, lively, value):
    model = lively(tiny)
    model.blocks[0].proj.norm.bias.data[1] = value
    with pytest.raises(SpikewrightError, match=r"NaN or infinite values in blocks\.0\.proj\.norm"):
        export.convert(model, tiny, {})


@pytest.fixture
def trained(tiny, lively, tmp_path):
    """Return a directory as training leaves it, with an untrained model."""
    directory = tmp_path / "train"
    directory.mkdir()
    (directory / "config.yaml").write_text(tiny.to_yaml())
    write_checkpoint(directory, lively(tiny).state_dict(), tiny)
    return directory


def write_checkpoint(directory, tensors, settings, phase="done"):
    named = {f"model.{name}": value for name, value in tensors.items()}
    state = {"phase": phase, "config": settings.learned}
    checkpoint.save(directory / "checkpoint.safetensors", named, state)


def test_export_directory_holds_network_and_samples(trained, tmp_path):
    network = export.export(trained, tmp_path / "export")
    found = store.load(tmp_path / "export")
    assert found.samples.images.shape == (360, 1, 8, 8)
    assert found.hardware.lanes == 256
    images = found.samples.images[:20]
    expected, _ = golden.predict(network, images)
    np.testing.assert_array_equal(golden.predict(found.network, images)[0], expected)
    _, model, dataset = export.load(trained)
    with torch.no_grad():
        labels = model(torch.from_numpy(images)).argmax(1)
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(found.samples.labels, dataset.test_labels)


def test_a_widened_export_gives_the_same_labels(tiny, trained, tmp_path):
    plain = export.export(trained, tmp_path / "plain")
    channels = {"hardware.channels.block.0.fc1": 20, "hardware.channels.tokenizer.1.conv": 9}
    wider = config.override(tiny, channels)
    (trained / "config.yaml").write_text(wider.to_yaml())
    network = export.export(trained, tmp_path / "wide")
    assert network.edges["block.0.fc2"].channels == network.edges["position.add"].channels == 9
    assert network.edges["block.0.fc1_lif"].channels == 20
    images = store.load(tmp_path / "wide").samples.images[:20]
    expected = numpy_golden.run(plain, images).outputs["head"]
    np.testing.assert_array_equal(numpy_golden.run(network, images).outputs["head"], expected)


def refuse(directory, tmp_path, words):
    with pytest.raises(SpikewrightError, match=words) as caught:
        export.export(directory, tmp_path / "export")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "export").exists()
    assert not list(tmp_path.glob(".export*"))


def test_truncated_checkpoints_are_refused(trained, tmp_path):
    path = trained / "checkpoint.safetensors"
    content = path.read_bytes()
    for length in [0, 1, 7, 8, 9, 100, *range(1000, len(content), len(content) // 7)]:
        path.write_bytes(content[:length])
        refuse(trained, tmp_path, r"Checkpoint .* is damaged")
    path.write_bytes(b"\xff" * 64)
    refuse(trained, tmp_path, r"Checkpoint .* is damaged")
    path.unlink()
    refuse(trained, tmp_path, r"Checkpoint .* does not exist")


def test_wrong_tensors_are_refused(tiny, trained, tmp_path):
    _, model, _ = export.load(trained)
    tensors = model.state_dict()
    for name, value, words in (
        ("position.conv.weight", None, r"lacks tensors: position\.conv\.weight"),
        ("surprise", torch.zeros(2), "has unknown tensors: surprise"),
        ("position.norm.bias", torch.zeros(3), r"position\.norm\.bias is .* \(3,\); allowed is"),
        ("position.norm.bias", torch.full((8,), np.nan), r"NaN .* in model\.position\.norm\.bias"),
    ):
        changed = {k: v for k, v in {**tensors, name: value}.items() if v is not None}
        write_checkpoint(trained, changed, tiny)
        refuse(trained, tmp_path, words)


def test_unfinished_or_foreign_training_is_refused(tiny, trained, tmp_path):
    _, model, _ = export.load(trained)
    write_checkpoint(trained, model.state_dict(), tiny, phase="quantized")
    refuse(trained, tmp_path, "stopped in phase 'quantized'")
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, trained / "checkpoint.safetensors")
    refuse(trained, tmp_path, "was not written by Spikewright")


def test_run_file_changed_after_training_is_refused(tiny, trained, tmp_path):
    changed = config.override(tiny, {"hardware.lanes": 77})
    (trained / "config.yaml").write_text(changed.to_yaml())
    export.export(trained, tmp_path / "other")
    assert store.load(tmp_path / "other").hardware.lanes == 77
    export.export(trained, tmp_path / "asked", hardware=tiny.hardware.request)
    assert store.load(tmp_path / "asked").hardware.lanes == 256
    changed = config.override(tiny, {"quantization.layers.head": "u2"})
    (trained / "config.yaml").write_text(changed.to_yaml())
    refuse(trained, tmp_path, "was changed after training")


def test_foreign_output_is_kept(trained, tmp_path):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "thesis.txt").write_text("mine")
    with pytest.raises(SpikewrightError, match="was not written by this command"):
        export.export(trained, tmp_path / "export")
    assert (tmp_path / "export" / "thesis.txt").read_text() == "mine"
