/* Vectored traps, interrupts inside of interrupts, priorities, wfi with interrupts off. */
#include "kernel.h"

static volatile u32 depth, deepest, order, ticks, softs;

__attribute__((interrupt, aligned(4))) static void exception(void) {
    say("exception", csr_read(mcause));
    csr_write(mepc, csr_read(mepc) + 4);
}

__attribute__((interrupt, aligned(4))) static void soft(void) {
    M32(MSIP(0)) = 0;
    softs++;
    order = order << 4 | 3;
    if (++depth > deepest) deepest = depth;
    depth--;
}

__attribute__((interrupt, aligned(4))) static void timer(void) {
    alarm(0, -1);
    ticks++;
    order = order << 4 | 7;
    if (++depth > deepest) deepest = depth;
    u32 epc = csr_read(mepc), status = csr_read(mstatus);
    say("in the timer's handler MIE, MPIE, MPP are", status & 0x1888);
    if (ticks == 2) {
        M32(MSIP(0)) = 1;
        csr_set(mstatus, 8); /* now a software interrupt comes in between */
        while (softs < 2) continue;
        csr_clear(mstatus, 8);
    }
    csr_write(mepc, epc);
    csr_write(mstatus, status);
    depth--;
}

__attribute__((naked, aligned(256))) static void table(void) {
    __asm__ volatile("j %0; .word 0; .word 0; j %1; .word 0; .word 0; .word 0; j %2"
                     ::"i"(exception), "i"(soft), "i"(timer));
}

void kernel(u32 hart) {
    if (hart) return;
    csr_write(mtvec, (u32)table | 1);
    __asm__ volatile("ecall");
    __asm__ volatile(".word 0");

    /* Pending both: the software interrupt is first, then the timer's. */
    M32(MSIP(0)) = 1;
    alarm(0, 0);
    csr_write(mie, 0x88);
    say("pending", csr_read(mip));
    csr_set(mstatus, 8);
    __asm__ volatile("nop");
    csr_clear(mstatus, 8);
    say("order", order);
    say("deepest", deepest);

    /* wfi goes on when an interrupt is pending that is enabled, even while MIE is 0, and takes none. */
    alarm(0, now() + 5000);
    __asm__ volatile("wfi");
    while (!(csr_read(mip) & 0x80)) __asm__ volatile("wfi");
    say("after wfi", ticks);
    csr_set(mstatus, 8);
    while (ticks < 2) continue;
    csr_clear(mstatus, 8);
    say("order", order);
    say("deepest", deepest);

    /* An interrupt that is enabled by mret itself. */
    alarm(0, 0);
    csr_write(mstatus, 0x1880);
    __asm__ volatile("la t0, 1f; csrw mepc, t0; mret; 1: nop" ::: "t0");
    csr_clear(mstatus, 8);
    say("ticks", ticks);
    say("mie", csr_read(mie));
    off(0);
}
