"""When words move: one max-plus recurrence per kind of station.

Times are cycles, int64, one per word of all samples in a row. A recurrence takes the cycles in
which its input words are offered (``valid``) and those in which its output words move (a lower
bound during iteration), and gives the cycles in which its input words move and its output words are
offered. docs/MICROARCHITECTURE.md states what is computed here; nothing is taken from the RTL.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ir.attention import Attend, Correlate, Mix, Recall
from ir.plan import (
    Align,
    Buffer,
    Fork,
    Join,
    Maximum,
    Merge,
    Neurons,
    SerialNeurons,
    Split,
    Station,
    Synapse,
    Window,
)
from ir.readout import Accumulate, Classify
from ir.tile import Reorder, Stepwise, Tile

Times = list[np.ndarray]
NEVER = np.int64(-(1 << 40))


def ramp(earliest: np.ndarray) -> np.ndarray:
    """Return the least strictly increasing sequence that is nowhere below ``earliest``.

    Examples
    --------
    >>> ramp(np.array([3, 0, 9, 9])).tolist()
    [3, 4, 9, 10]
    """
    return spaced(earliest, 1)


def spaced(earliest: np.ndarray, gap: int) -> np.ndarray:
    """Return the least sequence that grows by at least ``gap`` and is nowhere below ``earliest``.

    Examples
    --------
    >>> spaced(np.array([3, 0, 9, 9]), 2).tolist()
    [3, 5, 9, 11]
    """
    index = gap * np.arange(len(earliest), dtype=np.int64)
    return np.maximum.accumulate(earliest - index) + index


def delayed(times: np.ndarray, count: int) -> np.ndarray:
    """Return ``times`` moved ``count`` words later; the first words have no constraint.

    Examples
    --------
    >>> delayed(np.array([5, 6, 7]), 1)[1:].tolist()
    [5, 6]
    """
    out = np.full(len(times), NEVER, dtype=np.int64)
    if count < len(times):
        out[count:] = times[: len(times) - count]
    return out


def flow(station: Station, valid: Times, move: Times, samples: int) -> tuple[Times, Times]:
    """Return (moves of the input words, first offers of the output words) of one station.

    Parameters
    ----------
    station : Station
    valid : list of int64 (samples * words,)
        Per input link.
    move : list of int64 (samples * words,)
        Per output link.
    samples : int
    """
    if isinstance(station, Fork):
        taken = np.maximum.reduce([valid[0], *move])
        offered = np.maximum(valid[0], delayed(taken, 1) + 1)
        return [taken], [offered] * len(move)
    if isinstance(station, Buffer):
        return _buffer(station, valid[0], move[0])
    if isinstance(station, Split):
        return _split(station.ratio, valid[0], move[0])
    if isinstance(station, (Merge, Maximum)):
        ratio = station.ratio if isinstance(station, Merge) else station.taps
        blocked = np.full(len(valid[0]), NEVER)
        blocked[::ratio] = delayed(move[0], 1)
        entered = ramp(np.maximum(valid[0], blocked))
        return [entered], [entered[ratio - 1 :: ratio] + 1]
    if isinstance(station, Synapse):
        (entered,), summed = _summed(station.synapse_fold, 2, valid[0], move[0])
        return [entered], summed
    if isinstance(station, Reorder):
        return _reorder(valid[0], move[0], samples)
    if isinstance(station, Tile):
        return _tile(station, valid[0], move[0], samples)
    if isinstance(station, Stepwise):
        return _stepwise(station, valid[0], move[0])
    if isinstance(station, SerialNeurons):
        return _serial(station.o.steps, valid[0], move[0])
    if isinstance(station, Neurons):
        return _pipeline(station.latency, valid[0], move[0])
    if isinstance(station, Classify):
        return _pipeline(2, valid[0], move[0])
    if isinstance(station, (Join, Align)):
        registers = 1 if isinstance(station, Join) else 2
        (entered,), offered_join = _pipeline(registers, np.maximum(*valid), move[0])
        return [entered, entered], offered_join
    if isinstance(station, Accumulate):
        return _accumulate(station, valid[0], move[0], samples * station.runs)
    if isinstance(station, Attend):
        return _attend(station, valid, move[0], samples)
    if isinstance(station, Recall):
        filled, used = _banks(valid[0], delayed(move[0], 1), samples)
        return [filled], [np.maximum(used + 1, delayed(move[0], 1) + 1)]
    if isinstance(station, Correlate):
        (entered,), summed = _summed(station.chunks, 1, np.maximum(*valid), move[0])
        return [entered, entered], summed
    if isinstance(station, Mix):
        return _mix(station, np.maximum(*valid), move[0])
    assert isinstance(station, Window)
    return _window(station, valid[0], move[0], samples * station.maps)


def _pipeline(registers: int, valid: np.ndarray, move: np.ndarray) -> tuple[Times, Times]:
    """Elastic pipeline: a register is free again in the cycle in which its word leaves."""
    entered = ramp(np.maximum(valid, delayed(move, registers)))
    return [entered], [np.maximum(entered + registers, delayed(move, 1) + 1)]


def _serial(steps: int, valid: np.ndarray, move: np.ndarray) -> tuple[Times, Times]:
    # The spikes so far are the output register: the first step waits until it is free.
    first = spaced(np.maximum(valid + 2, delayed(move, 1)), steps)
    # The next word comes when the last current of this one moves on, during the last step but one.
    return [np.maximum(valid, delayed(first, 1) + steps - 2)], [first + steps]


def _buffer(station: Buffer, valid: np.ndarray, move: np.ndarray) -> tuple[Times, Times]:
    if station.depth == 0:
        return [np.maximum(valid, move)], [valid]
    entered = ramp(np.maximum(valid, delayed(move, station.depth) + 1))
    return [entered], [np.maximum(entered + station.latency, delayed(move, 1) + 1)]


def _split(ratio: int, valid: np.ndarray, move: np.ndarray) -> tuple[Times, Times]:
    entered = ramp(np.maximum(valid, delayed(move[ratio - 1 :: ratio], 1)))
    offered = delayed(move, 1) + 1
    offered[::ratio] = entered + 1
    return [entered], [offered]


def _summed(
    fold: int, registers: int, valid: np.ndarray, move: np.ndarray
) -> tuple[Times, Times]:
    """Elastic registers, then accumulators that offer the sum of ``fold`` words themselves."""
    blocked = np.full(len(valid), NEVER)
    blocked[::fold] = delayed(move, 1)  # the accumulator is the output register
    entered = ramp(np.maximum(valid, delayed(blocked, registers)))
    added = ramp(np.maximum(entered + registers, blocked))
    return [entered], [added[fold - 1 :: fold] + 1]


def _reorder(valid: np.ndarray, move: np.ndarray, samples: int) -> tuple[Times, Times]:
    written, read = _banks(valid, delayed(move, 1), samples)
    return [written], [read + 1]


def _tile(station: Tile, valid: np.ndarray, move: np.ndarray, samples: int) -> tuple[Times, Times]:
    planes, passes = station.planes, station.passes * samples
    visit_from = np.repeat(valid, planes).reshape(passes, -1)
    completes = np.arange(passes) % station.synapse_fold == station.synapse_fold - 1
    room = delayed(move, station.buffer) + 1
    last_planes = visit_from[:, planes - 1 :: planes]
    last_planes[completes] = np.maximum(last_planes[completes], room.reshape(-1, station.visits))
    load = station.tables.load_cycles
    visited = np.empty_like(visit_from)
    loaded: list[int] = []
    for p in range(passes):
        if p < station.banks or not station.resident:
            begin = loaded[-1] if loaded else int(valid[0])
            if p >= station.banks:
                begin = max(begin, int(visited[p - station.banks, -1]) + 1)
            loaded.append(begin + load + 1)
        ready = loaded[min(p, len(loaded) - 1)]
        if p:
            ready = max(ready, int(visited[p - 1, -1]) + 1 + station.gap)
        visit_from[p, 0] = max(visit_from[p, 0], ready)
        visited[p] = ramp(visit_from[p])
    words = visited[:, planes - 1 :: planes]
    offered = words[completes].ravel() + station.latency + 1
    return [words.ravel()], [np.maximum(offered, delayed(move, 1) + 1)]


def _stepwise(station: Stepwise, valid: np.ndarray, move: np.ndarray) -> tuple[Times, Times]:
    repeats = station.repeats
    (visited,), offered = _pipeline(station.latency, np.repeat(valid, repeats), move)
    return [visited[repeats - 1 :: repeats]], offered


def _accumulate(
    station: Accumulate, valid: np.ndarray, move: np.ndarray, samples: int
) -> tuple[Times, Times]:
    blocked = np.full((samples, station.positions, station.groups), NEVER)
    blocked[:, -1] = delayed(move, 1).reshape(samples, station.groups)
    entered = ramp(np.maximum(valid, blocked.ravel()))
    emitted = entered.reshape(blocked.shape)[:, -1].ravel()
    return [entered], [emitted + 1]


def _mix(station: Mix, valid: np.ndarray, move: np.ndarray) -> tuple[Times, Times]:
    runs = len(valid) // (station.visits * station.chunks)
    blocked = np.full((runs, station.visits, station.chunks), NEVER)
    blocked[:, -1] = delayed(move, 1).reshape(-1, station.chunks)
    entered = ramp(np.maximum(valid, delayed(blocked.ravel(), 1)))
    added = ramp(np.maximum(entered + 1, blocked.ravel()))
    return [entered, entered], [added.reshape(blocked.shape)[:, -1].ravel() + 1]


def _banks(fill_from: np.ndarray, use_from: np.ndarray, samples: int) -> tuple[Any, Any]:
    """Two banks: sample f is used once it is whole, and filled once f - 2 was used.

    Parameters
    ----------
    fill_from, use_from : int64 (samples * steps,)
        Earliest cycles of the steps of either side, as far as the streams allow them.

    Returns
    -------
    filled, used : int64 (samples * steps,)
    """
    filled = fill_from.reshape(samples, -1).copy()
    used = use_from.reshape(samples, -1).copy()
    for f in range(samples):
        if f:
            filled[f, 0] = max(filled[f, 0], filled[f - 1, -1] + 1)
            used[f, 0] = max(used[f, 0], used[f - 1, -1] + 1)
        if f > 1:
            filled[f, 0] = max(filled[f, 0], used[f - 2, -1] + 1)
        filled[f] = ramp(filled[f])
        used[f, 0] = max(used[f, 0], filled[f, -1] + 1)
        used[f] = ramp(used[f])
    return filled.ravel(), used.ravel()


def _attend(
    station: Attend, valid: Times, move: np.ndarray, samples: int
) -> tuple[Times, Times]:
    visits, rows = station.visits, station.rows
    blocked = np.full(len(valid[0]) * visits, NEVER)
    blocked[::rows] = delayed(move, 1)
    counted, applied = _banks(
        np.repeat(np.maximum(valid[1], valid[2]), visits),
        np.maximum(np.repeat(valid[0], visits), delayed(blocked, 2)),
        samples,
    )
    added = ramp(np.maximum(applied + 2, blocked))
    words, queries = counted[visits - 1 :: visits], applied[visits - 1 :: visits]
    return [queries, words, words], [added[rows - 1 :: rows] + 1]


def oldest(station: Window, samples: int) -> np.ndarray:
    """Return the first pixel that each position of ``samples`` maps needs, along the endless line.

    The last entry is that of the first position of the map behind them.
    """
    pixels = station.height * station.width
    row, column = np.divmod(
        np.arange(station.out_height * station.out_width), station.out_width
    )
    local = (row * station.stride - station.padding) * station.width
    local = local + column * station.stride - station.padding
    low = (np.arange(samples)[:, None] * pixels + local).ravel()
    return np.append(low, samples * pixels + local[0])


@lru_cache(maxsize=128)
def _line(station: Window, samples: int) -> tuple[list[int], list[int]]:
    """Return (last pixel that each position needs, positions after which each pixel may come)."""
    pixels = station.height * station.width
    low = oldest(station, samples)
    local = low[: station.out_height * station.out_width]
    frames = np.arange(samples)[:, None] * pixels
    last_needed = (frames + np.minimum(local + station.span, pixels - 1)).ravel().tolist()
    # Pixel g may be written once ``low`` has reached g - capacity + 1: after that many positions.
    after = np.searchsorted(low, np.arange(samples * pixels) - station.capacity + 1).tolist()
    return last_needed, after


def _window(
    station: Window, valid: np.ndarray, move: np.ndarray, samples: int
) -> tuple[Times, Times]:
    last_needed, after = _line(station, samples)
    groups, words = station.groups, station.words_per_position
    slack = np.arange(groups - 1, -1, -1)
    written_from = (valid.reshape(-1, groups) + slack).max(1).tolist()
    blocked = delayed(move, 1)
    slack = np.arange(words - 1, -1, -1)
    read_from = (blocked.reshape(-1, words) + slack).max(1).tolist()

    write_start: list[int] = []
    read_start: list[int] = []
    written: list[int] = []
    finished: list[int] = []

    # The innermost loop of sizing: comparisons in place, as calls of max would double its time.
    def write_until(pixel: int) -> None:
        end = written[-1] if written else int(NEVER) - 1
        for g in range(len(written), pixel + 1):
            start = end + 1
            if after[g] and finished[after[g] - 1] >= start:
                start = finished[after[g] - 1] + 1
            end = start + groups - 1
            if written_from[g] > end:
                end = written_from[g]
            write_start.append(start)
            written.append(end)

    end = int(NEVER) - 1
    for needed, earliest in zip(last_needed, read_from, strict=True):
        if needed >= len(written):
            write_until(needed)
        start = end + 1
        if written[needed] >= start:
            start = written[needed] + 1
        end = start + words - 1
        if earliest > end:
            end = earliest
        read_start.append(start)
        finished.append(end)
    write_until(len(after) - 1)

    taken = valid.copy()
    taken[::groups] = np.maximum(taken[::groups], write_start)
    blocked[::words] = np.maximum(blocked[::words], read_start)
    return [ramp(taken)], [ramp(blocked) + 1]
