"""Boots a machine as QEMU's `virt` board does: what goes where in RAM, and the initial state of the harts.

`image` reads kernels, `devicetree` describes the board, `memory_map` places everything, `firmware` starts a kernel in
S mode or firmware in M mode, `drives` reads `--drive` and `--device`.
"""
