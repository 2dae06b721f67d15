"""Software: models, quantizers, training, the PyTorch golden model and export.

Loads nothing heavy by itself, so that ``sw.config`` is read without loading PyTorch.
"""

import logging

# SpikingJelly asks for Triton, which the CPU build of PyTorch lacks; nobody here needs the warning.
logging.getLogger("torch._library.triton").setLevel(logging.ERROR)
