"""Gumbel-softmax: samples of a choice that have a gradient."""

from __future__ import annotations

import torch


def sample(
    logits: torch.Tensor, temperature: float, generator: torch.Generator, *, hard: bool
) -> torch.Tensor:
    """Return probabilities softmax((logits + g) / temperature), g drawn from Gumbel(0, 1).

    Parameters
    ----------
    logits : float (choices,)
    temperature : float
        Positive; towards 0 a sample becomes one-hot.
    generator : torch.Generator
        Source of the noise. PyTorch's ``gumbel_softmax`` knows only the global one.
    hard : bool
        Whether the result is one-hot; its gradient is then that of the soft sample.

    Returns
    -------
    float (choices,)
        Sum 1.

    Source
    ------
    Jang, Gu, Poole, "Categorical Reparameterization with Gumbel-Softmax", 2017.
    """
    noise = -torch.empty_like(logits).exponential_(generator=generator).log()
    soft = ((logits + noise) / temperature).softmax(0)
    if not hard:
        return soft
    one_hot = torch.zeros_like(soft)
    one_hot[soft.argmax()] = 1.0
    return one_hot + (soft - soft.detach())
