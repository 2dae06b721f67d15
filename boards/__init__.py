"""Board descriptions and their loader."""

from boards.board import Board, Resources, load, names

__all__ = ["Board", "Resources", "load", "names"]
