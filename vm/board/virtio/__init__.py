"""virtio devices behind MMIO registers, as in the eight slots of QEMU's `virt` (VIRTIO 1.2).

`transport` is the register file, `queue` the rings in the guest's memory, `device` what a kind of device adds;
`block` (over a `drive`), `console` and `entropy` are the kinds.
"""
