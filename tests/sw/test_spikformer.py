"""The model in its three forms."""

import pytest
import torch
from spikingjelly.activation_based import base, neuron
from torch.nn import functional

from ir.scheme import Scheme
from sw import config, sections
from sw.cell import MODES, Cell, fixed
from sw.neuron import LIF
from sw.quant import to_int


def run(model, mode, images):
    model.mode = mode
    trace = {}
    with torch.no_grad():
        logits = model(images, trace)
    return logits, trace


@pytest.mark.parametrize("mode", MODES)
def test_every_parameter_learns(tiny, lively, random_images, mode):
    model = lively(tiny)
    model.mode = mode
    model.train()
    logits = model(random_images(tiny, 16))
    functional.cross_entropy(logits, torch.arange(16) % 10).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


def test_neurons_and_layers_are_spikingjellys(tiny, lively):
    model = lively(tiny)
    kinds = [type(part).__mro__ for part in model.modules()]
    assert sum(neuron.LIFNode in kind for kind in kinds) == 3 + 2 * 7
    assert sum(base.StepModule in kind and torch.nn.Conv2d in kind for kind in kinds) == 3 + 2 * 6
    assert model.blocks[0].attention_lif.v_threshold == 0.5


def test_quantized_form_in_fine_steps_approaches_the_float_form(tiny, lively, random_images):
    """With u8 weights and the float form given the very same weights, few spikes differ."""
    changes = {"default": "u8", "layers": {}, "frac_bits": 14}
    fine = config.override(tiny, {f"quantization.{key}": changes[key] for key in changes})
    model = lively(fine)
    images = random_images(fine, 32)
    for part in model.modules():
        if isinstance(part, Cell):
            integers, scale = to_int(part.conv.weight, part.scheme)
            # Outliers fix the scale, so that quantizing again gives the same integers.
            part.conv.weight.data = (integers * scale).detach()
    _, left = run(model, "quantized", images)
    _, right = run(model, "folded", images)
    names = [name for name in left if name.endswith("lif")]
    spikes = sum(left[name].numel() for name in names)
    differing = sum(int((left[name] != right[name]).sum()) for name in names)
    assert 0 <= differing < spikes * 1e-3
    _, exact = run(model, "float", images)
    first = "tokenizer.0.lif"
    assert (left[first] != exact[first]).float().mean() < 0.03
    assert 0.05 < left[first].mean() < 0.95


def test_batch_statistics_are_those_of_batch_norm(tiny, lively, random_images):
    model = lively(tiny)
    cell = model.stages[0].cell
    x = random_images(tiny, 20)[None].float()
    integers, scale = to_int(cell.conv.weight, cell.scheme)
    sums = functional.conv2d(x[0], integers * scale, padding=1)
    mean, variance = cell.norm.running_mean.clone(), cell.norm.running_var.clone()
    norm = cell.norm
    norm.momentum = 0.3
    expected = functional.batch_norm(
        sums, mean, variance, norm.weight, norm.bias, training=True, momentum=0.3
    )
    reference = LIF(cell.lif.integer)(expected.expand(3, *expected.shape))
    cell.mode = "quantized"
    cell.train()
    _, spikes = cell(x, 3)
    assert (spikes != reference).float().mean() < 0.02
    assert 0.05 < spikes.mean() < 0.95
    torch.testing.assert_close(cell.norm.running_mean, mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(cell.norm.running_var, variance, rtol=1e-4, atol=1e-5)


def test_folded_form_keeps_its_statistics(tiny, lively, random_images):
    model = lively(tiny)
    before = {name: value.clone() for name, value in model.named_buffers()}
    model.mode = "folded"
    model.train()
    model(random_images(tiny, 8))
    for name, value in model.named_buffers():
        assert torch.equal(value, before[name]), name


def test_folding_follows_its_formula(tiny, lively):
    cell = lively(tiny).position
    cell.mode = "folded"
    norm = cell.norm
    norm.weight.data[:3] = torch.tensor([0.0, -2.0, 2.0])
    norm.running_mean[1:3] = 0.3
    norm.running_var[1:3] = 4.0 - norm.eps
    norm.bias.data[:3] = torch.tensor([0.5, 1.0, 1.0])
    with torch.no_grad():
        integers, scale = to_int(cell.conv.weight, cell.scheme)
        folded = cell.fold()
    one = 1 << cell.lif.integer.frac_bits
    assert folded.weight[0].abs().max() == 0
    assert (folded.unit[0], folded.bias[0]) == (1, 0.5 * one)
    assert torch.equal(folded.weight[1], -integers[1])
    assert torch.equal(folded.weight[2], integers[2])
    for channel, offset in ((1, 1.3), (2, 0.7)):
        unit = float(scale[channel])
        assert folded.unit[channel] == pytest.approx(unit)
        assert folded.bias[channel] == pytest.approx(offset / unit * one, abs=0.51)
        assert folded.threshold[channel] == pytest.approx(1 / unit * one, abs=0.51)


def test_thresholds_beyond_reach_are_clamped_and_silent(tiny, lively):
    cell = lively(tiny).position
    cell.mode = "folded"
    cell.norm.weight.data[:2] = torch.tensor([1e-12, 1e-3])
    cell.norm.bias.data[:2] = torch.tensor([-1.0, 0.9])
    cell.norm.running_mean[:2] = 0.0
    with torch.no_grad():
        folded = cell.fold()
    neuron = cell.lif.integer
    assert folded.bias[0] == -float(1 << neuron.membrane_bits)
    assert folded.threshold[0] == 1
    positive = folded.weight[1].clamp(min=0).sum() * cell.high * (1 << neuron.frac_bits)
    assert folded.threshold[1] <= positive + folded.bias[1] + 1
    x = torch.randint(0, 2, (3, 5, 8, 3, 3)).float()
    _, spikes = cell(x, 3)
    assert spikes[:, :, 0].sum() == 0
    assert spikes[:, :, 1].sum() == 0


def test_attention_threshold_is_exact_for_any_fraction():
    for frac_bits, scale, expected in ((8, 0.25, 512), (0, 0.25, 2), (0, 1.0, 1), (1, 1.0, 1)):
        quantization = sections.Quantization(
            default="u4", layers={}, frac_bits=frac_bits, membrane_bits=24
        )
        constants = fixed(LIF(quantization.neuron, 0.5), 3, scale)
        assert constants.threshold.tolist() == [expected] * 3
        assert constants.bias.tolist() == [0] * 3


def test_head_adds_up_integers(tiny, lively, random_images):
    model = lively(tiny)
    logits, trace = run(model, "folded", random_images(tiny, 6))
    count = 3 * 9
    weight, bias, scale = model.head.fold(count)
    sums = trace["block.1.mlp_add"].sum((1, 2)).double()
    expected = sums @ weight.double().T + bias
    assert torch.equal(trace["head"][:, 0, 0], expected)
    assert torch.equal(bias, bias.round())
    assert set(weight.unique().long().tolist()) <= set(Scheme("u", 4).levels.tolist())
    torch.testing.assert_close(logits, (expected * scale / count).float())


def test_unknown_mode_is_refused(tiny, lively):
    with pytest.raises(ValueError, match="Mode is 'fast'"):
        lively(tiny).mode = "fast"
