"""Starting a machine as QEMU's `virt` board starts: what goes where in RAM, and in which state the harts begin.

`image` reads kernels, `devicetree` describes the board, `plan` places all of it, `firmware` hands over to a kernel in
S mode or to firmware in M mode, `drives` reads `--drive`.
"""
