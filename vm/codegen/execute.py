"""Text of `execute`, the run loop's inner function: one arm per op, the meaning of each inlined.

Names in the generated text: `x` the registers, `d` the packed instruction, `ip` its index in `code` (1025
entries per page of RAM: 1024 instructions and one that stands for the page's end), `first` the index of
the page's first entry, `vbase` = pc - 4 * ip, `number` the page's number in RAM, `n` instructions done,
`stop` the value of n at which to leave the inner loop, `status` why it was left: a code of `isa.trap`, the
cause of an exception, or

    -10 limit reached   -11 go on at h.pc, nothing else changed   -12 go on at h.pc
    -13 jump to `target`   -20 trap for the host   from -1100 on: answers of `vm.core.access`, less 1000
"""

import re
from types import FunctionType

from trapline.isa import INSTRUCTIONS, Instruction, Kind
from trapline.vm.codegen.collect import engine_name, inline_expression
from trapline.vm.codegen.emit import ILLEGAL, NOP, UNDECODED, op_numbers
from trapline.vm.core.hart import TLB_ENTRIES

OPERANDS = {
    "rs1": "x[(d >> 16) & 31]",
    "rs2": "x[(d >> 24) & 31]",
    "imm": "(d >> 32) & 0xFFFFFFFF",
    "shamt": "d >> 32",
    "uimm": "(d >> 16) & 31",
}
RD = "(d >> 8) & 31"
SYSTEM_OPERANDS = OPERANDS | {
    "h": "h",
    "rd": RD,
    "readable": f"load_allowed(h, m, ram32, {OPERANDS['rs1']})",
    "paddr": f"real_address(h, m, ram32, {OPERANDS['rs1']})",
}
PC = "(vbase + 4 * ip) & 0xFFFFFFFF"
Arm = tuple[list[str], list[FunctionType]]
"""The lines of an op, and the functions that they call beside those of the engine."""

ENTRY = """
def execute(h, m, ram8, ram16, ram32, code, page, limit):
    x = h.x
    fetch_tlb = h.fetch_tlb
    load_tlb = h.load_tlb
    store_tlb = h.store_tlb
    start = h.cycle
    n = 0
    status = -12
    refresh(h)
    follow_code(h, m)
    while True:
        if n >= limit:
            h.cycle = start + n
            return -10
        if status != -11:
            if h.stale:
                refresh(h)
            if (h.mip | h.lines) & h.mie != 0:
                cause = pending_interrupt(h)
                if cause >= 0:
                    count_trap(h, 32 + (cause & 31))
                    take_trap(h, cause, 0)
                    refresh(h)
            fetch_context = h.fetch_context
            data_context = h.data_context
        pc = h.pc
        stop = limit
        entry = 2 * (((pc >> 12) ^ (fetch_context >> 22)) & TLB_MASK)
        if fetch_tlb[entry] == (pc & 0xFFFFF000) | fetch_context:
            offset = pc + fetch_tlb[entry + 1]
        else:
            offset = fetch_offset(h, m, ram32, code, page, pc)
            if offset >= 0 and fetch_tlb[entry] != (pc & 0xFFFFF000) | fetch_context:
                stop = n + 1
        status = -12
        tval = pc
        number = 0
        ip = 0
        target = 0
        vbase = pc
        if pc & 3:
            status = 0
        elif offset < 0:
            status = -1 - offset
        else:
            number = offset >> 12
            ip = (offset >> 2) + number
            first = number * 1025
            vbase = pc - 4 * ip
            while True:
                if n >= stop:
                    h.pc = (vbase + 4 * ip) & 0xFFFFFFFF
                    break
                d = code[U64(ip)]
                op = d & 0xFF
"""

UNDECODED_ARM = """
if ip - first == 1024:
    h.pc = (vbase + 4 * ip) & 0xFFFFFFFF
    status = -11
    break
word = I64(ram32[U64(ip - number)])
code[U64(ip)] = decode_word(word, h.extensions)
if page[U64(number)] & 127 == 0:
    page[U64(number)] = page[U64(number)] | U8(1)
    m.code_epoch = m.code_epoch + 1
    follow_code(h, m)
continue
"""

EXIT = """
        if status == -13:
            if target & 2:
                status = 0
                tval = target
            else:
                n += 1
                h.pc = target
                status = -11
                continue
        h.cycle = start + n
        if status <= -1000:
            # A memory access was refused: by a fault, or because the host must serve it.
            status = status + 1000
            if status > -20:
                status = -1 - status
                tval = m.fault_address
        if status == -1 or status == -2:
            h.pc = (h.pc + 4 * (status + 2)) & 0xFFFFFFFF  # -2 has set it
            n += 1
            refresh(h)
            if h.mode == 0 and m.technique == 2:
                h.cycle = start + n  # hybrid: virtual U mode runs directly
                return -10
        elif status >= 0:
            h.pc = (vbase + 4 * ip) & 0xFFFFFFFF
            if (m.host_traps >> status) & 1:
                m.exit_cause = status
                m.exit_tval = tval
                return -20
            n += 1
            h.unretired = h.unretired + 1
            count_trap(h, status)
            take_trap(h, status, tval)
            refresh(h)
        elif status == -3:
            h.pc = (h.pc + 4) & 0xFFFFFFFF
            h.cycle = start + n + 1
            return -3
        elif status < -99:
            h.pc = (vbase + 4 * ip) & 0xFFFFFFFF
            if status != -100:
                h.pc = (h.pc + 4) & 0xFFFFFFFF
                h.cycle = start + n + 1
            return status
"""


def _value(i: Instruction) -> Arm:
    names = {name: name for name in i.inputs}
    lines = [f"{name} = {PC if name == 'pc' else OPERANDS[name]}" for name in i.inputs]
    text, called = inline_expression(i.meaning, names)
    return [*lines, f"x[{RD}] = {text}"], called


def _branch(i: Instruction) -> Arm:
    text, called = inline_expression(i.meaning, {n: n for n in i.inputs})
    # Bits 1 of an offset is set for a target that is not a multiple of four.
    return [
        *(f"{name} = {OPERANDS[name]}" for name in i.inputs),
        f"if {text}:",
        "    near = ip + (d >> 34)",
        "    if ((near - first) & -1024) | (d & 0x200000000) == 0:",
        "        ip = near",
        "        n += 1",
        "        continue",
        "    target = (vbase + 4 * ip + (d >> 32)) & 0xFFFFFFFF",
        "    status = -13",
        "    break",
    ], called


def _jump(i: Instruction) -> Arm:
    text, called = inline_expression(i.meaning, {n: n for n in i.inputs})
    return [
        *(f"{name} = {PC if name == 'pc' else OPERANDS[name]}" for name in i.inputs),
        f"target = {text}",
        "if target & 2:",
        "    status = -13",
        "    break",
        f"x[{RD}] = (vbase + 4 * ip + 4) & 0xFFFFFFFF",
        "x[0] = 0",
        "near = (target - vbase) >> 2",
        "if (near - first) & -1024:",
        "    status = -13",
        "    break",
        "n += 1",
        "ip = near",
        "continue",
    ], called


def _leave_on(answer: str) -> list[str]:
    return [f"if {answer} < 0:", f"    status = {answer} - 1000", "    break"]


SYNC = ["synchronize(h, m, start + n)"]


def _typed(width: int, index: str) -> str:
    return {1: f"ram8[U64({index})]", 2: f"ram16[U64(({index}) >> 1)]", 4: f"ram32[U64(({index}) >> 2)]"}[width]


def _load(i: Instruction) -> Arm:
    text, called = inline_expression(i.meaning, {"data": "data"})
    page_mask = 0xFFFFF000 | (i.width - 1)
    return [
        "address = (x[(d >> 16) & 31] + (d >> 32)) & 0xFFFFFFFF",
        "entry = 2 * ((address >> 12) & TLB_MASK)",
        f"if load_tlb[entry] == (address & {page_mask:#x}) | data_context:",
        f"    data = I64({_typed(i.width, 'address + load_tlb[entry + 1]')})",
        "else:",
        *("    " + line for line in SYNC),
        f"    data = load_slow(h, m, ram8, ram32, code, page, address, {i.width})",
        *("    " + line for line in _leave_on("data")),
        f"x[{RD}] = {text}",
        "x[0] = 0",
    ], called


def _store(i: Instruction) -> Arm:
    text, called = inline_expression(i.meaning, {"rs2": "rs2"})
    page_mask = 0xFFFFF000 | (i.width - 1)
    cast = {1: "U8", 2: "U16", 4: "U32"}[i.width]
    return [
        "address = (x[(d >> 16) & 31] + (d >> 32)) & 0xFFFFFFFF",
        "entry = 2 * ((address >> 12) & TLB_MASK)",
        "rs2 = x[(d >> 24) & 31]",
        f"if store_tlb[entry] == (address & {page_mask:#x}) | data_context:",
        f"    {_typed(i.width, 'address + store_tlb[entry + 1]')} = {cast}({text})",
        "else:",
        *("    " + line for line in SYNC),
        f"    done = store_slow(h, m, ram8, ram32, code, page, address, {i.width}, {text})",
        *("    " + line for line in _leave_on("done")),
    ], called


def _atomic_address(access: int) -> list[str]:
    tlb = "load_tlb" if access == 1 else "store_tlb"
    return [
        "address = x[(d >> 16) & 31]",
        "entry = 2 * ((address >> 12) & TLB_MASK)",
        f"if {tlb}[entry] == (address & 0xFFFFF003) | data_context:",
        f"    offset = address + {tlb}[entry + 1]",
        "else:",
        f"    offset = atomic_offset(h, m, ram32, code, page, address, {access})",
        *("    " + line for line in _leave_on("offset")),
    ]


def _amo(i: Instruction) -> Arm:
    text, called = inline_expression(i.meaning, {n: n for n in i.inputs})
    return [
        *_atomic_address(2),
        "old = ram_load(m, ram8, offset, 4)",
        "rs2 = x[(d >> 24) & 31]",
        f"done = ram_store(m, ram8, ram32, code, page, offset, 4, {text})",
        f"x[{RD}] = old",
        "x[0] = 0",
        *_leave_on("done"),
    ], called


def _lr(i: Instruction) -> Arm:
    text, called = inline_expression(i.meaning, {"data": "data"})
    return [
        *_atomic_address(1),
        "data = ram_load(m, ram8, offset, 4)",
        "h.reservation = offset",
        f"x[{RD}] = {text}",
        "x[0] = 0",
    ], called


def _sc(i: Instruction) -> Arm:
    text, called = inline_expression(i.meaning, {"rs2": "rs2"})
    return [
        # Its address must be aligned whether it succeeds or not (volume I, 13.2).
        "address = x[(d >> 16) & 31]",
        "if address & 3:",
        "    m.fault_address = address",
        "    status = -1007",
        "    break",
        "done = 0",
        "failed = 1",
        "if h.reservation >= 0:",
        *("    " + line for line in _atomic_address(2)),
        "    if offset == h.reservation:",
        "        rs2 = x[(d >> 24) & 31]",
        f"        done = ram_store(m, ram8, ram32, code, page, offset, 4, {text})",
        "        failed = 0",
        "h.reservation = -1",
        f"x[{RD}] = failed",
        "x[0] = 0",
        *_leave_on("done"),
    ], called


def _illegal() -> list[str]:
    return ["status = 2", "tval = I64(ram32[U64(ip - number)])", "break"]


def _csr(i: Instruction) -> Arm:
    operand = OPERANDS["uimm"] if "uimm" in i.operands else OPERANDS["rs1"]
    text, called = inline_expression(i.meaning, {"old": "held", "operand": "operand"})
    # "For both CSRRS and CSRRC, if rs1=x0, then the instruction will not write to the CSR at all"
    writes = "1" if i.name in ("csrrw", "csrrwi") else "(d >> 16) & 31"
    return [
        *SYNC,
        f"writes = {writes}",
        "old = csr_access(h, d >> 32, writes)",
        "if old < 0:",
        *("    " + line for line in _illegal()),
        f"operand = {operand}",
        "if writes:",
        *(["    held = csr_held(h, d >> 32, old)"] if "held" in text else []),
        f"    csr_write(h, d >> 32, ({text}) & 0xFFFFFFFF)",
        f"x[{RD}] = old",
        "x[0] = 0",
        "if writes:",
        f"    h.pc = {PC}",
        "    status = -1",
        "    break",
    ], called


def _system(i: Instruction) -> Arm:
    arguments = ", ".join(SYSTEM_OPERANDS[name] for name in i.inputs)
    return [
        *SYNC,
        f"h.pc = {PC}",
        f"status = {engine_name(i.meaning)}({arguments})",
        "tval = 0",
        "if status == 2:",
        "    tval = I64(ram32[U64(ip - number)])",
        "elif status == 3:",
        "    tval = h.pc",
        "break",
    ], []


_ARMS = {
    Kind.VALUE: _value,
    Kind.BRANCH: _branch,
    Kind.JUMP: _jump,
    Kind.LOAD: _load,
    Kind.STORE: _store,
    Kind.AMO: _amo,
    Kind.LR: _lr,
    Kind.SC: _sc,
    Kind.CSR: _csr,
    Kind.SYSTEM: _system,
}


# Names that live within one arm get a name of their own in each: numba takes long over variables with many
# definitions.
_TEMPORARY = re.compile(
    r"(?<![.\w])(rs1|rs2|imm|shamt|pc|near|address|entry|offset|data|done|old|failed|operand|held|writes|word|i)(?!\w)"
)


def emit_execute() -> tuple[str, list[FunctionType]]:
    """The text of `execute`, and the functions that the meanings in it still call."""
    ops = op_numbers()
    called: list[FunctionType] = []
    arms: list[tuple[int, list[str]]] = []
    for i in INSTRUCTIONS:
        if i.kind is Kind.FENCE:
            continue
        lines, uses = _ARMS[i.kind](i)
        called += uses
        arms.append((ops[i.name], [f"# {i.name}", *lines]))
    arms.append((NOP, ["pass"]))
    arms.append((UNDECODED, UNDECODED_ARM.strip().splitlines()))
    text = ENTRY.strip("\n").splitlines()
    pad = " " * 16
    for position, (op, lines) in enumerate(arms):
        text.append(f"{pad}{'if' if position == 0 else 'elif'} op == {op}:")
        own = rf"\g<0>_{op}"
        text.extend(f"{pad}    {_TEMPORARY.sub(own, line)}" for line in lines)
    text.append(f"{pad}else:")
    text.extend(f"{pad}    {line}" for line in _illegal())
    text.append(f"{pad}ip += 1")
    text.append(f"{pad}n += 1")
    text.extend(EXIT.strip("\n").splitlines())
    return "\n".join(text).replace("TLB_MASK", str(TLB_ENTRIES - 1)), called


assert ILLEGAL == 2
