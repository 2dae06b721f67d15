"""Recordings of event cameras, written in the formats and folders in which they are published."""

import struct

import numpy as np

from sw.events import Events


def random_events(seed, count=400, width=34, height=34, gap=300):
    generator = np.random.default_rng(seed)
    x, y = generator.integers(0, width, count), generator.integers(0, height, count)
    t = np.cumsum(generator.integers(0, gap, count))
    return Events(x, y, generator.integers(0, 2, count), t)


def write_bin40(path, e):
    raw = np.stack([e.x, e.y, e.p << 7 | e.t >> 16, e.t >> 8 & 255, e.t & 255], 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw.astype(np.uint8).tobytes())


def write_aedat2(path, e):
    address = (127 - e.x) << 8 | (127 - e.y) << 1 | (1 - e.p)
    body = np.stack([address, e.t], 1).astype(">u4").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"#!AER-DAT2.0\r\n# This is a raw AE data file\r\n" + body)


def write_aedat3(path, e, per_packet=50, overflow=0, invalid=()):
    """Write polarity packets of ``per_packet``, each with room for 3 more, and a special one."""
    content = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n"
    content += struct.pack("<hhiiiiii", 0, 1, 8, 4, 0, 1, 1, 1) + b"\0" * 8
    for start in range(0, len(e), per_packet):
        part = slice(start, start + per_packet)
        valid = ~np.isin(np.arange(len(e))[part], invalid)
        words = e.x[part] << 17 | e.y[part] << 2 | e.p[part] << 1 | valid
        count = len(words)
        content += struct.pack("<hhiiiiii", 1, 1, 8, 4, overflow, count, count, int(valid.sum()))
        content += np.stack([words, e.t[part]], 1).astype("<u4").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def nmnist(folder):
    for side, per_digit in (("Train", 3), ("Test", 2)):
        for digit in range(10):
            for n in range(per_digit):
                name = f"{digit * 10 + n:05}.bin"
                write_bin40(folder / side / str(digit) / name, random_events(digit * 7 + n))


def gesture(folder):
    for side, user in (("train", "user01_led"), ("test", "user24_fluorescent")):
        write_aedat3(folder / f"{user}.aedat", random_events(9, width=128, height=128))
        rows = [f"{label},{(label - 1) * 5000},{label * 5000}" for label in range(1, 12)]
        (folder / f"{user}_labels.csv").write_text(
            "class,startTime_usec,endTime_usec\n" + "\n".join(rows)
        )
        (folder / f"trials_to_{side}.txt").write_text(f"{user}.aedat\n\n")


def by_class(folder, names, write, suffix, size):
    for k, name in enumerate(names):
        for n in range(12):
            path = folder / name / f"a_{n}.{suffix}"
            write(path, random_events(k * 50 + n, width=size, height=size))


def cifar10_dvs(folder):
    names = [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ]
    by_class(folder, names, write_aedat2, "aedat", 128)


def ncaltech101(folder):
    names = ["accordion", "BACKGROUND_Google", "zebra"]
    by_class(folder / "Caltech101", names, write_bin40, "bin", 170)
