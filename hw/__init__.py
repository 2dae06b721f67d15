"""Hardware: Amaranth generators of the engines, the accelerator and its Verilog.

Imports only :mod:`ir` and Amaranth; never torch.
"""
