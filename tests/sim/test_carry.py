import pytest

from sim.carry import trim


def chain(init: str = "0" * 16, first_sum_read: bool = False, end_read: bool = False) -> dict:
    """Return a netlist of two carry cells: bits 2 and 4 are carries, 3 and 5 first sums."""

    def pair(cin, cout, low, init):
        directions = {"CIN": "input", "COUT": "output", "S0": "output"}
        wires = {"CIN": [cin], "COUT": [cout], "S0": [low]}
        kind = {"type": "CCU2C", "parameters": {"INIT0": init}}
        return {**kind, "port_directions": directions, "connections": wires}

    outputs = [5] + [3] * first_sum_read + [4] * end_read
    ports = {"o": {"direction": "output", "bits": outputs}}
    cells = {"a": pair("0", 2, 3, init), "b": pair(2, 4, 5, "0" * 16)}
    return {"modules": {"top": {"ports": ports, "cells": cells}}}


def test_what_does_not_matter_goes():
    netlist = chain()
    assert trim(netlist) == 2
    cells = netlist["modules"]["top"]["cells"]
    assert cells["a"]["connections"] == {"CIN": ["x"], "COUT": [2], "S0": [3]}
    assert cells["b"]["connections"] == {"CIN": [2], "COUT": ["x"], "S0": [5]}


@pytest.mark.parametrize(
    "options, left",
    [({"init": "1001011010101010"}, 1), ({"first_sum_read": True}, 1), ({"end_read": True}, 1)],
)
def test_what_matters_stays(options, left):
    assert trim(chain(**options)) == left
