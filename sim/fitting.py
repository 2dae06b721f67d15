"""Least squares with coefficients that cannot be negative."""

from __future__ import annotations

import numpy as np


def least_squares(
    features: np.ndarray,
    targets: np.ndarray,
    expected: float | np.ndarray = 0.0,
    *,
    belief: float = 0.0,
    sweeps: int = 2000,
) -> np.ndarray:
    """Return the coefficients x >= 0 with the smallest sum of weighted squared errors.

    An error weighs the inverse of the target's size, so that large engines do not drown small ones
    and single cells of small ones do not count as much as those of large ones.

    Parameters
    ----------
    features : float (samples, features)
    targets : float (samples,)
    expected : float or float (features,)
        What each coefficient is believed to be before anything was measured.
    belief : float
        How many samples that weighs; a feature that no sample has stays as expected.
    sweeps : int
        Passes of coordinate descent at most.

    Returns
    -------
    float (features,)

    Examples
    --------
    >>> features = np.array([[1.0, 2], [1, 4], [1, 8]])
    >>> least_squares(features, np.array([5.0, 9, 17])).round(3).tolist()
    [1.0, 2.0]
    """
    weight = 1 / np.sqrt(np.abs(targets) + 16)
    scale = np.abs(features).max(0, initial=0)
    scale = np.where(scale > 0, scale, 1.0)
    a, b = features / scale * weight[:, None], targets * weight
    gram, right = a.T @ a, a.T @ b
    pull = belief * np.diag(gram) / max(1, len(targets))
    gram, right = gram + np.diag(pull), right + pull * expected * scale
    x = np.where(np.diag(gram) > 1e-12, 0.0, expected * scale if belief else 0.0)
    for _ in range(sweeps):
        before = x.copy()
        for k in range(len(x)):
            if gram[k, k] > 1e-12:
                x[k] = max(0.0, x[k] + (right[k] - gram[k] @ x) / gram[k, k])
        if np.abs(x - before).max(initial=0) <= 1e-9 * max(1.0, np.abs(x).max(initial=0)):
            break
    return x / scale
