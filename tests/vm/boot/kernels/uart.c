/* The UART as drivers treat it: resets with the divisor latch, FIFOs, detection of the chip, polling, widths. */
#include "kernel.h"

#define IN(r) M8(UART + (r))
#define OUT(r, v) (M8(UART + (r)) = (v))

static volatile u32 faults;

void handle(void) {
    faults++;
    csr_write(mepc, csr_read(mepc) + 4);
}

void kernel(u32 hart) {
    if (hart) return;
    csr_write(mtvec, trap_vector);
    /* The order of xv6: interrupts off, baud rate, eight bits, FIFOs cleared and on, interrupts on. */
    OUT(1, 0);
    OUT(3, 0x80);
    OUT(0, 3);
    OUT(1, 0);
    u32 latch = IN(0) | IN(1) << 8;
    OUT(3, 3);
    OUT(2, 7);
    u32 id = IN(2);
    OUT(1, 3);
    u32 enabled = IN(1), asks = IN(2), once = IN(2);
    say("divisor", latch);
    say("IIR with FIFOs", id);
    say("IER", enabled);
    say("IIR when the transmitter is empty", asks);
    say("and after that is known", once);
    OUT(1, 0);

    /* Detection: IER keeps four bits, the scratch register eight, MCR's loopback comes back in MSR. */
    u32 old = IN(1);
    OUT(1, 0xff);
    say("IER of ff", IN(1));
    OUT(1, old);
    OUT(7, 0x5a);
    say("scratch", IN(7));
    u32 mcr = IN(4);
    OUT(4, 0x1a);
    u32 msr = IN(6);
    OUT(4, mcr);
    say("MSR in loopback", msr & 0xf0);
    OUT(2, 0);
    say("IIR without FIFOs", IN(2));
    OUT(2, 1);
    say("IIR with FIFOs", IN(2));
    OUT(2, 0x21); /* 64 bytes, of a 16750 */
    say("IIR of a 16750", IN(2));
    OUT(3, 0x1b);
    say("LCR", IN(3));
    OUT(3, 3);
    OUT(4, 3);
    say("MCR", IN(4));
    say("LSR", IN(5) & 0x60);

    /* Loopback: sixteen bytes fit. */
    OUT(2, 7);
    OUT(4, 0x10);
    for (u32 i = 0; i < 16; i++) OUT(0, 'a' + i);
    u32 sum = 0, count = 0;
    while (IN(5) & 1 && count < 40) sum = sum * 31 + IN(0), count++;
    OUT(4, 0);
    say("looped", count), say("sum", sum);

    /* Words and half-words reach the register of their address. */
    M32(UART) = 'w';
    M16(UART) = 'h';
    M32(UART) = 0x41424300 + 'z';
    put('\n');
    say("word of LCR..LSR", M32(UART + 4) & 0xff);
    say("word at 5", faults);
    u32 before = faults;
    (void)M8(UART + 7);
    say("the last register", faults - before);
    for (int i = 0; i < 300; i++) put("0123456789"[i % 10]); /* more than a FIFO */
    put('\n');
    off(5);
}
