"""Text of the decoder and of the CSR file, generated from the ISA table."""

from types import SimpleNamespace

from trapline.isa import CSRS, INSTRUCTIONS, Csr, Instruction, Kind
from trapline.isa.extension import extension_bit
from trapline.isa.instruction import Pattern

UNDECODED = 0
NOP = 1
ILLEGAL = 2
FIRST_OP = 3
"""Dense op numbers: the three above, then the instructions in the order of the table, then pairs."""


def op_numbers() -> dict[str, int]:
    """Op number by instruction name; `isa.table.MOST` keeps them within a byte."""
    return {instruction.name: FIRST_OP + i for i, instruction in enumerate(INSTRUCTIONS)}


def immediate_expression(pattern: Pattern) -> str:
    """Text that extracts the sign-extended immediate of `word` as a word."""
    parts = []
    for s in pattern.slices:
        if s.operand == "imm":
            parts.append(f"(((word >> {s.low}) & {(1 << s.width) - 1:#x}) << {s.start})")
    text = " | ".join(parts)
    sign = 1 << (pattern.imm_bits - 1)
    return f"((({text}) ^ {sign:#x}) - {sign:#x}) & 0xFFFFFFFF"


def packed_expression(instruction: Instruction, op: int) -> str:
    """Text that packs a decoded instruction: op, rd << 8, rs1 << 16, rs2 << 24, immediate << 32."""
    parts = [str(op)]
    operands = instruction.operands
    for name, shift in (("rd", 8), ("rs1", 16), ("uimm", 16), ("rs2", 24)):
        if name in operands:
            low = next(s.low for s in instruction.pattern.slices if s.operand == name)
            parts.append(f"(((word >> {low}) & 31) << {shift})")
    if "imm" in operands:
        parts.append(f"(s32({immediate_expression(instruction.pattern)}) << 32)")
    elif "shamt" in operands:
        parts.append("(((word >> 20) & 31) << 32)")
    elif "csr" in operands:
        parts.append("(((word >> 20) & 0xFFF) << 32)")
    return " | ".join(parts)


def emit_decoder() -> str:
    """`decode_word(word, extensions)`: the packed form, an int64, for a hart with these optional extensions."""
    ops = op_numbers()
    lines = ["def decode_word(word, extensions):", "    opcode = word & 0x7f"]
    by_opcode: dict[int, list[Instruction]] = {}
    for instruction in INSTRUCTIONS:
        by_opcode.setdefault(instruction.match & 0x7F, []).append(instruction)
    for opcode, instructions in by_opcode.items():
        lines.append(f"    if opcode == {opcode:#x}:")
        for i in instructions:
            bit = extension_bit(i.extension)
            there = f" and extensions & {bit:#x}" if bit else ""
            lines.append(f"        if word & {i.mask:#x} == {i.match:#x}{there}:")
            if i.kind is Kind.FENCE:
                lines.append(f"            return {NOP}")
                continue
            if i.kind is Kind.VALUE:
                lines.append("            if (word >> 7) & 31 == 0:")
                lines.append(f"                return {NOP}")
            lines.append(f"            return {packed_expression(i, ops[i.name])}")
    lines.append(f"    return {ILLEGAL}")
    return "\n".join(lines)


def _arguments(csr: Csr) -> str:
    return "h" if csr.index is None else f"h, {csr.index}"


def csr_read_expression(csr: Csr) -> str:
    """Text that reads the CSR of `h`."""
    if csr.constant is not None:
        return str(csr.constant)
    if csr.read is not None:
        return f"{csr.read.__name__}({_arguments(csr)})"
    return f"h.{csr.storage}"


def csr_write_statement(csr: Csr) -> str:
    """Text that writes `value` to the CSR of `h`."""
    if csr.write is not None:
        return f"{csr.write.__name__}({_arguments(csr)}, value)"
    mask = csr.write_mask
    if mask == 0:
        return "pass"
    if mask == 0xFFFFFFFF:
        return f"h.{csr.storage} = value"
    return f"h.{csr.storage} = (h.{csr.storage} & {0xFFFFFFFF ^ mask:#x}) | (value & {mask:#x})"


def emit_csr_read() -> str:
    """`csr_read(h, address)`: the value, or -1 if no such CSR exists or its guard refuses."""
    lines = ["def csr_read(h, address):"]
    zeros = []
    for csr in CSRS:
        if csr.constant == 0 and csr.guard is None:
            zeros.append(csr.address)
            continue
        lines.append(f"    if address == {csr.address:#x}:")
        if csr.guard is not None:
            lines.append(f"        if {csr.guard.__name__}(h) == 0:")
            lines.append("            return -1")
        lines.append(f"        return {csr_read_expression(csr)}")
    for first, last in _ranges(zeros):
        lines.append(f"    if address >= {first:#x} and address <= {last:#x}:")
        lines.append("        return 0")
    lines.append("    return -1")
    return "\n".join(lines)


def emit_csr_write() -> str:
    """`csr_write(h, address, value)`: obey a write that `csr_access` has allowed."""
    lines = ["def csr_write(h, address, value):"]
    for number, csr in enumerate(c for c in CSRS if csr_write_statement(c) != "pass"):
        lines.append(f"    {'if' if number == 0 else 'elif'} address == {csr.address:#x}:")
        lines.append(f"        {csr_write_statement(csr)}")
    return "\n".join(lines)


def emit_csr_held() -> str:
    """`csr_held(h, address, old)`: what CSRRS and CSRRC change bits of; `old` is what the CSR reads as."""
    lines = ["def csr_held(h, address, old):"]
    for csr in CSRS:
        if csr.held is not None:
            lines.append(f"    if address == {csr.address:#x}:")
            lines.append(f"        return {csr.held.__name__}(h)")
    lines.append("    return old")
    return "\n".join(lines)


def supervisor_fields() -> list[str]:
    """Fields of the hart record that hold an S-level CSR that no bit of mstatus guards: all that S mode owns alone."""
    return [c.storage for c in CSRS if c.privilege == 1 and c.storage is not None and c.guard is None]


def emit_supervisor_switch() -> str:
    """`copy_supervisor(source, target)`: the S-level CSRs of one hart become those of another."""
    lines = [f"    target.{name} = source.{name}" for name in supervisor_fields()]
    return "\n".join(["def copy_supervisor(source, target):", *lines])


PROGRAMS_OWN = frozenset({"pc", "uflags", "reservation"})
"""State that is not the hypervisor's whatever it does, beside registers and memory."""


def sensitive_unprivileged() -> list[Instruction]:
    """Instructions that U mode executes and whose declaration names state of the machine: the holes.

    An environment call names the mode too, but it traps in every mode, so it is no hole.
    """
    return [
        i for i in INSTRUCTIONS
        if i.kind is Kind.SYSTEM and i.privilege == "U" and {*i.reads, *i.writes} - PROGRAMS_OWN
        and not any(cause.startswith("environment call") for cause in i.causes)
    ]  # fmt: skip


def emit_is_sensitive() -> str:
    """`is_sensitive(word, extensions)`: 1 for a word of `sensitive_unprivileged` on a hart with these extensions."""
    lines = ["def is_sensitive(word, extensions):"]
    by_opcode: dict[int, list[Instruction]] = {}
    for i in sensitive_unprivileged():
        by_opcode.setdefault(i.match & 0x7F, []).append(i)
    for opcode, instructions in by_opcode.items():
        lines.append(f"    if word & 0x7f == {opcode:#x}:")
        for i in instructions:
            bit = extension_bit(i.extension)
            there = f" and extensions & {bit:#x}" if bit else ""
            lines.append(f"        if word & {i.mask:#x} == {i.match:#x}{there}:")
            lines.append("            return 1")
    return "\n".join([*lines, "    return 0"])


UNDERSTOOD = frozenset({"mode", "mleak", "uflags"})
"""State that the real hart has as the virtual one while virtual U mode runs in real U mode."""


def _constants(i: Instruction) -> dict[int, int]:
    """What an instruction writes to rd in S and M mode, where that depends on the mode alone; else nothing."""
    if not (i.operands == ("rd",) and {*i.reads} <= {"mode", "mleak"} and not i.writes):
        return {}
    values = {}
    for mode in (1, 3):
        h = SimpleNamespace(mode=mode, mleak=0, x=[0] * 32)
        i.meaning(h, 1)
        values[mode] = h.x[1]
    return values if all(value < 0x800 for value in values.values()) else {}


def emit_translate_word() -> str:
    """`translate_word(word, extensions, mode)`: what a translated copy for a virtual mode has for a word.

    The word itself; `addi rd, x0, value` for a hole whose result the mode decides; 6, which calls the hypervisor
    (`vm.hypervisor.translator.CALL`), for other holes and for words that are no 32-bit instruction.
    """
    addi = next(i for i in INSTRUCTIONS if i.name == "addi")
    lines = ["def translate_word(word, extensions, mode):", "    if word & 3 != 3:", "        return 6"]
    for i in sensitive_unprivileged():
        bit = extension_bit(i.extension)
        there = f" and extensions & {bit:#x}" if bit else ""
        lines.append(f"    if word & {i.mask:#x} == {i.match:#x}{there}:")
        if {*i.reads} <= UNDERSTOOD:
            lines += ["        if mode == 0:", "            return word"]
        for mode, value in _constants(i).items():
            lines += [f"        if mode == {mode}:", f"            return word & 0xf80 | {addi.match | value << 20:#x}"]
        lines.append("        return 6")
    return "\n".join([*lines, "    return word"])


def emit_ends_block() -> str:
    """`ends_block(word)`: 1 for an instruction after which control may be elsewhere."""
    lines = ["def ends_block(word):"]
    for i in INSTRUCTIONS:
        if i.kind in (Kind.BRANCH, Kind.JUMP, Kind.SYSTEM):
            lines += [f"    if word & {i.mask:#x} == {i.match:#x}:", "        return 1"]
    return "\n".join([*lines, "    return 0"])


CSR_ACCESS = '''
def csr_access(h, address, writes):
    """The value of a CSR for an instruction in the present mode, or -1 for an illegal access."""
    if (address >> 8) & 3 > h.mode:
        return -1
    if writes and address >> 10 == 3:
        return -1
    return csr_read(h, address)
'''


def _ranges(addresses: list[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for address in sorted(addresses):
        if ranges and ranges[-1][1] == address - 1:
            ranges[-1] = (ranges[-1][0], address)
        else:
            ranges.append((address, address))
    return ranges


def csr_functions() -> list:
    """Every function that the CSR declarations name."""
    found = {}
    for csr in CSRS:
        for function in (csr.read, csr.write, csr.held, csr.guard):
            if function is not None:
                found[function.__name__] = function
    return list(found.values())
