"""Stencils are made once and kept where compiled engines are (`vm.codegen.cache`)."""

import platform
from pathlib import Path

from trapline.isa.table import derived
from trapline.vm.codegen import cache
from trapline.vm.codegen.native import engine_key
from trapline.vm.translator.stencil_file import Stencils, from_bytes, to_bytes

KIND = "stencils"


def has_stencils() -> bool:
    """Whether there are any for this computer's architecture."""
    from trapline.vm.translator.stencils import ARCHITECTURES

    return platform.machine() in ARCHITECTURES


@derived
def stencils() -> Stencils | None:
    """The stencils of all instructions; None on a computer that has none."""
    key = engine_key()
    found = cache.read(KIND, key)
    known = from_bytes(found[0], key) if found is not None else None
    if known is None:
        from trapline.vm.translator.stencils import NoStencilsError, build

        try:
            known = build()
        except NoStencilsError:
            return None
        cache.store(KIND, key, to_bytes(known, key), [])
    return known


def warm(portable: bool = False) -> tuple[Path | None, bool]:
    """Make ahead what `stencils` would: as `vm.codegen.native.warm`. Raises NoStencilsError."""
    key = engine_key()
    found = cache.find(KIND, key, (portable,))
    if found is not None:
        return found[0], False
    from trapline.vm.translator.stencils import build

    return cache.store(KIND, key, to_bytes(build(portable), key), [], portable=portable), True
