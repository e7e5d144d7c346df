"""A region's machine code: what LLVM makes of its function, and what is still to be filled in."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from trapline.vm.translator import object_file
from trapline.vm.translator.regions.formation import Region
from trapline.vm.translator.regions.region_text import CHAIN, COUNTS, EXIT, MAP, entry_name, module_text
from trapline.vm.translator.stencils import (
    JUMP_BYTES,
    JUMP_OPCODE,
    R_X86_64_64,
    R_X86_64_PC32,
    R_X86_64_PLT32,
    TRIPLE,
    NoStencilsError,
)

OPTIMIZE = 2
ABSOLUTE_BYTES = 8
RELATIVE_BYTES = 4
_WIDTHS = {R_X86_64_64: ABSOLUTE_BYTES, R_X86_64_PC32: RELATIVE_BYTES, R_X86_64_PLT32: RELATIVE_BYTES}


class Fixup(NamedTuple):
    """What is filled in at an offset in the code: the address of a symbol plus a number.

    width: ABSOLUTE_BYTES, or RELATIVE_BYTES of an address that is relative to its own place.
    """

    offset: int
    symbol: str
    addend: int
    width: int


class Code(NamedTuple):
    """A region's code, which may be put anywhere; entries: offsets by leaders."""

    code: bytes
    fixups: tuple[Fixup, ...]
    entries: Mapping[int, int]


def place(code: Code, memory: memoryview, base: int, start: int, addresses: Mapping[str, int]) -> None:
    """Put a region's code into memory, from `start` on. base: the address of the memory as it is executed."""
    memory[start : start + len(code.code)] = code.code
    for fixup in code.fixups:
        at = start + fixup.offset
        value = addresses[fixup.symbol] + fixup.addend
        if fixup.width != ABSOLUTE_BYTES:
            value -= base + at
        memory[at : at + fixup.width] = value.to_bytes(fixup.width, "little", signed=True)


def jump(memory: memoryview, at: int, target: int) -> None:
    """Let a block of the first tier, which begins at `at`, be a jump to another place in memory."""
    end = at + JUMP_BYTES
    memory[at:end] = bytes((JUMP_OPCODE,)) + (target - end).to_bytes(RELATIVE_BYTES, "little", signed=True)


def compile_region(region: Region) -> Code:
    """Let LLVM compile a region, for this processor. Raises NoStencilsError where it makes what we cannot place."""
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(module_text(region, TRIPLE))
    machine = _machine()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=OPTIMIZE))
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_new_gvn_pass()
    passes.add_instruction_combine_pass()
    passes.add_dead_store_elimination_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    return _placed(object_file.functions(machine.emit_object(module)), region)


@cache
def _machine() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(
        llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), opt=OPTIMIZE, reloc="static",
        codemodel="small",
    )  # fmt: skip


def _placed(functions: Mapping[str, object_file.Function], region: Region) -> Code:
    code = bytearray()
    starts = {}
    fixups = []
    for name, function in functions.items():
        starts[name] = len(code)
        code += function.code
    for name, function in functions.items():
        for r in function.relocations:
            at = starts[name] + r.offset
            width = _WIDTHS.get(r.kind, 0)
            if r.symbol in (MAP, COUNTS, EXIT, CHAIN) and width:
                fixups.append(Fixup(at, r.symbol, r.addend, width))
            elif r.symbol in starts and width == RELATIVE_BYTES:
                value = starts[r.symbol] + r.addend - at
                code[at : at + width] = value.to_bytes(width, "little", signed=True)
            else:
                raise NoStencilsError(f"LLVM made an unknown use of {r.symbol}: {r}")
    names = {leader: entry_name(leader) for leader in region.entries}
    return Code(bytes(code), tuple(fixups), {leader: starts[name] for leader, name in names.items()})
