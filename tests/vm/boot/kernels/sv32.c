/* Sv32 through mstatus.MPRV: every kind of entry at both levels, under SUM and MXR, as S and as U, and what A and D
 * become; then changed entries, fences of one address, another ASID, and no translation at all.
 */
#include "kernel.h"

#define MPRV (1u << 17)
#define SUM (1u << 18)
#define MXR (1u << 19)
#define MPP_S (1u << 11)
#define TO(paddr) ((u32)(paddr) >> 12 << 10)
#define COUNT(array) (sizeof array / sizeof *array)

static volatile u32 cause, value;
static u32 root[1024] __attribute__((aligned(4096))), leaves[1024] __attribute__((aligned(4096)));
static u32 data[2048] __attribute__((aligned(4096)));
static u32 status; /* mstatus while an access is tried, but for MPRV */

void handle(void) {
    cause = csr_read(mcause), value = csr_read(mtval);
    csr_write(mepc, csr_read(mepc) + 4);
}

static u32 load(u32 address) {
    u32 loaded = 0xdead;
    cause = -1, value = 0;
    csr_write(mstatus, status | MPRV);
    __asm__ volatile("lw %0, (%1)" : "+r"(loaded) : "r"(address) : "memory");
    csr_write(mstatus, 0);
    return loaded;
}

static void store(u32 address, u32 word) {
    cause = -1;
    csr_write(mstatus, status | MPRV);
    __asm__ volatile("sw %0, (%1)" ::"r"(word), "r"(address) : "memory");
    csr_write(mstatus, 0);
}

static void try(u32 address) {
    u32 loaded = load(address), refused = cause, at = value;
    store(address, 0x55);
    hex(address), put(' '), hex(refused), put(' '), hex(loaded), put(' '), hex(at), put(' '), hex(cause), put('\n');
}

static const u32 bits[] = {0xcf, 0x0f, 0x4f, 0x8f, 0xc3, 0xc9, 0xc5, 0xcb, 0xcd, 0xdf, 0xd3, 0xef, 0x1cf,
                             0x2cf, 0xce, 0xc7};

static void fill(void) {
    for (u32 i = 0; i < COUNT(bits); i++) leaves[i] = TO(data) | bits[i];
    leaves[16] = 0xffffffff;            /* far outside RAM */
    leaves[17] = TO(0x10000000) | 0xc7; /* the UART */
    leaves[18] = TO(0x11000000) | 0xc7; /* nothing */
    root[0x80000000 >> 22] = TO(0x80000000) | 0xcf;
    root[1] = TO(leaves) | 1;
    root[2] = TO(data) | 0xcf;       /* a misaligned megapage */
    root[3] = TO(0x80000000) | 0xdf; /* a user megapage */
    root[4] = TO(leaves) | 0x11;     /* pointers with bits that are reserved in them */
    root[5] = TO(leaves) | 0xc1;
    root[6] = TO(root) | 1; /* the table as a page table: every pointer in it is no leaf */
    root[7] = 0xffc00000 | 0xcf;
    __asm__ volatile("sfence.vma" ::: "memory");
}

void kernel(u32 hart) {
    static const u32 kinds[] = {MPP_S, MPP_S | SUM, MPP_S | MXR, 0, MXR};
    if (hart) return;
    csr_write(mtvec, trap_vector);
    csr_write(pmpaddr0, -1);
    csr_write(pmpcfg0, 0x1f);
    for (u32 i = 0; i < COUNT(data); i++) data[i] = i;
    csr_write(satp, 0x80000000 | (u32)root >> 12);
    for (u32 k = 0; k < COUNT(kinds); k++) {
        say("mstatus", kinds[k]);
        status = kinds[k];
        fill();
        for (u32 i = 0; i < 19; i++) try(0x400000 + i * 4096 + 8);
        for (u32 i = 2; i < 8; i++) try(i * 0x400000 + 0x10);
        try(0x40000000);
        try((u32)data);
        for (u32 i = 0; i < 19; i++) say("leaf", leaves[i]);
        for (u32 i = 1; i < 8; i++) say("root", root[i]);
    }
    status = MPP_S;
    leaves[0] = TO(data) | 0xcf;
    __asm__ volatile("sfence.vma" ::: "memory");
    say("before", load(0x400004));
    leaves[0] = TO(data + 1024) | 0xcf;
    __asm__ volatile("sfence.vma %0" ::"r"(0x400000) : "memory");
    say("after a fence of the page", load(0x400004));
    leaves[0] = TO(data) | 0xcf;
    __asm__ volatile("sfence.vma %0, zero" ::"r"(0x400000) : "memory");
    csr_write(satp, 0x80400000 | (u32)root >> 12);
    say("another ASID", load(0x400004));
    csr_write(satp, 0);
    say("bare", load((u32)data + 4)), say("cause", cause);
    load(0x400004), say("below RAM", cause), say("at", value);
    off(0);
}
