"""Integer sums carried in floating point, with the bound that makes them exact."""

from __future__ import annotations

import torch
from torch.nn import functional

# All integers up to these magnitudes, and every partial sum below them, are exact.
FLOAT32_BOUND = 1 << 24
FLOAT64_BOUND = 1 << 53


def dtype_for(bound: float) -> torch.dtype:
    """Return float32 if integers up to ``bound`` are exact in it, else float64.

    Raises
    ------
    OverflowError
        If float64 is not exact either.
    """
    if bound < FLOAT32_BOUND:
        return torch.float32
    if bound < FLOAT64_BOUND:
        return torch.float64
    raise OverflowError(f"Integers up to {bound:.0f} are exact in no floating-point format.")


def conv2d(
    x: torch.Tensor, weight: torch.Tensor, high: int, stride: int = 1, padding: int = 0
) -> torch.Tensor:
    """Return the exact sums of a convolution of integers.

    Parameters
    ----------
    x : float (count, in, height, width)
        Integers of magnitude up to ``high``.
    weight : float (out, in, kernel, kernel)
        Integers.
    high : int
        Bound of the magnitudes of ``x``.

    Returns
    -------
    sums : (count, out, height, width)
        float32 where the proven bound of every partial sum allows it, else float64.
    """
    bound = float(weight.detach().abs().double().sum((1, 2, 3)).max()) * high
    dtype = dtype_for(bound)
    # NNPACK may choose Winograd's algorithm, whose intermediate values are no integers.
    with torch.backends.nnpack.flags(enabled=False):
        return functional.conv2d(x.to(dtype), weight.to(dtype), stride=stride, padding=padding)
