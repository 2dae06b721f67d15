"""Samples that move: a frame per time step, from files to the integer network."""

import numpy as np
import pytest
import torch
import yaml

from ir import golden, store
from ir.errors import SpikewrightError
from sw import augment, config, data, export
from sw.trace import traces
from sw.train import train
from tests.recordings import nmnist

FORMS = ("spikformer", "mlp")


@pytest.fixture
def moving(tiny, small_mlp):
    """Return a function from a kind of model to a run file of recordings in T = 3 frames."""

    def of(kind, **image):
        settings = {"spikformer": tiny, "mlp": small_mlp}[kind]
        entries = settings.model_dump(mode="json")
        entries["data"] = {"name": "nmnist", "frames": "time"}
        entries["model"]["image"] |= {"channels": 2, "high": 15} | image
        return config.parse(entries)

    return of


@pytest.mark.parametrize("kind", FORMS)
def test_folded_model_equals_the_golden_model(moving, lively, kind):
    settings = moving(kind)
    image = settings.model.image
    shape = (16, settings.model.steps, image.channels, image.height, image.width)
    images = torch.randint(0, 16, shape, generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    model = lively(settings)
    model.train()
    with torch.no_grad():
        model(images)
    model.eval()
    network = export.convert(model, settings, {})
    assert network.sample_shape == (settings.model.steps, *settings.model.input_shape)
    entering = images.reshape(len(images), *network.sample_shape).numpy()
    found = traces(model, "folded", entering)
    wanted = golden.run(network, entering).outputs
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values, name)
    spikes = wanted[network.layers[2].name]
    assert 0 < spikes.mean() < 1
    # Steps differ, which they could not if the first frame were repeated.
    assert any(not np.array_equal(spikes[:, 0], spikes[:, t]) for t in (1, 2))
    still = golden.run(network, np.repeat(entering[:, :1], settings.model.steps, 1)).outputs
    assert not np.array_equal(still["head"], wanted["head"])


def test_recordings_are_learned_and_exported(moving, tmp_path):
    nmnist(tmp_path / "data" / "nmnist")
    settings = moving("spikformer", height=34, width=34)
    metrics = train(settings, tmp_path / "train", folder=tmp_path / "data")
    assert metrics["spikes"]["golden"]["differing"] == 0
    export.export(tmp_path / "train", tmp_path / "export", folder=tmp_path / "data")
    loaded = store.load(tmp_path / "export")
    assert loaded.samples.images.shape == (20, 3, 2, 34, 34)
    assert loaded.network.preprocessing["frames"] == "time"
    labels = golden.run(loaded.network, loaded.samples.images).labels
    assert metrics["accuracy"]["folded"] == np.mean(labels == loaded.samples.labels)


def test_run_files_say_whether_samples_move(moving, tiny, tmp_path):
    nmnist(tmp_path)
    assert data.of(moving("spikformer", height=34, width=34), tmp_path).train_images.ndim == 5
    entries = moving("spikformer", height=34, width=34).model_dump(mode="json")
    entries["data"]["frames"] = None
    still = config.parse(entries)
    assert data.of(still, tmp_path).train_images.ndim == 4
    assert "frames" not in still.learned["data"]
    with pytest.raises(SpikewrightError, match=r"data\.frames is time; dataset digits"):
        config.override(tiny, {"data.frames": "time"})
    assert config.parse(yaml.safe_load(still.to_yaml())) == still


def test_all_frames_of_a_sample_are_mirrored_alike():
    images = torch.arange(6 * 3 * 1 * 2 * 4, dtype=torch.uint8).view(6, 3, 1, 2, 4)
    found = augment.mirror(images, torch.Generator().manual_seed(0))
    turned = [torch.equal(a, b.flip(-1)) for a, b in zip(found, images, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(found, images, strict=True)]
    assert all(one != other for one, other in zip(turned, kept, strict=True))
    assert any(turned)
    assert any(kept)
