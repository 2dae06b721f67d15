"""Co-simulation and synthesis of emitted accelerators."""
