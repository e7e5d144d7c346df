"""An engine: the memory of a machine and the compiled (or plain Python) functions that run it."""

import ctypes
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from vm.hart import MAX_HARTS, HartView, MachineView, new_harts, new_machine

PAGE = 4096
KINDS = ("numba", "python")

on_compile: Callable[[], AbstractContextManager[None]] | None = None
"""Entered while the engine is compiled: in the first run of this version on this machine."""


class Engine:
    """Machine memory and the functions over it.

    harts: ndarray of `vm.hart.HART`, shape (n,); machine: ndarray of MACHINE, shape (1,).
    ram: uint8[size]; code: int64[1025 * pages], decoded instructions; page: uint8[pages], see `vm.mmu`.
    kind: `numba` or `python`.
    """

    def __init__(
        self, *, kind: str, harts: int, misa: int, ram_base: int, ram_size: int, board: bool, extensions: int = 0
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"engine '{kind}' is not 'numba' or 'python'")
        if not 1 <= harts <= MAX_HARTS:
            raise ValueError(f"a machine has 1 to {MAX_HARTS} harts, not {harts}")
        self.kind = kind
        pages = ram_size // PAGE
        self.ram = np.zeros(ram_size, np.uint8)
        self.code = np.zeros(pages * 1025, np.int64)
        self.page = np.zeros(pages, np.uint8)
        self.harts = new_harts(harts, misa, extensions)
        self.machine = new_machine(ram_base, ram_size, board, harts)
        self.h = [HartView(self.harts[i : i + 1]) for i in range(harts)]
        self.m = MachineView(self.machine)
        if kind == "python":
            self._use_python()
        elif os.environ.get("NUMBA_BOUNDSCHECK") == "1":
            self._use_checked()
        else:
            self._use_native(pages)

    def _use_native(self, pages: int) -> None:
        from vm import native

        self._run, self._drop = native.functions(on_compile)
        # The arrays live as long as this object, so their addresses stay good.
        harts, machine, ram, code, page = (
            a.ctypes.data for a in (self.harts, self.machine, self.ram, self.code, self.page)
        )
        self._memory: tuple[Any, ...] = (harts, machine, ram, code, page, len(self.harts), pages)
        self._code_memory: tuple[Any, ...] = (code, page, pages)

    def _use_checked(self) -> None:
        from vm import native

        module = native.checked_functions()
        self._run, self._drop = module.run, module.drop_code
        self._memory = (
            self.harts, self.machine, self.ram, self.ram.view(np.uint16), self.ram.view(np.uint32),
            self.code, self.page, len(self.harts),
        )  # fmt: skip
        self._code_memory = (self.code, self.page)

    def _use_python(self) -> None:
        from vm import codegen

        names = codegen.python_module()
        self._run, self._drop = names["run"], names["drop_code"]
        ram = self.ram.data
        self._memory = (
            self.h, [self.m], ram, ram.cast("B").cast("H"), ram.cast("B").cast("I"),
            self.code.data, self.page.data, len(self.h),
        )  # fmt: skip
        self._code_memory = self._memory[-3:-1]

    def run(self, budget: int) -> int:
        """Let the harts do at most `budget` steps together; the answer is `vm.loop.run`'s.

        With a budget of 0 the hart whose turn it is gets chosen: `current` of the machine's record.
        """
        return self._run(*self._memory, budget)

    def entry(self) -> tuple[int, ...] | None:
        """For compiled callers: the address of the compiled `run`, then its arguments but for the budget; else None."""
        if self.kind == "python" or os.environ.get("NUMBA_BOUNDSCHECK") == "1":
            return None
        address = ctypes.cast(self._run, ctypes.c_void_p).value  # type: ignore[arg-type]
        assert address is not None
        return (address, *self._memory)

    def drop_code(self, offset: int, length: int) -> None:
        """Forget decoded instructions in [offset, offset + length) of RAM, which the host has changed."""
        if length > 0:
            first = offset // PAGE
            self._drop(*self._code_memory, first, (offset + length - 1) // PAGE - first + 1)
