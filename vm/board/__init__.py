"""The board: the devices of QEMU's `virt` machine."""
