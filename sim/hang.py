"""Why an accelerator hung: the layer behind which words wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ir.plan import Link
from sim.testbench import Stream


def stuck(
    waiting: Sequence[Mapping[str, Any]],
    streams: Mapping[str, tuple[Stream, Link]],
    samples: int,
) -> str:
    """Return a sentence on where words wait.

    The last layer, in the order of data, that offers a word in vain stands right before the
    station that is stuck. Where none offers one, words were lost behind the last layer that is
    complete.

    Parameters
    ----------
    waiting : sequence of mappings
        The state of every stream at the end: ``stream``, ``moves``, ``valid``, ``ready``.
    streams : mapping of layer name to (Stream, Link)
        In the order of data.
    samples : int

    Examples
    --------
    >>> from ir.types import IntType
    >>> a, b = (Link(name, 4, 1, 1, IntType(0, 1), name) for name in "ab")
    >>> streams = {"a": (Stream("i", "i", 1), a), "b": (Stream("probe_b", "b", 1), b)}
    >>> states = [{"stream": "i", "moves": 8, "valid": 0, "ready": 1}]
    >>> states.append({"stream": "probe_b", "moves": 6, "valid": 1, "ready": 0})
    >>> stuck(states, streams, 2)
    'Layer b offers word 2 of sample 1, which nothing takes.'
    >>> states[1]["valid"] = 0
    >>> stuck(states, streams, 2)
    'No layer offers a word; the first that lacks some is b, after word 1 of sample 1.'
    """
    states = {state["stream"]: state for state in waiting}
    found = [(layer, link, states[s.name]) for layer, (s, link) in streams.items()]
    for layer, link, state in reversed(found):
        if state["valid"] and not state["ready"]:
            sample, word = divmod(state["moves"], link.words)
            return f"Layer {layer} offers word {word} of sample {sample}, which nothing takes."
    for layer, link, state in found:
        if state["moves"] < samples * link.words:
            last = (
                "without any"
                if not state["moves"]
                else "after word {1} of sample {0}".format(*divmod(state["moves"] - 1, link.words))
            )
            return f"No layer offers a word; the first that lacks some is {layer}, {last}."
    return "No layer offers a word; all monitored layers are complete, answers are missing."
