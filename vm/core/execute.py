"""The run loop's inner function: what an engine must answer.

`vm.codegen.splice` puts one arm per instruction (`vm.core.instruction_arms`) where `arms` is called; the result runs
compiled and as plain Python. As it is written here it is the engine of a hart that has no instructions: every word is
illegal.
"""

from trapline.isa.cause import CAUSE_CODE, ECALL_S, FETCH_MISALIGNED, ILLEGAL
from trapline.isa.mode import U
from trapline.isa.sv32 import PAGE, PAGE_BASE, PAGE_OFFSET, PAGE_PARCELS, PAGE_SHIFT
from trapline.isa.trap import JUMPED, NEXT, NO_INTERRUPT, WAIT, pending_interrupt, take_trap
from trapline.isa.word import HALFWORD, MASK, WORD
from trapline.vm.core.code_pages import CODE_ENTRIES, DECODED, MACHINE_CODE, NEWLY_DECODED, follow_code
from trapline.vm.core.console_calls import serve_console_call
from trapline.vm.core.counters import count_trap
from trapline.vm.core.event_log import LOG_ALL, LOG_INT, LOG_MMU, log_is_full, log_retired, log_trap
from trapline.vm.core.generated import enter_translated, sample, steps_to_sample, value_apart
from trapline.vm.core.hart import INTERRUPT_COUNTS
from trapline.vm.core.ints import U8, U64
from trapline.vm.core.mmu import fetch_offset, fetch_rest, refresh
from trapline.vm.core.packed import OP, PACKED_RD, PACKED_RS1, PACKED_RS2, REGISTER
from trapline.vm.core.parcels import STRADDLING, encoding_at, length_at, misaligned_bits, straddles
from trapline.vm.core.status import (
    CAUGHT,
    DEVICE,
    FAR_JUMP,
    FOR_THE_HOST,
    LIMIT,
    NEW_CONTEXT,
    PAUSE,
    RESLICE,
    SAME_CONTEXT,
    TOHOST,
    cause_of,
    is_fault,
)
from trapline.vm.core.stops import context_mode, decode_at, is_caught, look_ahead, look_at_place
from trapline.vm.core.tlb import PLACE_MODE_SHIFT, TLB_MASK
from trapline.vm.core.work import make_room, must_pause

UNDECODED = 0
NOP = 1
SHORT_NOP = 3
FIRST_OP = 5
"""Op numbers of what is not decoded yet, of an instruction without effect, in 32 bits and in 16, and the first of those
that are declared. One in between is MACHINE_CODE of `vm.core.code_pages`."""

FIRST_APART = FIRST_SHORT_APART = OP + 1
"""The first op number of instructions that have no arm here, and of their short forms: see `vm.core.op_numbers`."""

LAST = PAGE - HALFWORD
"""Where the last parcel of a page is within it."""
FAR_FROM_ALL = 1 << 40
"""`first` of an instruction that straddles: nothing is near it."""


def arms(*variables):
    """Stands where the arms of the instructions go, and names the variables that only they use."""
    return False


def execute(h, m, ram8, ram16, ram32, code, page, limit):
    """Let hart `h` do at most `limit` steps; returns why it stopped.

    A step is an instruction retired or an exception taken; taking an interrupt is not a step.
    The answers (`vm.core.status`) follow. With each the hart is between two instructions, `h.pc` is the next one, and
    `h.cycle` has grown by the steps done.

    LIMIT           `limit` steps are done. Earlier with `m.stop_at_user`, when U mode begins; and when the run has done
                    enough work (`vm.core.work`), but not before the first step.
    WAIT            a wfi has retired. Whether an interrupt is pending has not been checked.
    FOR_THE_HOST    the instruction at `h.pc` raises an exception whose bit is set in `m.host_traps`; `m.exit_cause` and
                    `m.exit_tval` say which. It has no effect and does not count as a step.
    DEVICE          the instruction at `h.pc` loads or stores outside of RAM, as `m.exit_address`, `m.exit_width`,
                    `m.exit_store` and `m.exit_value` say; of a load, `m.exit_decoded` is the instruction. It has no
                    effect and does not count as a step.
    RESLICE         a store to the CLINT has retired: deadlines and interrupts may have changed.
    TOHOST          a store to `m.tohost` has retired.
    AT_BREAKPOINT   the host wants to look before the instruction at `h.pc` (`vm.core.stops`), which has no effect and
                    does not count as a step; its walk may have set A.
    AT_WATCHPOINT   likewise, because of an access that it makes; the walk may have set D.
    CAUGHT          a trap has been taken, or has been returned from, that the host wants to look at.

    All other exceptions are taken here (`isa.trap.take_trap`); the handler's first instruction is the next step.
    Interrupts are checked at the start, and after each instruction that may have enabled one: one that answers NEXT or
    JUMPED, or traps. Interrupt lines change only between calls, so the caller sets `limit` to the next timer deadline.
    At the same points `h.stale` is obeyed: it drops all cached translations.
    `h.cycle`, `h.instret` and `h.mtime` are up to date whenever an instruction can read them (`synchronize`).
    Where `code` has MACHINE_CODE machine code does the next steps, as many as it can.
    A store to a decoded instruction drops its decoded form (`vm.core.code_pages`).

    Variables: x, the registers; d, the decoded instruction, packed as in `vm.core.packed`; ip, its index in `code`,
    which has CODE_ENTRIES per page of RAM, the last for the end of the page; first, the index of the page's first
    entry; number, the page's number in RAM, so that ip - number is the parcel; vbase = pc - 2 * ip; n, steps done;
    stop, the n at which to leave the inner loop; status, why it was left, or the cause of an exception, with tval;
    target, of a FAR_JUMP; rest, what `fetch_rest` has answered; pause, the n at which to take a sample of where the
    hart is (`vm.translator.pages`), or `limit`. An instruction that straddles is executed all alone,
    from where STRADDLING says, with an ip and a number of its own.
    """
    x = h.x
    fetch_tlb = h.fetch_tlb
    load_tlb = h.load_tlb
    store_tlb = h.store_tlb
    start = h.cycle
    n = 0
    pause = min(limit, steps_to_sample(h, code))
    status = NEW_CONTEXT
    make_room(m)
    refresh(h)
    follow_code(h, m)
    fetch_context = h.fetch_context
    while True:
        stop = pause
        if m.stops:
            answer = look_ahead(h, m, code, status, fetch_context)
            if answer == CAUGHT:
                h.cycle = start + n
                return CAUGHT
            if answer == SAME_CONTEXT:
                stop = n + 1
        if n >= pause:
            if n >= limit:
                h.cycle = start + n
                return LIMIT
            pause = min(limit, n + sample(h, m, ram16, code, page, start + n))
            stop = pause
        if status != SAME_CONTEXT:
            if h.stale:
                refresh(h)
            if (h.mip | h.lines) & h.mie != 0:
                cause = pending_interrupt(h)
                if cause != NO_INTERRUPT:
                    mode = h.mode
                    count_trap(h, INTERRUPT_COUNTS + (cause & CAUSE_CODE))
                    take_trap(h, cause, 0)
                    refresh(h)
                    if m.stops & LOG_INT:
                        h.cycle = start + n
                        log_trap(h, m, code, cause, mode)
                    if m.stops and is_caught(h, m, cause, mode):
                        h.cycle = start + n
                        return CAUGHT
            fetch_context = h.fetch_context
            data_context = h.data_context
        pc = h.pc
        entry = 2 * (((pc >> PAGE_SHIFT) ^ (fetch_context >> PLACE_MODE_SHIFT)) & TLB_MASK)
        rest = 0
        if fetch_tlb[entry] == (pc & PAGE_BASE) | fetch_context:
            offset = pc + fetch_tlb[entry + 1]
        else:
            if must_pause(m):
                h.cycle = start + n
                return LIMIT
            if m.stops & LOG_MMU:
                h.cycle = start + n
            offset = fetch_offset(h, m, ram32, code, page, pc)
            if offset >= 0 and fetch_tlb[entry] != (pc & PAGE_BASE) | fetch_context:
                # The page has more than one PMP answer, so it is asked about again for the next instruction.
                stop = n + 1
                rest = fetch_rest(h, m, ram16, ram32, code, page, pc, offset)
        if pc & (WORD - 1) and offset >= 0 and pc & PAGE_OFFSET == LAST:
            rest = fetch_rest(h, m, ram16, ram32, code, page, pc, offset)
        status = NEW_CONTEXT
        tval = pc
        number = 0
        ip = 0
        target = 0
        vbase = pc
        if pc & (WORD - 1) and pc & misaligned_bits(h):
            status = FETCH_MISALIGNED
        elif offset < 0:
            status = cause_of(offset)
        elif rest < 0:
            status = cause_of(rest)
            tval = (pc + HALFWORD) & MASK
        else:
            number = offset >> PAGE_SHIFT
            ip = (offset >> 1) + number
            first = number * CODE_ENTRIES
            if rest:
                ip = len(code) - STRADDLING
                number = ip - (offset >> 1)
                first = FAR_FROM_ALL
                stop = n + 1
            vbase = pc - HALFWORD * ip
            while True:
                if n >= stop:
                    h.pc = (vbase + HALFWORD * ip) & MASK
                    break
                d = code[U64(ip)]
                op = d & OP
                if arms(x, load_tlb, store_tlb, data_context):
                    pass
                elif op == NOP:
                    pass
                elif op == SHORT_NOP:
                    ip += 1
                    n += 1
                    continue
                elif op == UNDECODED:
                    if ip - first == PAGE_PARCELS or straddles(ram16, ip - number):
                        h.pc = (vbase + HALFWORD * ip) & MASK
                        status = SAME_CONTEXT
                        break
                    code[U64(ip)] = decode_at(h, m, ram16, code, ip - number)
                    if page[U64(number)] & DECODED == 0:
                        page[U64(number)] = page[U64(number)] | U8(NEWLY_DECODED)
                        m.code_epoch = m.code_epoch + 1
                        follow_code(h, m)
                    continue
                elif op == MACHINE_CODE:
                    h.pc = (vbase + HALFWORD * ip) & MASK
                    left = limit - n if stop - n > 1 else 1
                    done = left - enter_translated(h, code, ip, d, left)
                    if done == 0:
                        # Not even one block could be executed. The instruction is, all alone, where one that straddles
                        # would be.
                        target = len(code) - STRADDLING - ip
                        code[U64(ip + target)] = decode_at(h, m, ram16, code, ip - number)
                        ip += target
                        number += target
                        vbase -= HALFWORD * target
                        first = FAR_FROM_ALL
                        stop = n + 1
                        continue
                    n += done
                    status = SAME_CONTEXT
                    break
                elif op >= FIRST_APART:
                    rs1 = x[(d >> PACKED_RS1) & REGISTER]
                    rs2 = x[(d >> PACKED_RS2) & REGISTER]
                    x[(d >> PACKED_RD) & REGISTER] = value_apart(d, rs1, rs2, (vbase + HALFWORD * ip) & MASK)
                    if op >= FIRST_SHORT_APART:
                        ip -= 1
                else:
                    status = ILLEGAL
                    tval = encoding_at(h, ram16, code, ip - number)
                    break
                ip += 2
                n += 1
        if status == FAR_JUMP:
            if target & misaligned_bits(h):
                status = FETCH_MISALIGNED
                tval = target
            else:
                n += 1
                h.pc = target
                status = SAME_CONTEXT
                continue
        h.cycle = start + n
        if status == ILLEGAL and m.stops:
            h.pc = (vbase + HALFWORD * ip) & MASK
            status = look_at_place(h, m, ram16, code, ip - number)
        if is_fault(status):
            status = cause_of(status)
            tval = m.fault_address
        if status == NEXT or status == JUMPED:
            if status == NEXT:
                h.pc = (h.pc + WORD) & MASK
            n += 1
            refresh(h)
            if m.stops & LOG_ALL:
                log_retired(
                    h, m, code, (vbase + HALFWORD * ip) & MASK, context_mode(fetch_context),
                    encoding_at(h, ram16, code, ip - number),
                )  # fmt: skip
                if log_is_full(code):
                    limit = pause = n
            if h.mode == U and m.stop_at_user:
                h.cycle = start + n
                return CAUGHT if m.stops and is_caught(h, m, status, context_mode(fetch_context)) else LIMIT
        elif status >= 0:
            h.pc = (vbase + HALFWORD * ip) & MASK
            if (m.host_traps >> status) & 1:
                if status == ECALL_S and serve_console_call(h, m, ram8):
                    n += 1
                    h.pc = (h.pc + WORD) & MASK
                    continue
                m.exit_cause = status
                m.exit_tval = tval
                return FOR_THE_HOST
            n += 1
            h.unretired = h.unretired + 1
            count_trap(h, status)
            take_trap(h, status, tval)
            refresh(h)
            if m.stops & LOG_INT:
                log_trap(h, m, code, status, context_mode(fetch_context))
                if log_is_full(code):
                    limit = pause = n
        elif status == WAIT:
            h.pc = (h.pc + WORD) & MASK
            h.cycle = start + n + 1
            return WAIT
        elif status <= DEVICE:
            h.pc = (vbase + HALFWORD * ip) & MASK
            if status == PAUSE:
                return LIMIT
            if status == RESLICE or status == TOHOST:
                h.pc = (h.pc + length_at(ram16, ip - number)) & MASK
                h.cycle = start + n + 1
            return status
