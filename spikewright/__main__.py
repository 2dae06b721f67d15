"""``python -m spikewright``."""

from spikewright.cli import main

main()
