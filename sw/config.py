"""The run file: one strict YAML file that describes a run from training to synthesis.

Unknown and missing keys are refused by name. Imports neither PyTorch nor SpikingJelly.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from ir.errors import SpikewrightError
from ir.strict import load_yaml, refusal
from sw.sections import (
    MODELS,
    Data,
    Hardware,
    Model,
    Quantization,
    Section,
    Simulation,
    Synthesis,
    Training,
)
from sw.space import Search


class Config(Section):
    """A whole run file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
    seed: Annotated[int, Field(ge=0, lt=1 << 31)]
    data: Data
    model: Model
    quantization: Quantization
    training: Training
    hardware: Hardware
    simulation: Simulation
    synthesis: Synthesis
    search: Search | None = None

    @model_validator(mode="after")
    def _check(self) -> Config:
        for key, given, allowed in (
            ("quantization.layers", self.quantization.layers, self.model.synapses),
            ("hardware.folds", self.hardware.folds, self.model.foldable),
            ("search.pinned", self.search.pinned if self.search else (), self.model.synapses),
        ):
            if unknown := [name for name in given if name not in allowed]:
                raise SpikewrightError(
                    f"Run file section {key} names {', '.join(map(repr, unknown))}; allowed are "
                    f"{', '.join(allowed)}."
                )
        if self.model.steps % self.hardware.steps_per_pass:
            raise SpikewrightError(
                f"Run file key hardware.steps_per_pass is {self.hardware.steps_per_pass}; allowed "
                f"are divisors of model.steps, {self.model.steps}."
            )
        return self

    @property
    def learned(self) -> dict[str, Any]:
        """What determines the trained weights: seed, data, model, quantization and training."""
        found = _plain(self, {"seed", "data", "model", "quantization", "training"})
        if self.data.frames is None:  # so that checkpoints without the key stay those of this file
            del found["data"]["frames"]
        return found

    @property
    def sought(self) -> dict[str, Any]:
        """What determines the result of a search, but for the lambda."""
        section = self.search.model_dump(mode="json", exclude={"lambdas"}) if self.search else None
        if section and section["begin"] == "searched":  # as of checkpoints without the key
            del section["begin"]
        return self.learned | _plain(self, {"hardware"}) | {"search": section}

    def to_yaml(self) -> str:
        """Return the run file as YAML text; reading it back gives an equal configuration."""
        return yaml.safe_dump(_plain(self), sort_keys=False)


def parse(entries: Mapping[str, Any]) -> Config:
    """Return the configuration that a parsed run file describes.

    Raises
    ------
    SpikewrightError
        If a key is unknown or missing, or a value is not allowed.
    """
    try:
        return Config.model_validate(dict(entries))
    except ValidationError as error:
        raise SpikewrightError(_sentence(error)) from None


def load(path: Path) -> Config:
    """Read the run file at ``path``.

    Raises
    ------
    SpikewrightError
        If it is not readable, not YAML, or not a run file.
    """
    return parse(load_yaml(Path(path)))


def override(config: Config, changes: Mapping[str, Any]) -> Config:
    """Return ``config`` with some values replaced; flags of the command line beat the file.

    Parameters
    ----------
    config : Config
    changes : mapping of dotted key to value
        Such as ``{"training.float_epochs": 3, "quantization.layers.block.0.q": "u2"}``.

    Raises
    ------
    SpikewrightError
        If a key does not exist or a value is not allowed.
    """
    entries = _plain(config)
    for key, value in changes.items():
        _replace(entries, key, value)
    return parse(entries)


def _replace(entries: dict[str, Any], key: str, value: Any) -> None:
    for section in ("quantization.layers", "hardware.folds", "hardware.channels", "search.pinned"):
        if key.startswith(section + "."):
            house, noun = section.split(".")
            if entries[house] is None:
                break
            entries[house][noun][key[len(section) + 1 :]] = value
            return
    *path, last = key.split(".")
    node: Any = entries
    for part in [*path, last]:
        parent = node
        if isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, dict) and part in node:
            node = node[part]
        else:
            raise SpikewrightError(f"Run file has no key {key!r} to override.")
    parent[int(last) if isinstance(parent, list) else last] = value


def _plain(config: Config, include: set[str] | None = None) -> dict[str, Any]:
    return config.model_dump(mode="json", include=include)


def _sentence(error: ValidationError) -> str:
    found = error.errors(include_url=False)
    if found[0]["type"] == "union_tag_invalid":
        kind = found[0]["ctx"]["tag"]
        return f"Run file key model.kind is {kind!r:.80}; allowed are {', '.join(MODELS)}."
    return refusal(found, "Run file", _key)


def _key(location: tuple[int | str, ...]) -> str:
    if location[:1] == ("model",) and location[1:2] in [(kind,) for kind in MODELS]:
        location = ("model", *location[2:])  # pydantic names the kind of model between the keys
    return ".".join(map(str, location))
