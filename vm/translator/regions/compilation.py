"""A region's machine code: what LLVM makes of its function."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from trapline.vm.translator import object_file
from trapline.vm.translator.regions.formation import Region
from trapline.vm.translator.regions.placing import ABSOLUTE_BYTES, RELATIVE_BYTES, Code, Fixup
from trapline.vm.translator.regions.region_text import (
    BLOCKS,
    ENTRY,
    LEADER,
    REGION,
    SYMBOLS,
    is_large,
    module_text,
)
from trapline.vm.translator.stencils import (
    R_X86_64_32,
    R_X86_64_32S,
    R_X86_64_64,
    R_X86_64_PC32,
    R_X86_64_PLT32,
    TRIPLE,
    NoStencilsError,
)

OPTIMIZE = 2
"""LLVM's level of optimization."""
LESS = 1
"""The same for large regions. There is little more to find where slots and registers are in memory, and it would take
LLVM half as long again."""
_RELATIVE = (R_X86_64_PC32, R_X86_64_PLT32)
_NUMBERS = (R_X86_64_32, R_X86_64_32S)
_WIDTHS = {R_X86_64_64: ABSOLUTE_BYTES, **dict.fromkeys((*_RELATIVE, *_NUMBERS), RELATIVE_BYTES)}


def compile_region(region: Region) -> Code:
    """Let LLVM compile a region, for this processor. Raises NoStencilsError where it makes what we cannot place."""
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(module_text(region, TRIPLE))
    level = LESS if is_large(region) else OPTIMIZE
    machine = _machine(level)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=level))
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    if not is_large(region):
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
        passes.add_new_gvn_pass()
        passes.add_instruction_combine_pass()
        passes.add_dead_store_elimination_pass()
        passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    return _placed(object_file.functions(machine.emit_object(module)), region)


@cache
def _machine(level: int) -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(
        llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), opt=level, reloc="static",
        codemodel="small",
    )  # fmt: skip


def _placed(functions: Mapping[str, object_file.Function], region: Region) -> Code:
    """The function of the blocks, and behind it a copy of that of an entry for each of them."""
    code = bytearray()
    fixups: list[Fixup] = []
    entries = {}
    _append(code, fixups, functions[BLOCKS], {})
    for leader in region.entries:
        entries[leader] = len(code)
        _append(code, fixups, functions[ENTRY], {LEADER: leader, REGION: 0})
    return Code(bytes(code), tuple(fixups), entries)


def _append(
    code: bytearray, fixups: list[Fixup], function: object_file.Function, known: Mapping[str, int]
) -> None:  # fmt: skip
    """Put a function behind others. known: what symbols stand for; the others are left to be filled in."""
    start = len(code)
    code += function.code
    for r in function.relocations:
        at = start + r.offset
        width = _WIDTHS.get(r.kind, 0)
        if r.symbol in known and width == RELATIVE_BYTES:
            value = known[r.symbol] + r.addend - (at if r.kind in _RELATIVE else 0)
            code[at : at + width] = value.to_bytes(width, "little", signed=True)
        elif r.symbol in SYMBOLS and width and r.kind not in _NUMBERS:
            fixups.append(Fixup(at, r.symbol, r.addend, width))
        else:
            raise NoStencilsError(f"LLVM made an unknown use of {r.symbol}: {r}")
