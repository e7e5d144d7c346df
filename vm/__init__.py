"""The machine: engine, board, process VM and command line.

from vm import Machine
machine = Machine.from_source("_start: li a0, 42\\n ebreak")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vm.machine import Exit, ExitReason, Machine

__all__ = ["Exit", "ExitReason", "Machine"]


def __getattr__(name: str) -> Any:
    # Imported on demand: `trapline --help` should not wait for numpy.
    if name in __all__:
        from vm import machine

        return getattr(machine, name)
    raise AttributeError(f"module 'vm' has no attribute '{name}'")
