/* timer.c - a timer interrupt every 0.2 milliseconds. */
#include "board.h"
#include "csr.h"
#include "kernel.h"

#define INTERVAL 2000 /* in ticks of mtime, 100 nanoseconds each */

static volatile uint32_t ticks;

static uint64_t now(void) {
    uint32_t high, low;
    do { /* the low half may overflow between two loads */
        high = MMIO32(MTIME + 4);
        low = MMIO32(MTIME);
    } while (high != MMIO32(MTIME + 4));
    return (uint64_t)high << 32 | low;
}

static void set_alarm(uint64_t time) {
    MMIO32(MTIMECMP) = 0xffffffff; /* so that no half-written value is earlier than both */
    MMIO32(MTIMECMP + 4) = (uint32_t)(time >> 32);
    MMIO32(MTIMECMP) = (uint32_t)time;
}

void timer_start(void) {
    set_alarm(now() + INTERVAL);
    csr_set(mie, MIE_MTIE);
}

void timer_interrupt(void) {
    ticks++;
    set_alarm(now() + INTERVAL); /* this also clears the interrupt */
}

uint32_t timer_ticks(void) {
    return ticks;
}
