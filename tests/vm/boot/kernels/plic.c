/* UART input by interrupt: the first line in M mode, the second in S mode, each by its own context of the PLIC. */
#include "kernel.h"

#define CONTEXT(c) (PLIC + 0x200000 + 0x1000 * (c))

static volatile u32 line, length, claims, spurious;
static char typed[2][64];

static void service(u32 context) {
    u32 source = M32(CONTEXT(context) + 4);
    if (source != 10) {
        spurious += source != 0;
        return;
    }
    claims = 1;
    while (M8(UART + 5) & 1) {
        char c = M8(UART);
        typed[line][length++] = c;
        if (c == '\n') {
            line++, length = 0;
            M8(UART + 1) = 0; /* the rest is for the other mode */
            break;
        }
    }
    M32(CONTEXT(context) + 4) = source;
}

__attribute__((interrupt, aligned(4))) static void in_m(void) {
    u32 cause = csr_read(mcause);
    if (cause == 9) { /* ecall from S: the end */
        off(0);
    } else if (cause != 0x8000000b) {
        say("M: unexpected", cause), off(1);
    }
    service(0);
}

__attribute__((interrupt("supervisor"), aligned(4))) static void in_s(void) {
    u32 cause = csr_read(scause);
    if (cause != 0x80000009) say("S: unexpected", cause), off(1);
    service(1);
}

static void in_supervisor(void) {
    say("sip before", csr_read(sip));
    csr_write(stvec, in_s);
    csr_write(sie, 0x200);
    M32(PLIC + 0x2080) = 1 << 10;
    M32(CONTEXT(1)) = 0;
    M8(UART + 1) = 1;
    while (line < 2) {
        __asm__ volatile("wfi");
        csr_set(sstatus, 2);
        csr_clear(sstatus, 2);
    }
    text("S mode read: "), text(typed[1]);
    say("claimed", claims), say("spurious", spurious);
    say("nothing is pending", M32(PLIC + 0x1000) & 1 << 10);
    M32(PLIC + 0x2080) = 0;
    __asm__ volatile("ecall");
}

void kernel(u32 hart) {
    if (hart) return;
    csr_write(mtvec, in_m);
    M8(UART + 1) = 1;
    M32(PLIC + 4 * 10) = 1;
    say("priority", M32(PLIC + 4 * 10));
    M32(PLIC + 4 * 10) = 7;
    M32(PLIC + 0x2000) = 1 << 10;
    say("enabled", M32(PLIC + 0x2000));
    M32(CONTEXT(0)) = 7; /* above every priority: nothing comes */
    csr_write(mie, 0x800);
    csr_set(mstatus, 8);
    while (!(M32(PLIC + 0x1000) & 1 << 10)) continue;
    say("masked by the threshold", line);
    csr_clear(mstatus, 8); /* an interrupt between the look at line and wfi would be slept over */
    M32(CONTEXT(0)) = 0;
    while (line < 1) {
        __asm__ volatile("wfi");
        csr_set(mstatus, 8);
        csr_clear(mstatus, 8);
    }
    csr_write(mie, 0);
    text("M mode read: "), text(typed[0]);
    M32(PLIC + 0x2000) = 0;
    csr_write(mideleg, 0x222);
    csr_write(pmpaddr0, -1);
    csr_write(pmpcfg0, 0x1f);
    csr_write(mepc, in_supervisor);
    csr_write(mstatus, 0x800);
    __asm__ volatile("mret");
}
