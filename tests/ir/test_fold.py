import pytest

from ir.fold import Fold, Hardware


@pytest.mark.parametrize(("pe", "simd"), [(0, 1), (1, 0), (-1, 1), (4097, 1), (1, 4097), (True, 1), (1.0, 1), ("1", 1)])
def test_illegal_folds_are_refused(pe, simd, refused):
    with refused("allowed are 1..4096."):
        Fold(pe, simd)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"kind": "event"}, "Fold has kind 'event'; allowed are stream, table."),
        ({"loaders": 2}, "Fold has loaders 2; kind stream allows 1."),
        ({"steps": -1}, "Fold has steps -1; allowed are 0..64."),
        ({"steps": 65}, "Fold has steps 65; allowed are 0..64."),
        ({"steps": True}, "Fold has steps True; allowed are 0..64."),
        ({"kind": "table", "steps": 1}, "Fold has steps 1; kind table allows 0."),
        ({"kind": "table", "loaders": 0}, "Fold has loaders 0; allowed are 1..4096."),
    ],
)
def test_illegal_kinds_are_refused(fields, part, refused):
    with refused(part):
        Fold(1, 1, **fields)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"lanes": 0}, "Hardware has lanes 0; allowed are 1..1048576."),
        ({"lanes": (1 << 20) + 1}, "Hardware has lanes 1048577"),
        ({"lanes": 1.5}, "Hardware has lanes 1.5"),
        ({"steps_per_pass": 0}, "Hardware has steps_per_pass 0; allowed are 1..64."),
        ({"steps_per_pass": 65}, "Hardware has steps_per_pass 65"),
        ({"kind": "event"}, "Hardware has kind 'event'; allowed are stream, table."),
        ({"fabric": "wood"}, "Hardware has fabric 'wood'; allowed are plain, ecp5, gowin, xc7, ice40."),
        ({"widths": "wide"}, "Hardware has widths 'wide'; allowed are actual, format."),
    ],
)  # fmt: skip
def test_illegal_hardware_is_refused(fields, part, refused):
    with refused(part):
        Hardware(**{"lanes": 1, "steps_per_pass": 1, **fields})
