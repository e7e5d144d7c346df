/* Two tasks that the timer takes turns between; what is printed does not depend on when. */
#include "kernel.h"

static volatile u32 switches[2], sums[2], done, running;
static u32 stacks[2][512] __attribute__((aligned(16)));
static u32 *saved[2];

void switch_vector(void);

u32 *change(u32 *frame) {
    if (csr_read(mcause) != 0x80000007) say("unexpected", csr_read(mcause)), off(1);
    saved[running] = frame;
    switches[running]++;
    running ^= 1;
    u64 next = ((u64)M32(MTIMECMP(0) + 4) << 32 | M32(MTIMECMP(0))) + 500;
    if (next < now()) next = now() + 500;
    alarm(0, next);
    return saved[running];
}

static void task(u32 number) {
    /* A generator of numbers; at least 3 turns and 20,000 rounds, of which only the latter count. */
    u32 x = number + 1, rounds = 0;
    while (rounds < 20000 || switches[number] < 3) {
        if (rounds < 20000) x = x * 1664525 + 1013904223;
        rounds++;
    }
    sums[number] = x;
    __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
    if (number) for (;;) __asm__ volatile("wfi");
    while (done < 2) __asm__ volatile("wfi");
    csr_clear(mstatus, 8);
    say("first", sums[0]), say("second", sums[1]);
    say("both had turns", switches[0] >= 3 && switches[1] >= 3);
    off(0);
}

static void second(void) {
    task(1);
}

void kernel(u32 hart) {
    if (hart) return;
    csr_write(mtvec, switch_vector);
    saved[1] = &stacks[1][512 - 32];
    saved[1][0] = (u32)second;
    alarm(0, now() + 500);
    csr_write(mie, 0x80);
    csr_set(mstatus, 8);
    task(0);
}
