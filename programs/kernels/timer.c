/* timer.c - a timer interrupt every 0.2 milliseconds. M mode has the CLINT; S mode reads the time, and asks the SBI. */
#include "board.h"
#include "csr.h"
#include "kernel.h"

#define INTERVAL 2000 /* in ticks of mtime, 100 nanoseconds each */

static volatile uint32_t ticks;

#ifdef SUPERVISOR
#define SBI_TIME 0x54494d45u /* an extension of the SBI; its function 0 sets the timer */

static uint64_t now(void) {
    uint32_t high, low;
    do { /* the low half may overflow between two reads */
        high = csr_read(timeh);
        low = csr_read(time);
    } while (high != csr_read(timeh));
    return (uint64_t)high << 32 | low;
}

static void set_alarm(uint64_t time) {
    register uint32_t a0 __asm__("a0") = (uint32_t)time;
    register uint32_t a1 __asm__("a1") = (uint32_t)(time >> 32);
    register uint32_t a6 __asm__("a6") = 0;
    register uint32_t a7 __asm__("a7") = SBI_TIME;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
}
#else
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
#endif

void timer_start(void) {
    set_alarm(now() + INTERVAL);
    csr_set(xie, XIE_XTIE);
}

void timer_interrupt(void) {
    ticks++;
    set_alarm(now() + INTERVAL); /* this also clears the interrupt */
}

uint32_t timer_ticks(void) {
    return ticks;
}
