"""Object files become functions of this process: by our own loader, or else through LLVM's linker; without numba."""

import ctypes
from typing import Any

from trapline.vm.codegen import object_loader
from trapline.vm.codegen.cache import unpack

# Symbols of numba's runtime that the object names and that nothing reachable calls: no function of the
# engine allocates or raises.
_UNREACHABLE = (
    "NRT_Free", "NRT_MemInfo_call_dtor", "NRT_Allocate", "numba_do_raise", "numba_gil_ensure", "numba_gil_release",
    "numba_runtime_build_excinfo_struct", "numba_unpickle",
)  # fmt: skip


def link(data: bytes, symbols: list[str]) -> list[int]:
    """Addresses of the entries after loading the objects into this process."""
    objects = unpack(data)
    # Each entry has an object of its own, or all are in one.
    of_entries = objects * len(symbols) if len(objects) == 1 else objects
    entries = list(zip(of_entries, symbols, strict=True))
    try:
        loaded = {one: object_loader.load(one) for one in objects}
        return [loaded[one][symbol] for one, symbol in entries]
    except object_loader.RefusedError:
        linkers = {one: _linked(one) for one in objects}
        return [linkers[one].get_function_address(symbol) for one, symbol in entries]


def _linked(data: bytes) -> Any:
    """LLVM's linker with an object."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    stub = ctypes.cast(_STUB, ctypes.c_void_p).value
    for name in _UNREACHABLE:
        if llvm.address_of_symbol(name) is None:
            llvm.add_symbol(name, stub)
    target = llvm.Target.from_default_triple().create_target_machine()
    linker = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
    linker.add_object_file(llvm.ObjectFileRef.from_data(data))
    linker.finalize_object()
    _ALIVE.append(linker)
    return linker


_STUB = ctypes.CFUNCTYPE(None)(lambda: None)
_ALIVE: list[Any] = []
"""Linkers own the code they loaded."""
