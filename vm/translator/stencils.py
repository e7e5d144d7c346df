"""Stencils: the machine code of each instruction with holes for its operands, of which a page's code is made.

`build` has LLVM make them of the meanings, in less than a second; `stencil_file` keeps them in a file.
`stencil_text` says what they do and which registers they hold, `layout` what they are as numbers, and `emit` makes a
page of code of them.
"""

import platform
from array import array

from trapline.isa import Instruction, Kind
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.core.execute import FIRST_OP, NOP, SHORT_NOP
from trapline.vm.core.op_numbers import forms
from trapline.vm.translator import assembly, layout, object_file
from trapline.vm.translator.csr_text import choices
from trapline.vm.translator.stencil_builder import ADDRESS
from trapline.vm.translator.stencil_file import Stencils
from trapline.vm.translator.stencil_text import function_name, is_direct, is_of_csr, is_second, module_text, second_name

ARCHITECTURES = ("x86_64", "AMD64")
"""What Python calls x86-64."""
TRIPLE = "x86_64-unknown-linux-gnu"
"""What the stencils are made for, whatever the system: they call nothing, and we read ELF."""
OPTIMIZE = 2
"""LLVM's level of optimization."""

_HOLES = {
    "RD": layout.RD, "RS1": layout.RS1, "RS2": layout.RS2, "IMM": layout.IMM, "SHAMT": layout.IMM, "PC": layout.PC,
    "NEXT_PC": layout.NEXT_PC, "BLOCK": layout.BLOCK, "PLACE": layout.PLACE, ADDRESS: layout.MAP, "NEXT": layout.NEXT,
    "TAKEN": layout.TAKEN, "MISS": layout.MISS, "EXIT": layout.EXIT, "ONTO": layout.ONTO, "FORBIDDEN": layout.FORBIDDEN,
    "UIMM": layout.UIMM,
}  # fmt: skip
"""What goes where a symbol is used."""
_GLUE = {
    "budget": layout.BUDGET, "link": layout.LINK, "go": layout.GO, "leave": layout.LEAVE, "out": layout.OUT,
    "door": layout.DOOR, "chain": layout.CHAIN, "far": layout.FAR,
}  # fmt: skip

R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32, R_X86_64_32, R_X86_64_32S, R_X86_64_8 = 1, 2, 4, 10, 11, 14
_NUMBERS = {R_X86_64_64: 8, R_X86_64_32: 4, R_X86_64_32S: 4, R_X86_64_8: 1}
"""Bytes of the relocations that are numbers."""
_JUMPS = (R_X86_64_PC32, R_X86_64_PLT32)
JUMP_OPCODE = 0xE9
JUMP_BYTES = 5

_FLOWS = {
    Kind.VALUE: layout.ONWARD,
    Kind.LOAD: layout.ONWARD,
    Kind.STORE: layout.ONWARD,
    Kind.AMO: layout.ONWARD,
    Kind.LR: layout.ONWARD,
    Kind.SC: layout.ONWARD,
    Kind.BRANCH: layout.BRANCH,
    Kind.JUMP: layout.INDIRECT,
}


class NoStencilsError(RuntimeError):
    """This computer has none: another architecture, or an LLVM that is too old."""


def compiled(portable: bool = False) -> dict[str, object_file.Function]:
    """The stencils by the names of their functions (`vm.translator.stencil_text`). Raises NoStencilsError."""
    if platform.machine() not in ARCHITECTURES:
        raise NoStencilsError(f"no stencils for {platform.machine()}")
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    processor = ("x86-64", "") if portable else (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(
        *processor, opt=OPTIMIZE, reloc="static", codemodel="small"
    )
    try:
        module = llvm.parse_assembly(module_text(TRIPLE))
    except RuntimeError as error:
        raise NoStencilsError(f"LLVM cannot make stencils: {error}") from None
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=OPTIMIZE))
    passes = llvm.create_new_module_pass_manager()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    text = assembly.module_of(machine.emit_assembly(module), TRIPLE)
    return object_file.functions(machine.emit_object(llvm.parse_assembly(text)))


def build(portable: bool = False) -> Stencils:
    """Stencils for all instructions of the table.

    portable: for every processor of this architecture.
    Raises NoStencilsError where there are none.
    """
    made = compiled(portable)
    blob = bytearray()
    again = {name: number for number, name in enumerate(filter(is_second, made), layout.STENCILS)}
    csrs = {name: number for number, name in enumerate(filter(is_of_csr, made), layout.STENCILS + len(again))}
    rows = [[0] * layout.ROW for _ in range(layout.STENCILS + len(again) + len(csrs))]
    holes: list[int] = []
    placed: dict[str, list[int]] = {}

    def fields(name: str) -> list[int]:
        """START, LENGTH, FIRST_HOLE and HOLES of a function, which is put there with its first use."""
        if name not in placed:
            code, own = _without_last_jump(made[name])
            first = layout.ROW * len(rows) + len(holes)
            placed[name] = [len(blob), len(code), first, len(own)]
            blob.extend(code)
            holes.extend(own)
        return placed[name]

    for name, number in (_GLUE | again | csrs).items():
        rows[number][:4] = fields(name)
    for number in csrs.values():
        rows[number][4:] = [layout.ALONE, WORD // HALFWORD, 0, 0]
    for number, form in enumerate(forms(), FIRST_OP):
        name = function_name(form.instruction)
        flow = _flow(form.instruction, name in made)
        if name in made:
            rows[number][:4] = fields(name)
        rows[number][4:] = [flow, form.length // HALFWORD, again.get(second_name(form.instruction), 0), 0]
    for number, parcels in ((NOP, 2), (SHORT_NOP, 1)):
        rows[number][4:] = [layout.ONWARD, parcels, 0, 0]
    for number, form in enumerate(forms(), FIRST_OP):
        listed = choices(form.instruction)
        if listed:
            rows[number][layout.CHOICES] = layout.ROW * len(rows) + len(holes)
            for choice, name in listed.items():
                holes += [choice, csrs[name]]
            holes += [layout.NO_CHOICE, 0]
    plan = array("q", [*(word for row in rows for word in row), *holes])
    return Stencils(memoryview(bytes(blob)), memoryview(plan))


def _flow(instruction: Instruction, made: bool) -> int:
    if is_direct(instruction):
        return layout.DIRECT
    return _FLOWS[instruction.kind] if made else layout.NO_STENCIL


def _without_last_jump(function: object_file.Function) -> tuple[bytes, list[int]]:
    """The code and the holes of a function; a jump to NEXT at its end is left out, because it is there."""
    code, relocations = function
    at = len(code) - JUMP_BYTES
    if any(r.offset == at + 1 and r.symbol == assembly.NEXT for r in relocations) and code[at] == JUMP_OPCODE:
        code = code[:at]
    return code, [_hole(r) for r in relocations if r.offset < len(code)]


def _hole(relocation: object_file.Relocation) -> int:
    kind = _HOLES[relocation.symbol]
    jumps = kind >= layout.NEXT
    addend = relocation.addend + layout.JUMP_WIDTH if jumps else relocation.addend
    if relocation.kind not in (_JUMPS if jumps else _NUMBERS) or (jumps and addend):
        raise NoStencilsError(f"LLVM made an unknown use of {relocation.symbol}: {relocation}")
    width = layout.JUMP_WIDTH if jumps else _NUMBERS[relocation.kind]
    return (
        relocation.offset
        | kind << layout.HOLE_KIND_SHIFT
        | width << layout.HOLE_WIDTH_SHIFT
        | addend << layout.HOLE_ADDEND_SHIFT
    )
