"""Event files, written here in their published formats, and the folders they come in."""

import struct

import numpy as np
import pytest

from ir.errors import SpikewrightError
from sw import data, event_sets, events
from sw.events import COUNT_HIGH, Events
from tests.recordings import (
    cifar10_dvs,
    gesture,
    ncaltech101,
    nmnist,
    random_events,
    write_aedat2,
    write_aedat3,
    write_bin40,
)


def same(found, wanted):
    for noun in "xypt":
        np.testing.assert_array_equal(getattr(found, noun), getattr(wanted, noun), noun)


def test_bin40_round_trip(tmp_path):
    wanted = random_events(0)
    write_bin40(tmp_path / "a.bin", wanted)
    same(events.read_bin40(tmp_path / "a.bin"), wanted)


def test_row_240_moves_the_time_of_what_follows(tmp_path):
    raw = Events(
        *(np.array(values) for values in ([1, 0, 2], [3, 240, 4], [0, 0, 1], [100, 0, 200]))
    )
    write_bin40(tmp_path / "a.bin", raw)
    found = events.read_bin40(tmp_path / "a.bin")
    assert (found.x.tolist(), found.y.tolist()) == ([1, 2], [3, 4])
    assert found.t.tolist() == [100, 200 + 8192]


def test_aedat2_round_trip(tmp_path):
    wanted = random_events(1, width=128, height=128)
    write_aedat2(tmp_path / "a.aedat", wanted)
    same(events.read_aedat2(tmp_path / "a.aedat"), wanted)


@pytest.mark.parametrize("overflow", [0, 1])
def test_aedat3_round_trip(tmp_path, overflow):
    wanted = random_events(2, width=128, height=128)
    write_aedat3(tmp_path / "a.aedat", wanted, overflow=overflow)
    found = events.read_aedat3(tmp_path / "a.aedat")
    same(found, Events(wanted.x, wanted.y, wanted.p, wanted.t + (overflow << 31)))


def test_aedat3_leaves_out_invalid_events(tmp_path):
    wanted = random_events(3, width=128, height=128)
    write_aedat3(tmp_path / "a.aedat", wanted, invalid=(0, 7, 399))
    found = events.read_aedat3(tmp_path / "a.aedat")
    keep = np.delete(np.arange(400), [0, 7, 399])
    same(found, Events(wanted.x[keep], wanted.y[keep], wanted.p[keep], wanted.t[keep]))


def test_records_by_hand(tmp_path):
    """Bits as the publishers describe them, without the writers above."""
    path = tmp_path / "a"
    path.write_bytes(bytes([5, 7, 0x81, 2, 3, 6, 8, 0x02, 0, 0]))
    same(
        events.read_bin40(path),
        Events(
            np.array([5, 6]), np.array([7, 8]), np.array([1, 0]), np.array([0x010203, 0x020000])
        ),
    )
    path.write_bytes(b"#!AER-DAT2.0\r\n" + bytes([0, 0, 0x03, 0x09, 0, 0, 1, 0]))
    same(events.read_aedat2(path), Events(*(np.array([n]) for n in (127 - 3, 127 - 4, 0, 256))))
    packet = struct.pack("<hhiiiiii", 1, 1, 8, 4, 1, 2, 1, 1)  # room for two events, holds one
    packet += struct.pack("<II", 3 << 17 | 9 << 2 | 0b11, 17) + b"\xff" * 8
    path.write_bytes(b"#!AER-DAT3.1\r\n#!END-HEADER\r\n" + packet)
    same(events.read_aedat3(path), Events(*(np.array([n]) for n in (3, 9, 1, 17 + (1 << 31)))))


@pytest.mark.parametrize("steps", [1, 4, 7])
@pytest.mark.parametrize("by", ["count", "time"])
def test_frames_count_every_event_once(steps, by):
    e = random_events(4, count=403)
    wanted = np.zeros((steps, 2, 34, 34))
    span = (e.t[-1] - e.t[0]) // steps
    for n in range(403):
        place = n // (403 // steps) if by == "count" else (e.t[n] - e.t[0]) // span
        wanted[min(place, steps - 1), e.p[n], e.y[n], e.x[n]] += 1
    found = events.frames(e, steps, by, 34, 34)
    assert (found.shape, found.dtype) == ((steps, 2, 34, 34), np.uint8)
    np.testing.assert_array_equal(found, wanted)
    assert found.sum() == 403


def test_frames_of_few_events_and_of_many():
    none = np.zeros(0, np.int64)
    for by in ("count", "time"):
        assert events.frames(Events(none, none, none, none), 3, by, 4, 5).sum() == 0
        pair = random_events(5, count=2, width=5, height=4)
        assert events.frames(pair, 3, by, 4, 5).sum() == 2
    same_pixel = Events(*np.zeros((3, 40), np.int64), np.arange(40))
    assert events.frames(same_pixel, 1, "count", 4, 5).max() == COUNT_HIGH


def test_frames_refuse_what_is_outside():
    with pytest.raises(SpikewrightError, match=r"Events reach column .* the sensor has 20 x 34"):
        events.frames(random_events(6), 2, "time", 34, 20)
    with pytest.raises(SpikewrightError, match="Frames are made by 'energy'"):
        events.frames(random_events(6), 2, "energy", 34, 34)


def cut(path, by):
    path.write_bytes(path.read_bytes()[:-by])


@pytest.mark.parametrize(
    "write, read, size, said",
    [
        (write_bin40, events.read_bin40, 34, "allowed are multiples of 5"),
        (write_aedat2, events.read_aedat2, 128, "allowed are multiples of 8"),
        (write_aedat3, events.read_aedat3, 128, "ends within a packet"),
    ],
)
def test_damaged_files_are_refused(tmp_path, write, read, size, said):
    path = tmp_path / "a.aedat"
    write(path, random_events(7, width=size, height=size))
    cut(path, 3)
    with pytest.raises(SpikewrightError, match=said):
        read(path)
    with pytest.raises(SpikewrightError, match="cannot be read"):
        read(tmp_path / "none")
    if read is not events.read_bin40:
        path.write_bytes(b"#!AER-DAT9.9\r\n" + b"\0" * 16)
        with pytest.raises(SpikewrightError, match="does not begin with #!AER-DAT"):
            read(path)
        path.write_bytes(path.read_bytes()[:4].replace(b"9", b"2"))
        with pytest.raises(SpikewrightError, match="does not begin with"):
            read(path)


@pytest.mark.parametrize(
    "header, said",
    [
        ((1, 1, 4, 4, 0, 1, 1, 1), "a packet of 1 of 1 events of 4 bytes"),
        ((1, 1, 8, 4, 0, 1, 2, 1), "a packet of 2 of 1 events of 8 bytes"),
        ((1, 1, 8, 4, 0, -1, -1, 0), "a packet of -1 of -1"),
        ((1, 1, 8, 4, -1, 1, 1, 1), "a packet of 1 of 1"),
    ],
)
def test_impossible_packets_are_refused(tmp_path, header, said):
    path = tmp_path / "a.aedat"
    start = b"#!AER-DAT3.1\r\n#!END-HEADER\r\n"
    path.write_bytes(start + struct.pack("<hhiiiiii", *header) + b"\0" * 8)
    with pytest.raises(SpikewrightError, match=said):
        events.read_aedat3(path)
    path.write_bytes(start + b"\1\0")
    with pytest.raises(SpikewrightError, match="ends within the header of a packet"):
        events.read_aedat3(path)


@pytest.mark.parametrize(
    "name, make, counts, shape",
    [
        ("nmnist", nmnist, (30, 20), (34, 34)),
        ("dvs128_gesture", gesture, (11, 11), (128, 128)),
        ("cifar10_dvs", cifar10_dvs, (100, 20), (128, 128)),
        ("ncaltech101", ncaltech101, (30, 6), (180, 240)),
    ],
)
def test_data_sets_as_they_are_published(tmp_path, name, make, counts, shape):
    make(tmp_path / name)
    moving = event_sets.load(name, tmp_path / name, 4, "time")
    assert moving.train_frames.shape == (counts[0], 4, 2, *shape)
    assert moving.test_frames.shape == (counts[1], 4, 2, *shape)
    still = data.load(name, tmp_path)
    assert still.train_images.shape == (counts[0], 2, *shape)
    assert (still.high, still.train_images.dtype) == (COUNT_HIGH, np.uint8)
    np.testing.assert_array_equal(still.test_labels, moving.test_labels)
    summed = moving.train_frames.sum(1)
    np.testing.assert_array_equal(still.train_images, summed.clip(max=COUNT_HIGH))
    assert len(np.unique(still.train_labels)) == {"dvs128_gesture": 11, "ncaltech101": 3}.get(
        name, 10
    )


def test_trials_are_cut_out_of_a_recording(tmp_path):
    gesture(tmp_path)
    whole = events.read_aedat3(tmp_path / "user01_led.aedat")
    found = event_sets.load("dvs128_gesture", tmp_path, 1, "count")
    within = [int(((whole.t >= n * 5000) & (whole.t < (n + 1) * 5000)).sum()) for n in range(11)]
    assert found.train_frames.sum((1, 2, 3, 4)).tolist() == within
    assert found.train_labels.tolist() == list(range(11))


def test_the_last_tenth_of_each_class_is_held_back(tmp_path):
    ncaltech101(tmp_path)
    found = event_sets.load("ncaltech101", tmp_path, 1, "count")
    last = events.read_bin40(tmp_path / "Caltech101" / "accordion" / "a_11.bin")
    np.testing.assert_array_equal(found.test_frames[3], events.frames(last, 1, "count", 180, 240))


@pytest.mark.parametrize("split", [True, False])
def test_listed_samples(tmp_path, split):
    lines = ["id\tlabel\tn_mnist_split\tfile" if split else "id\tlabel\tfile"]
    for n in range(20):
        write_bin40(tmp_path / f"{n}.bs2", random_events(n))
        part = ["test" if n < 4 else "train"] if split else []
        lines.append("\t".join([str(n), str(n % 2), *part, f"{n}.bs2"]))
    (tmp_path / "labels.tsv").write_text("\n".join(lines))
    found = event_sets.load("nmnist", tmp_path, 1, "count")
    held = range(4) if split else (18, 19)
    wanted = [events.frames(random_events(n), 1, "count", 34, 34) for n in held]
    np.testing.assert_array_equal(found.test_frames, wanted)
    assert len(found.train_frames) == 20 - len(wanted)


@pytest.mark.parametrize(
    "text, said",
    [
        ("label\tfile\n3\t../a.bs2", "names '../a.bs2', no file beside it"),
        ("label\tfile\nx\ta.bs2", "lacks a column label of numbers"),
        ("label\n3", "lacks a column label of numbers or a column file"),
        ("label\tfile\n10\ta.bs2\n10\ta.bs2", "Dataset nmnist has label 10; allowed are 0..9"),
        ("label\tfile\n1\ta.bs2", "Dataset nmnist has no training samples"),
        ("label\tfile\n1\tb.bs2\n1\tb.bs2", "b.bs2 cannot be read"),
    ],
)
def test_damaged_lists_are_refused(tmp_path, text, said):
    write_bin40(tmp_path / "a.bs2", random_events(0))
    (tmp_path / "labels.tsv").write_text(text)
    with pytest.raises(SpikewrightError) as caught:
        event_sets.load("nmnist", tmp_path, 1, "count")
    assert said in str(caught.value)


def test_missing_and_damaged_folders_are_refused(tmp_path):
    for name, said in (
        ("nmnist", "holds no *.bin"),
        ("dvs128_gesture", "trials_to_train.txt cannot be read"),
        ("cifar10_dvs", "has no training samples"),
    ):
        with pytest.raises(SpikewrightError) as caught:
            data.load(name, tmp_path)
        assert said in str(caught.value)
    gesture(tmp_path)
    (tmp_path / "user01_led_labels.csv").write_text("class,startTime_usec,endTime_usec\n1,2\n")
    with pytest.raises(SpikewrightError, match="holds '1,2'; allowed are class, begin, end"):
        event_sets.load("dvs128_gesture", tmp_path, 1, "count")
    (tmp_path / "trials_to_train.txt").write_text("../other.aedat")
    with pytest.raises(SpikewrightError, match=r"names '\.\./other\.aedat', no file"):
        event_sets.load("dvs128_gesture", tmp_path, 1, "count")
