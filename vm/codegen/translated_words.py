"""What a translated copy of the guest's code has for each word, generated from the declarations."""

from types import SimpleNamespace

from trapline.isa import BY_NAME, INSTRUCTIONS, Instruction, Kind
from trapline.isa.compression import LONG
from trapline.isa.hart import A0
from trapline.isa.instruction import RD_SHIFT
from trapline.isa.mode import M, S, U
from trapline.vm.codegen.decoder import encodes
from trapline.vm.codegen.sensitive_instructions import sensitive_unprivileged
from trapline.vm.hypervisor.translate import CALL

RD = 31 << RD_SHIFT
"""The bits of a word that have rd."""

UNDERSTOOD = frozenset({"mode", "mleak", "uflags"})
"""State that the real hart has as the virtual one while virtual U mode runs in real U mode."""


def _constants(i: Instruction) -> dict[int, int]:
    """What an instruction writes to rd in S and M mode, where that depends on the mode alone; else nothing."""
    if not (i.operands == ("rd",) and {*i.reads} <= {"mode", "mleak"} and not i.writes):
        return {}
    addi = BY_NAME["addi"]
    values = {}
    for mode in (S, M):
        h = SimpleNamespace(mode=mode, mleak=0, x=[0] * 32)
        i.meaning(h, A0)
        values[mode] = h.x[A0]
    return values if all(value < 1 << (addi.pattern.imm_bits - 1) for value in values.values()) else {}


def emit_translate_word() -> str:
    """`translate_word(word, extensions, mode)`: what a translated copy for a virtual mode has for a word.

    The word itself; `addi rd, x0, value` for a hole whose result the mode decides; CALL for other holes and for words
    that are no 32-bit instruction.
    """
    addi = BY_NAME["addi"]
    lines = [
        "def translate_word(word, extensions, mode):",
        f"    if word & {LONG} != {LONG}:",
        f"        return {CALL}",
    ]
    for i in sensitive_unprivileged():
        lines.append(f"    if {encodes(i)}:")
        if {*i.reads} <= UNDERSTOOD:
            lines += [f"        if mode == {U}:", "            return word"]
        for mode, value in _constants(i).items():
            lines += [
                f"        if mode == {mode}:",
                f"            return word & {RD:#x} | {addi.encode(rd=0, rs1=0, imm=value):#x}",
            ]
        lines.append(f"        return {CALL}")
    return "\n".join([*lines, "    return word"])


def emit_ends_block() -> str:
    """`ends_block(word)`: 1 for an instruction after which control may be elsewhere."""
    lines = ["def ends_block(word):"]
    for i in INSTRUCTIONS:
        if i.kind in (Kind.BRANCH, Kind.JUMP, Kind.SYSTEM):
            lines += [f"    if word & {i.mask:#x} == {i.match:#x}:", "        return 1"]
    return "\n".join([*lines, "    return 0"])
