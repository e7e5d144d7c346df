"""Breakpoints: addresses before whose instruction a run stops. A debugger, a gdb stub for example, sets them."""

from collections.abc import Set


def steps_at_once(budget: int, breakpoints: Set[int], traced: bool) -> int:
    """How many of `budget` steps a run may do before it looks at pc: one while there are breakpoints or a trace."""
    return 1 if traced or breakpoints else budget


def reached(breakpoints: Set[int], pc: int) -> bool:
    """Whether a run stops before the instruction at `pc`."""
    return pc in breakpoints
