"""Board descriptions, their loader and their constraints."""

from boards.board import Board, Resources, load, names

__all__ = ["Board", "Resources", "load", "names"]
