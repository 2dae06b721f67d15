"""Software: models, quantizers, training, the PyTorch golden model and export.

Imports nothing by itself, so that ``sw.config`` is read without loading PyTorch.
"""
