import json
import time

import pytest

from ir.errors import SpikewrightError
from ir.strict import (
    MAX_YAML_BYTES,
    dump_json,
    load_yaml,
    new_directory,
    parse_json,
    read_text,
    write_file,
    write_text,
)


@pytest.fixture
def yaml(tmp_path):
    def load(text):
        path = tmp_path / "run.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_yaml(path)

    return load


def test_plain_yaml_is_read(yaml):
    text = "a: 1\nb: {c: [x, 2.5, true, null]}\n"
    assert yaml(text) == {"a": 1, "b": {"c": ["x", 2.5, True, None]}}


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (BOMB, "aliases are not allowed"),
        ("a: &x 1\nb: *x", "aliases are not allowed"),
        ("a: &x [*x]", "aliases are not allowed"),
        ("a: &x {b: 1}\nc: {<<: *x}", "aliases are not allowed"),
        ("a: 1\na: 2", "key 'a' is given twice"),
        ("b: {a: 1, a: 2}", "key 'a' is given twice"),
        ("1: a", "key 1 is not a string"),
        ("? [a]\n: b", "is not a string"),
        ("true: a", "key True is not a string"),
        ("a: " + "[" * 30 + "]" * 30, "nesting is deeper than 20"),
        ("a: " + "[" * 60_000, "no valid YAML"),
        ("{" * 5000, "no valid YAML"),
        ("- a", "must hold a mapping, not list"),
        ("", "must hold a mapping, not NoneType"),
        ("a: !!python/object/apply:os.system [true]", "tags are not allowed"),
        ("a: !!python/name:os.system", "tags are not allowed"),
        ('a: !!int ""', "tags are not allowed"),
        ("a: !!map {b: 1}", "tags are not allowed"),
        ("a: !!seq [1]", "tags are not allowed"),
        ("a: 1" + ":59" * 20_000, "an integer has more than 20 digits"),
        ("a: b: c", "no valid YAML"),
        ("a: 1\n---\nb: 2", "no valid YAML"),
        ("a: 2024-99-99", "no valid YAML"),
        ("a: " + "9" * 5000, "no valid YAML"),
        ("a: \x00", "no valid YAML"),
        (b"a: \xff\xfe", "is not UTF-8 text"),
        ("#" * (MAX_YAML_BYTES + 1), "is larger than the allowed 65536 bytes"),
    ],
)
def test_hostile_yaml_is_refused(yaml, refused, text, part):
    started = time.perf_counter()
    with refused(part):
        yaml(text)
    assert time.perf_counter() - started < 5


def test_many_keys_do_not_take_for_ever(yaml):
    started = time.perf_counter()
    assert len(yaml("{" + ", ".join(f"k{n}: 1" for n in range(5000)) + "}")) == 5000
    assert time.perf_counter() - started < 10


def test_nesting_below_the_limit_is_read(yaml):
    assert yaml("a: " + "[" * 15 + "]" * 15)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"a": NaN}', "NaN is not allowed"),
        ('{"a": -1e999}', "-1e999 is beyond all floats"),
        ('{"a": -Infinity}', "-Infinity is not allowed"),
        ('{"a": 1, "a": 2}', "key 'a' is given twice"),
        ('{"b": {"a": 1, "c": 2, "a": 2}}', "key 'a' is given twice"),
        ('{"a": ' + "1" * 21 + "}", "an integer has more than 20 digits"),
        ('{"a": ' + "1" * 9000 + "}", "an integer has more than 20 digits"),
        ("[" * 100_000, "no valid JSON"),
        ('{"a":' * 100_000, "no valid JSON"),
        ("{", "no valid JSON"),
        ("", "no valid JSON"),
        ('{"a": 1} x', "no valid JSON"),
        ("{'a': 1}", "no valid JSON"),
        ('{"a": "\n"}', "no valid JSON"),
        ("[1]", "must hold an object, not list"),
        ("null", "must hold an object, not NoneType"),
        (json.dumps({"k" * 10_000: 1})[:-1] + ', "' + "k" * 10_000 + '": 2}', "is given twice"),
    ],
)
def test_hostile_json_is_refused(refused, text, part):
    with refused(part):
        parse_json(text, "network.json")


def test_refusal_names_the_file(refused):
    with refused("network.json is no valid JSON"):
        parse_json("{", "network.json")


def test_json_round_trip_is_canonical():
    value = {"b": [1, "é\n"], "a": {"y": None, "x": True}}
    text = dump_json(value)
    assert parse_json(text, "x") == value
    assert dump_json(parse_json(text, "x")) == text
    assert text.isascii() and text.endswith("}\n")
    assert text.index('"a"') < text.index('"b"')
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_json({"a": float("nan")})


def test_read_text_limits(tmp_path, refused):
    path = tmp_path / "x"
    path.write_text("12345")
    assert read_text(path, 5) == "12345"
    with refused("is larger than the allowed 4 bytes"):
        read_text(path, 4)
    with refused("cannot be read: No such file or directory"):
        read_text(tmp_path / "nothing")
    with refused("cannot be read: Is a directory"):
        read_text(tmp_path)


def entries(path):
    return sorted(p.name for p in path.iterdir())


def test_new_directory_appears_whole(tmp_path):
    path = tmp_path / "a" / "b"
    with new_directory(path) as temporary:
        (temporary / "x").write_text("1")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert entries(path) == ["x"]
    assert entries(tmp_path / "a") == ["b"]
    assert path.stat().st_mode & 0o777 == 0o755


def test_new_directory_leaves_nothing_on_failure(tmp_path):
    path = tmp_path / "out"
    with pytest.raises(KeyError), new_directory(path) as temporary:
        (temporary / "x").write_text("half")
        raise KeyError
    assert entries(tmp_path) == []


def test_failure_keeps_what_an_earlier_run_wrote(tmp_path):
    path = tmp_path / "out"
    with new_directory(path) as temporary:
        (temporary / "manifest.json").write_text('{"files": {}}')
    with pytest.raises(KeyError), new_directory(path):
        raise KeyError
    assert entries(path) == ["manifest.json"]
    assert entries(tmp_path) == ["out"]


def test_what_an_earlier_run_wrote_and_empty_directories_are_replaced(tmp_path):
    path = tmp_path / "out"
    path.mkdir()
    for name in ("one", "two"):
        with new_directory(path) as temporary:
            (temporary / "manifest.json").write_text('{"files": {}}')
            (temporary / name).write_text("")
    assert entries(path) == ["manifest.json", "two"]


@pytest.mark.parametrize("manifest", [None, "{}", '{"name": "app", "version": 3}', "[", '{"files": []}'])
def test_foreign_directories_are_refused_and_kept(tmp_path, refused, manifest):
    path = tmp_path / "home"
    path.mkdir()
    (path / "thesis.txt").write_text("years")
    if manifest is not None:
        (path / "manifest.json").write_text(manifest)
    kept = entries(path)
    with refused("exists and was not written by this command"), new_directory(path):
        raise AssertionError("must not be entered")
    assert entries(path) == kept
    assert entries(tmp_path) == ["home"]


@pytest.mark.parametrize("kind", ["file", "link", "broken link"])
def test_files_and_links_are_refused_and_kept(tmp_path, refused, kind):
    path, other = tmp_path / "out", tmp_path / "other"
    if kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to(other)
    if kind == "link":
        other.mkdir()
    kept = entries(tmp_path)
    with refused("exists and was not written by this command"), new_directory(path):
        raise AssertionError("must not be entered")
    assert entries(tmp_path) == kept
    assert path.is_symlink() == (kind != "file")


def test_directory_below_a_file_is_refused(tmp_path, refused):
    (tmp_path / "file").write_text("")
    with refused("cannot be written"), new_directory(tmp_path / "file" / "out"):
        raise AssertionError("must not be entered")


def test_write_text_replaces_at_once_or_not_at_all(tmp_path):
    path = tmp_path / "sub" / "a.txt"
    write_text(path, "é")
    assert path.read_bytes() == "é".encode()
    assert path.stat().st_mode & 0o777 == 0o644

    def fail(temporary):
        temporary.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_file(path, fail)
    assert path.read_bytes() == "é".encode()
    assert entries(path.parent) == ["a.txt"]


def test_refusals_are_value_errors():
    assert issubclass(SpikewrightError, ValueError)
