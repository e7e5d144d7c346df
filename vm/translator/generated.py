"""What `vm.translator.pages` calls and plain Python cannot do: the engine's text has it for numba.

Plain Python has no translator, so nothing there comes to these.
"""


def words_at(address, count):
    """The int64 array at an address."""
    raise NotImplementedError


def bytes_at(address, count):
    """The uint8 array at an address."""
    raise NotImplementedError


def address_of_registers(h):
    """The address of x0 in a hart's record."""
    raise NotImplementedError


def call_door(door, context, left, pc, vbase, entry):
    """Call DOOR (`vm.translator.layout`), which is at the address `door`."""
    raise NotImplementedError
