"""Memory images in the formats of vendors' tools: one packer, several spellings."""

from __future__ import annotations

from ir.image import Image


def hexadecimal(image: Image) -> str:
    """Return one hexadecimal word a line, address 0 first: ``$readmemh`` and Gowin.

    Examples
    --------
    >>> hexadecimal(Image("q", 12, (0x2F1, 5)))
    '2f1\\n005\\n'
    """
    return image.text()


def coe(image: Image) -> str:
    """Return the coefficient file of AMD's block memory generator.

    Examples
    --------
    >>> print(coe(Image("q", 12, (0x2F1, 5))), end="")
    memory_initialization_radix=16;
    memory_initialization_vector=
    2f1,
    005;
    """
    words = ",\n".join(image.text().split())
    return f"memory_initialization_radix=16;\nmemory_initialization_vector=\n{words};\n"


def mif(image: Image) -> str:
    """Return the memory initialization file of Intel's tools.

    Examples
    --------
    >>> print(mif(Image("q", 12, (0x2F1, 5))), end="")
    WIDTH=12;
    DEPTH=2;
    ADDRESS_RADIX=HEX;
    DATA_RADIX=HEX;
    CONTENT BEGIN
    0 : 2f1;
    1 : 005;
    END;
    """
    head = f"WIDTH={image.width};\nDEPTH={len(image.words)};\n"
    head += "ADDRESS_RADIX=HEX;\nDATA_RADIX=HEX;\nCONTENT BEGIN\n"
    rows = "".join(f"{k:x} : {word};\n" for k, word in enumerate(image.text().split()))
    return f"{head}{rows}END;\n"


WRITERS = {"hex": hexadecimal, "coe": coe, "mif": mif}
"""By suffix; ``.mem`` is what :mod:`hw.emit` writes itself."""
