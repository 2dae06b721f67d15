"""From a run file to the model that it describes."""

from __future__ import annotations

from sw.config import Config
from sw.mlp import Mlp
from sw.model import Model
from sw.sections import MlpModel
from sw.spikformer import Spikformer


def build(config: Config, classes: int) -> Model:
    """Return an untrained model.

    Parameters
    ----------
    config : Config
        Shape and kind from section ``model``, formats from section ``quantization``.
    classes : int
    """
    if isinstance(config.model, MlpModel):
        return Mlp(config.model, config.quantization, classes)
    return Spikformer(config.model, config.quantization, classes)
