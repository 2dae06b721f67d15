"""Ground floor: what software and hardware must agree on.

Number formats, neuron arithmetic, the integer network and its golden execution, folds, the plan of
stations, the schedule, memory images and the export directory. Imports only NumPy, PyYAML and
safetensors; never torch, never Amaranth.
"""
