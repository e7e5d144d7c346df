"""virtio devices behind MMIO registers, as in the eight slots of QEMU's `virt` (VIRTIO 1.2).

`transport` holds the registers, `queue` the rings in guest memory, `device` the interface of a device; `block` (on a
`drive`), `console` and `entropy` are devices.
"""
