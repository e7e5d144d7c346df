"""Stencils as plain numbers, so that compiled code can copy them and fill in what they leave open.

`blob` (uint8) has the machine code of all stencils, one after the other. `plan` (int64) describes them: first a row of
ROW words for each, at ROW * its number, then their *holes*, one word each. A stencil's number is the op number of its
instruction (`vm.core.op_numbers`), or one of the numbers of the *glue* below.
"""

from trapline.vm.core.hart import HART_FIELDS
from trapline.vm.core.packed import OP

REGISTER_BYTES = 8
"""Bytes of a register, and of each other field, in the hart's record, which begins with x0."""
PC_FIELD = REGISTER_BYTES * sum(count for _, count in HART_FIELDS[: [name for name, _ in HART_FIELDS].index("pc")])
"""Where it has h.pc."""

START = 0
"""Field of a row: where the stencil begins in `blob`."""
LENGTH = 1
"""Field: its bytes."""
FIRST_HOLE = 2
"""Field: where its holes begin in `plan`."""
HOLES = 3
"""Field: how many it has."""
FLOW = 4
"""Field: what comes after the instruction; of what follows."""
PARCELS = 5
"""Field: halfwords of the instruction, 1 or 2."""
AGAIN = 6
"""Field: of a store, the number of the stencil that tries once more where this one misses, 0 without one."""
CHOICES = 7
"""Field: of a CSR instruction, where in `plan` the stencils for single CSRs are listed, 0 without any: a CHOICE and the
stencil's number for each, and NO_CHOICE at the end."""
ROW = 8

READS = 1 << 12
"""Set in a CHOICE if the source is x0 or 0; below is the address of the CSR."""
NO_CHOICE = -1

NO_STENCIL = 0
"""FLOW: it has no stencil. The interpreter executes it."""
ONWARD = 1
"""FLOW: the next instruction."""
BRANCH = 2
"""FLOW: the next one, or the one at pc + imm."""
DIRECT = 3
"""FLOW: the one at pc + imm; it has no stencil, only LINK where rd is not x0."""
INDIRECT = 4
"""FLOW: one whose address is computed."""
ALONE = 5
"""FLOW: the next instruction, and this one is a block of its own. What leaves it to the interpreter, such as the mode,
does so each time, and machine code is to go on behind it."""

GLUE = OP + 1
"""The number of the first stencil that belongs to no instruction; each comment says what its holes are."""
BUDGET = GLUE
"""Begins a block: takes BLOCK off the remaining instructions; if these are too few, to MISS."""
LINK = GLUE + 1
"""rd := VBASE + NEXT_PC."""
GO = GLUE + 2
"""To TAKEN."""
LEAVE = GLUE + 3
"""Leaves at the place of PLACE: an offset in the page, and above it the instructions of the block that are not done."""
OUT = GLUE + 4
"""The rest of each LEAVE, placed once: h.pc := VBASE + offset, and returns what remains."""
DOOR = GLUE + 5
"""Placed once: `int64 door(int64 *context, int64 remaining, int64 pc, int64 vbase, int64 entry)`, of the C convention.

Enters translated code at the address `entry`; the answer is what remains of `remaining`, and h.pc and the registers
are up to date. context: see CONTEXT_HART. pc: the address of the instruction; vbase: that of its page; both in
[0, 2^32)."""
CHAIN = GLUE + 6
"""Placed once: goes on at the virtual address in PLACE, in the machine code that is there, or else leaves there."""
FAR = GLUE + 7
"""To CHAIN, for the address VBASE + PLACE, which is in another page."""
STENCILS = GLUE + 8
"""How many rows `plan` has, before those that AGAIN names."""

CONTEXT_HART = 0
"""Word of the context: the address of the hart's record, which begins with x0."""
CONTEXT_RAM = 1
"""Word of the context: the address of `ram8`, to which the TLBs' offsets are relative."""
CONTEXT_CODE = 2
"""Word of the context: the address of `code`."""
CONTEXT_MAPS = 3
"""Word of the context: the address of all tables of entries (MAP), one behind the other."""
CONTEXT_TOHOST = 4
"""Word of the context: the offset of `tohost` in RAM; if there is none, what is no multiple of eight."""
CONTEXT_WORDS = 5

HOLE_OFFSET = 0xFFFF
HOLE_KIND_SHIFT = 16
HOLE_WIDTH_SHIFT = 24
HOLE_ADDEND_SHIFT = 32
"""A hole is its offset in the stencil, and from these bits on what goes there, in how many bytes (1, 4 or 8), and a
signed number that is added to it; to a jump nothing."""
HOLE_BYTE = 0xFF
JUMP_WIDTH = 4
"""Bytes of a hole that is a jump."""

RD = 1
"""What goes into a hole: 8 * rd, where the register is in the hart's record; for x0 where h.pc is, which nothing reads
before OUT writes it."""
RS1 = 2
RS2 = 3
"""8 * the register's number."""
IMM = 4
"""The immediate or shift amount."""
PC = 5
"""The instruction's offset in its page; the stencil adds VBASE."""
NEXT_PC = 6
"""The offset of what follows it, for a link."""
BLOCK = 7
"""Instructions of the block."""
PLACE = 8
"""See LEAVE."""
MAP = 9
"""The address of the page's table of entries: for each halfword that of its block's code, or 0."""
FORBIDDEN = 10
"""The bit that the target of a jump must not have: 2, or 0 where instructions may begin at any halfword."""
UIMM = 11
"""The five-bit constant in the place of rs1."""

NEXT = 16
"""From here on jumps, relative to the end of the hole. NEXT: the stencil's end, where a last jump to it is cut off."""
TAKEN = 17
"""The block at pc + imm."""
MISS = 18
"""A LEAVE at this instruction, which is not done."""
EXIT = 19
"""Where OUT has been placed."""
ONTO = 20
"""Where CHAIN has been placed."""

PLACE_SHIFT = 16
"""Where a PLACE has the instructions that are not done; below is the offset in the page."""
PLACE_OFFSET = (1 << PLACE_SHIFT) - 1
