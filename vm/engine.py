"""An engine: the memory of a machine and the compiled (or plain Python) functions that run it."""

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from vm import codegen
from vm.hart import HartView, MachineView, new_harts, new_machine

PAGE = 4096

on_compile: Callable[[], None] | None = None
"""Called once before the engine is compiled (the first run with this version of the table)."""


@cache
def _numba_functions() -> Any:
    path, compiled = codegen.numba_source()
    if not compiled and on_compile is not None:
        on_compile()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


class Engine:
    """Machine memory and the functions over it.

    harts: ndarray of `vm.hart.HART`, shape (n,); machine: ndarray of MACHINE, shape (1,).
    ram: uint8[size]; code: int64[1025 * pages], decoded instructions; page: uint8[pages], see `vm.mmu`.
    kind: `numba` or `python`.
    """

    def __init__(self, *, kind: str, harts: int, misa: int, ram_base: int, ram_size: int, board: bool) -> None:
        if kind not in ("numba", "python"):
            raise ValueError(f"engine '{kind}' is not 'numba' or 'python'")
        self.kind = kind
        pages = ram_size // PAGE
        self.ram = np.zeros(ram_size, np.uint8)
        self.code = np.zeros(pages * 1025, np.int64)
        self.page = np.zeros(pages, np.uint8)
        self.harts = new_harts(harts, misa)
        self.machine = new_machine(ram_base, ram_size, board)
        self.h = [HartView(self.harts[i : i + 1]) for i in range(harts)]
        self.m = MachineView(self.machine)
        if kind == "numba":
            functions = _numba_functions()
            self._run, self._drop = functions.run, functions.drop_code
            self._memory: tuple[Any, ...] = (
                self.harts, self.machine, self.ram, self.ram.view(np.uint16), self.ram.view(np.uint32),
                self.code, self.page,
            )  # fmt: skip
        else:
            names = codegen.python_module()
            self._run, self._drop = names["run"], names["drop_code"]
            ram = memoryview(self.ram)
            self._memory = (
                self.h, [self.m], ram, ram.cast("B").cast("H"), ram.cast("B").cast("I"),
                memoryview(self.code), memoryview(self.page),
            )  # fmt: skip

    def run(self, index: int, budget: int) -> int:
        """Let hart `index` do at most `budget` steps; the answer is `vm.loop.run`'s."""
        return self._run(*self._memory, index, budget)

    def drop_code(self, offset: int, length: int) -> None:
        """Forget decoded instructions in [offset, offset + length) of RAM, which the host has changed."""
        if length > 0:
            first = offset // PAGE
            self._drop(*self._memory[-2:], first, (offset + length - 1) // PAGE - first + 1)
