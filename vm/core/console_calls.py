"""The calls of the SBI that print, served without the host: putchar of the legacy extensions, and the debug console.

What they print goes where stores to the UART go, `output` of the machine's record, so both come out in the order in
which they were made. `console_calls` there says whether the host lets the engine do this (`vm.run_loop`); what does
not fit, and every other call, is the host's as ever (`vm.sbi.call`).
These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
"""

from trapline.isa.cause import ECALL_S
from trapline.isa.hart import A0, A1, A2, A6, A7
from trapline.vm.core.counters import count_trap
from trapline.vm.core.ints import I64, U64
from trapline.vm.core.records import OUTPUT_BYTES
from trapline.vm.core.work import charge

LEGACY_PUTCHAR = 1
"""Extension of one function, which a7 alone names (SBI 2.0, chapter 5)."""
DBCN = 0x4442434E
"""Extension of the debug console (chapter 12); below, its functions that print, by the number in a6."""
CONSOLE_WRITE = 0
CONSOLE_WRITE_BYTE = 2


def print_byte(m, byte):
    """Print a byte for which there is room."""
    m.output[m.printed & (OUTPUT_BYTES - 1)] = byte & 0xFF
    m.printed = m.printed + 1
    m.uart_looks = 0


def print_memory(m, ram8, count, low, high):
    """Print bytes of RAM from a physical address on; False, and nothing is done, if that is for the host to do."""
    offset = low - m.ram_base
    if high or offset < 0 or count > m.ram_size - offset or m.printed + count > m.call_printable:
        return False
    if m.overlays:
        # What the guest has there may be in a table.
        return False
    charge(m, count)
    for i in range(count):
        print_byte(m, I64(ram8[U64(offset + i)]))
    return True


def serve_console_call(h, m, ram8):
    """Serve the `ecall` at pc if it is one from S mode that prints; whether it was.

    As M-mode firmware would, by a trap and a return: the instruction does not retire.
    """
    if m.console_calls == 0 or m.stops or m.event_log:
        return False
    call = h.x[A7]
    if call == LEGACY_PUTCHAR:
        if m.printed >= m.call_printable:
            return False
        print_byte(m, h.x[A0])
    elif call == DBCN and h.x[A6] == CONSOLE_WRITE_BYTE:
        if m.printed >= m.call_printable:
            return False
        print_byte(m, h.x[A0])
        h.x[A1] = 0
    elif call == DBCN and h.x[A6] == CONSOLE_WRITE:
        if not print_memory(m, ram8, h.x[A0], h.x[A1], h.x[A2]):
            return False
        h.x[A1] = h.x[A0]
    else:
        return False
    h.x[A0] = 0
    h.unretired = h.unretired + 1
    count_trap(h, ECALL_S)
    if m.harts > 1:
        # A call takes nothing of the hart's turn, whoever serves it.
        m.slice_left = m.slice_left + 1
    return True
