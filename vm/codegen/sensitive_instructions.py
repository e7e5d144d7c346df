"""The holes: sensitive instructions that do not trap in U mode, found in the declarations."""

from trapline.isa import INSTRUCTIONS, Instruction, Kind
from trapline.isa.cause import ECALL_M, ECALL_S, ECALL_U
from trapline.isa.compression import PARCEL_BITS
from trapline.isa.instruction import OPCODE
from trapline.vm.codegen.decoder import encodes

ENVIRONMENT_CALLS = {ECALL_U, ECALL_S, ECALL_M}

PROGRAMS_OWN = frozenset({"pc", "uflags", "reservation"})
"""State that is not the hypervisor's whatever it does, beside registers and memory."""


def sensitive_unprivileged() -> list[Instruction]:
    """Instructions that U mode executes and whose declaration names state of the machine.

    An environment call names the mode too, but it traps in every mode, so it is no hole.
    """
    return [
        i for i in INSTRUCTIONS
        if i.kind is Kind.SYSTEM and i.privilege == "U" and {*i.reads, *i.writes} - PROGRAMS_OWN
        and ENVIRONMENT_CALLS.isdisjoint(i.causes)
    ]  # fmt: skip


def emit_is_sensitive() -> str:
    """`is_sensitive(word, extensions)`: 1 for a word of `sensitive_unprivileged` on a hart with these extensions."""
    lines = ["def is_sensitive(word, extensions):"]
    by_opcode: dict[int, list[Instruction]] = {}
    for i in sensitive_unprivileged():
        by_opcode.setdefault(i.match & OPCODE, []).append(i)
    for opcode, instructions in by_opcode.items():
        lines.append(f"    if word & {OPCODE:#x} == {opcode:#x}:")
        for i in instructions:
            lines += [f"        if {encodes(i)}:", "            return 1"]
    return "\n".join([*lines, "    return 0"])


def emit_begins_sensitive() -> str:
    """`begins_sensitive(parcel, extensions)`: 1 for a parcel that is the first one of such a word."""
    lines, bits = ["def begins_sensitive(parcel, extensions):"], (1 << PARCEL_BITS) - 1
    for i in sensitive_unprivileged():
        lines += [f"    if {encodes(i, 'parcel', bits)}:", "        return 1"]
    return "\n".join([*lines, "    return 0"])
