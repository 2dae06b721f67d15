"""Order of the words of a link: which element flows where, as an exchange of axes."""

from __future__ import annotations

import numpy as np

from ir.plan import Link


def arrange(flat: np.ndarray, link: Link, positions: int) -> np.ndarray:
    """Return the elements of words as (samples, T, positions, channels).

    Parameters
    ----------
    flat : (samples * words, lanes * steps)
        Elements of each word, lowest bits first.
    link : Link
    positions : int

    Examples
    --------
    >>> from ir.types import IntType
    >>> link = Link("x", 4, 1, 1, IntType(0, 9), order="CPT")
    >>> arrange(np.array([[0], [1], [2], [3]]), link, 2).tolist()
    [[[[0, 2], [1, 3]]]]
    """
    groups = link.words // (positions * link.time)
    channels, steps = groups * link.lanes, link.time * link.steps
    if link.order == "PCT":
        table = flat.reshape(-1, positions, groups, link.time, link.lanes, link.steps)
        axes = (0, 3, 5, 1, 2, 4)
    else:
        table = flat.reshape(-1, groups, positions, link.time, link.lanes, link.steps)
        axes = (0, 3, 5, 2, 1, 4)
    return table.transpose(axes).reshape(-1, steps, positions, channels)


def lay(values: np.ndarray, link: Link) -> np.ndarray:
    """Return (samples, T, positions, channels) as the elements of words; undoes :func:`arrange`.

    Examples
    --------
    >>> from ir.types import IntType
    >>> link = Link("x", 4, 1, 1, IntType(0, 9), order="CPT")
    >>> lay(np.array([[[[0, 2], [1, 3]]]]), link).tolist()
    [[0], [1], [2], [3]]
    """
    samples, steps, positions, channels = values.shape
    shape = (samples, link.time, steps // link.time, positions, channels // link.lanes, link.lanes)
    axes = (0, 3, 4, 1, 5, 2) if link.order == "PCT" else (0, 4, 3, 1, 5, 2)
    return values.reshape(shape).transpose(axes).reshape(-1, link.lanes * (steps // link.time))
