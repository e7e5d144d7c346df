/* Devices between harts: text that the transmitter's interrupt sends, served by another hart; timers and software
 * interrupts that one hart sets for another; interrupts that M mode hands down to S mode. Three harts.
 */
#include "kernel.h"

#define CONTEXT(c) (PLIC + 0x200000 + 0x1000 * (c))

static char ring[32];
static volatile u32 head, tail, sent, served[3], timers[3], softs[3], stage;
static volatile u32 seen_ssip, seen_stip, seen_seip;

/* Interrupt-driven output: the transmitter asks for more when it is empty, hart 1 gives it. */
static void feed(void) {
    while (tail != head && M8(UART + 5) & 0x20) M8(UART) = ring[tail % 32], sent++, tail++;
}

__attribute__((interrupt, aligned(4))) static void in_m(void) {
    u32 hart = csr_read(mhartid), cause = csr_read(mcause);
    if (cause == 0x8000000b) {
        u32 source = M32(CONTEXT(2 * hart) + 4);
        if (source == 10) {
            (void)M8(UART + 2); /* reading IIR acknowledges */
            feed();
            served[hart]++;
        }
        if (source) M32(CONTEXT(2 * hart) + 4) = source;
    } else if (cause == 0x80000007) {
        alarm(hart, -1);
        timers[hart]++;
    } else if (cause == 0x80000003) {
        M32(MSIP(hart)) = 0;
        softs[hart]++;
    } else if (cause == 9) {
        say("each came once", seen_ssip == 1 && seen_stip == 1 && seen_seip == 1);
        off(0);
    } else {
        say("unexpected", cause), say("at", csr_read(mepc)), off(1);
    }
}

__attribute__((interrupt("supervisor"), aligned(4))) static void in_s(void) {
    u32 cause = csr_read(scause);
    if (cause == 0x80000001) seen_ssip++, csr_clear(sip, 2);
    else if (cause == 0x80000005) seen_stip++, csr_clear(sie, 0x20);
    else if (cause == 0x80000009) seen_seip++, csr_clear(sie, 0x200);
    else say("S: unexpected", cause), off(1);
}

static void queue(const char *s) {
    for (; *s; s++) {
        while (head - tail == 32) continue;
        ring[head % 32] = *s;
        __atomic_store_n(&head, head + 1, __ATOMIC_RELEASE);
        M8(UART + 1) = 0;
        M8(UART + 1) = 2; /* the transmitter is empty: enabling its interrupt raises it */
    }
}

static void in_supervisor(void) {
    csr_write(stvec, in_s);
    csr_write(sie, 0x222);
    csr_set(sstatus, 2); /* three interrupts are pending: external, software, timer */
    while (!(seen_ssip && seen_stip && seen_seip)) continue;
    csr_clear(sstatus, 2);
    csr_set(sip, 2);
    u32 pending = csr_read(sip);
    csr_write(sip, 0);
    say("SSIP by itself", pending & 2);
    say("STIP is read-only", csr_read(sip) & 0x20);
    __asm__ volatile("ecall");
}

void kernel(u32 hart) {
    csr_write(mtvec, in_m);
    if (hart == 1) {
        M32(PLIC + 40) = 3;
        M32(PLIC + 0x2000 + 0x80 * 2) = 1 << 10;
        M32(CONTEXT(2)) = 0;
        csr_write(mie, 0x800);
        csr_set(mstatus, 8);
        while (stage < 1) continue;
        csr_write(mie, 0);
    }
    if (hart == 0) {
        queue("this text is sent by interrupt, ");
        queue("more than the ring holds at a time, and is complete\n");
        while (tail != head) continue;
        M8(UART + 1) = 0;
        alarm(1, -1), alarm(2, -1); /* they are 0 after reset, which is due at once */
        __sync_synchronize();
        stage = 1;
        say("sent", sent);
        say("served by hart 1 only", served[0] == 0 && served[1] > 0 && served[2] == 0);
        M32(MSIP(1)) = 1;
        M32(MSIP(2)) = 1;
        alarm(2, now() + 2000);
        alarm(1, now() + 1000);
    }
    if (hart) {
        while (stage < 1) continue;
        csr_write(mie, 0x88);
        csr_set(mstatus, 8);
        while (!timers[hart] || !softs[hart]) continue;
        csr_clear(mstatus, 8);
        __atomic_fetch_add(&stage, 1, __ATOMIC_SEQ_CST);
        for (;;) __asm__ volatile("wfi");
    }
    while (stage < 3) continue;
    for (int i = 0; i < 3; i++) say("timers", timers[i]), say("software", softs[i]);
    u64 before = now();
    u32 low = csr_read(time), high = csr_read(timeh);
    say("time is mtime", ((u64)high << 32 | low) - before < 10000000);

    csr_write(mideleg, 0x222);
    csr_write(mip, 0x222);
    say("mip", csr_read(mip) & 0x222);
    csr_write(mcounteren, -1);
    csr_write(pmpaddr0, -1);
    csr_write(pmpcfg0, 0x1f);
    csr_write(mepc, in_supervisor);
    csr_write(mstatus, 0x800);
    __asm__ volatile("mret");
}
