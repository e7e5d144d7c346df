"""A hypervisor after Popek and Goldberg: dispatcher, allocator, interpreter routines.

A virtual machine is a machine whose harts are virtual: records of the same dtype as real ones, with a mode,
CSRs and translation of their own, for which the dispatcher runs a real hart in real U mode.
"""
