"""Front door: the command line. No logic of its own; every stage is imported when it is used."""

__version__ = "0.1.0"
