"""Where the command-line tools are."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ir.errors import SpikewrightError


def tool(name: str) -> str:
    """Return the path of a command, first beside the running Python.

    So the tools of a virtual environment are found although nobody activated it.

    Raises
    ------
    SpikewrightError
        If it is not installed.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        raise SpikewrightError(
            f"Command {name} is not installed; install it with: pip install {name}."
        )
    return found
