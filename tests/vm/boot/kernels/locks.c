/* Four harts: woken by software interrupts, ticket locks, lr/sc locks, a barrier, every AMO; hart 0 prints. */
#include "kernel.h"

#define HARTS 4
#define ROUNDS 400

static volatile u32 next_ticket, serving, taken, arrived, phase, awake, lowest = -1, highest, bits, toggled;
static volatile u32 shared[3], replies[HARTS];

static void barrier(void) {
    u32 mine = phase;
    if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == HARTS) {
        arrived = 0;
        __atomic_store_n(&phase, mine + 1, __ATOMIC_RELEASE);
    } else {
        while (__atomic_load_n(&phase, __ATOMIC_ACQUIRE) == mine) continue;
    }
}

static void work(u32 hart) {
    for (u32 i = 0; i < ROUNDS; i++) {
        u32 ticket = __atomic_fetch_add(&next_ticket, 1, __ATOMIC_RELAXED);
        while (__atomic_load_n(&serving, __ATOMIC_ACQUIRE) != ticket) continue;
        shared[0] = shared[0] + 1;
        __atomic_store_n(&serving, ticket + 1, __ATOMIC_RELEASE);

        while (__sync_lock_test_and_set(&taken, 1)) continue;
        shared[1] = shared[1] + hart;
        __sync_lock_release(&taken);

        u32 seen = shared[2];
        while (!__atomic_compare_exchange_n(&shared[2], &seen, seen + 3, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            continue;
    }
    __asm__ volatile("amominu.w zero, %0, (%1)" ::"r"(100 - hart), "r"(&lowest) : "memory");
    __asm__ volatile("amomaxu.w zero, %0, (%1)" ::"r"(100 + hart), "r"(&highest) : "memory");
    __asm__ volatile("amoor.w zero, %0, (%1)" ::"r"(1 << hart), "r"(&bits) : "memory");
    __asm__ volatile("amoxor.w zero, %0, (%1)" ::"r"(0x11 << hart), "r"(&toggled) : "memory");
}

static void wait_for_ipi(u32 hart) {
    csr_write(mie, 8);
    while (!(csr_read(mip) & 8)) __asm__ volatile("wfi");
    M32(MSIP(hart)) = 0;
}

void kernel(u32 hart) {
    if (hart) {
        __atomic_fetch_add(&awake, 1, __ATOMIC_SEQ_CST);
        wait_for_ipi(hart);
    } else {
        while (__atomic_load_n(&awake, __ATOMIC_SEQ_CST) != HARTS - 1) continue;
        for (u32 i = 1; i < HARTS; i++) M32(MSIP(i)) = 1;
    }
    barrier();
    work(hart);
    barrier();
    if (hart == 0) {
        say("tickets", shared[0]), say("locks", shared[1]), say("exchanges", shared[2]);
        say("least", lowest), say("greatest", highest), say("bits", bits), say("toggled", toggled);
    }
    /* A word goes round: each hart answers the one before it. */
    for (u32 i = 0; i < 8; i++) {
        if (hart || i) wait_for_ipi(hart);
        replies[hart] += hart ? replies[hart - 1] : i;
        __sync_synchronize();
        M32(MSIP((hart + 1) % HARTS)) = 1;
    }
    if (hart) return;
    wait_for_ipi(0);
    for (u32 i = 0; i < HARTS; i++) say("reply", replies[i]);
    off(0);
}
