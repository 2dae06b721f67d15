import numpy as np
import pytest

from ir.errors import SpikewrightError
from ir.scheme import Scheme
from tests.networks import SCHEMES, SIGNS

LEVELS = {
    "binary": [-1, 1],
    "ternary": [-1, 0, 1],
    "u2": [-1, 0, 1],
    "u3": [-3, -2, -1, 0, 1, 2, 3],
    "pot2": [-1, 0, 1],
    "pot3": [-4, -2, -1, 0, 1, 2, 4],
    "pot4": [-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64],
}


@pytest.mark.parametrize("name", LEVELS)
def test_levels(name):
    assert Scheme.parse(name).levels.tolist() == LEVELS[name]


@pytest.mark.parametrize("name", SCHEMES)
def test_levels_are_symmetric_and_hold_zero(name):
    levels = Scheme.parse(name).levels
    assert 0 in levels
    assert (levels == -levels[::-1]).all()
    assert (np.diff(levels) > 0).all()


@pytest.mark.parametrize("name", [*SCHEMES, *SIGNS])
def test_decode_inverts_encode_for_every_level(name):
    scheme = Scheme.parse(name)
    codes = scheme.encode(scheme.levels)
    assert codes.dtype == np.uint8
    assert codes.max() < 1 << scheme.bits
    assert len(set(codes.tolist())) == len(codes)
    assert scheme.decode(codes).tolist() == scheme.levels.tolist()
    square = scheme.levels[: len(scheme.levels) // 2 * 2].reshape(2, -1)
    assert (scheme.decode(scheme.encode(square)) == square).all()


@pytest.mark.parametrize("name", [*SCHEMES, "ternary"])
def test_every_code_decodes_within_the_code_type(name):
    scheme = Scheme.parse(name)
    values = scheme.decode(np.arange(1 << scheme.bits))
    assert (values.min(), values.max()) == (scheme.code_type.low, scheme.code_type.high)
    illegal = set(range(1 << scheme.bits)) - set(scheme.encode(scheme.levels).tolist())
    assert len(illegal) == 1
    (code,) = illegal
    # The one code that encoding never writes: -2^(b-1), or minus zero.
    assert code == 1 << (scheme.bits - 1)
    assert scheme.decode(np.array(code)) == (0 if scheme.power_of_two else -(1 << scheme.bits - 1))


@pytest.mark.parametrize("name", SCHEMES)
def test_no_level_is_refused(name):
    scheme = Scheme.parse(name)
    top = int(scheme.levels[-1])
    wrong = [top + 1, -top - 1] + ([3] if name in ("pot3", "pot4") else [])
    for value in wrong:
        with pytest.raises(SpikewrightError, match=rf"Weight {value} is not a level of {name}"):
            scheme.encode(np.array([0, value]))


@pytest.mark.parametrize(
    "name", ["binary1", "ternary2", "u1", "u9", "pot1", "pot5", "u", "u04", "U4", "u4 ", "pot", "", "u4\n", None, 4]
)
def test_unknown_schemes_are_refused(name):
    with pytest.raises(SpikewrightError, match=r"unknown; allowed are u2\.\.u8, pot2\.\.pot4, binary"):
        Scheme.parse(name)


def test_constructor_refuses_what_parse_refuses():
    with pytest.raises(SpikewrightError, match="Scheme q4 is unknown"):
        Scheme("q", 4)
    with pytest.raises(SpikewrightError, match="Scheme pot8 is unknown"):
        Scheme("pot", 8)


def test_binary_weights_take_one_bit_and_know_no_zero():
    scheme = Scheme.parse("binary")
    assert (scheme.bits, scheme.has_zero, Scheme.parse("ternary").has_zero) == (1, False, True)
    assert scheme.encode(np.array([1, -1, -1])).tolist() == [0, 1, 1]
    assert scheme.decode(np.array([0, 1])).tolist() == [1, -1]
    assert (scheme.code_type.low, scheme.code_type.high) == (-1, 1)
    with pytest.raises(SpikewrightError, match="Weight 0 is not a level of binary"):
        scheme.encode(np.array([1, 0]))


@pytest.mark.parametrize("name", [*SCHEMES, *SIGNS])
def test_name_is_what_was_parsed(name):
    assert Scheme.parse(name).name == name
