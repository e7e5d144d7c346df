/* page.c - Sv32 page tables: a user program sees only its own pages. */
#include "board.h"
#include "csr.h"
#include "kernel.h"

#define PAGE 4096u
#define V 0x01u
#define R 0x02u
#define W 0x04u
#define X 0x08u
#define U 0x10u
#define A 0x40u
#define D 0x80u

extern char user_start[], user_data_start[], user_stack_end[], user_paddr[]; /* addresses, from kernel.ld */

#define SUPERPAGE (1u << 22)

static uint32_t root[1024] __attribute__((aligned(4096)));
static uint32_t leaves[1024] __attribute__((aligned(4096))); /* for the 4 MiB that hold the user programs */

void page_tables_init(void) {
    root[(uint32_t)user_start >> 22] = (uint32_t)leaves >> 12 << 10 | V;
    uint32_t paddr = (uint32_t)user_paddr;
    for (uint32_t vaddr = (uint32_t)user_start; vaddr < (uint32_t)user_stack_end; vaddr += PAGE, paddr += PAGE) {
        uint32_t rights = vaddr < (uint32_t)user_data_start ? R | X : R | W;
        /* A and D are set: a hart may fault on a page without them instead of setting them. */
        leaves[vaddr >> 12 & 1023] = paddr >> 12 << 10 | D | A | U | rights | V;
    }
#ifdef SUPERVISOR
    /* S mode is translated too: the kernel and its devices stay where they are, in pages that are not the user's. */
    const uint32_t own[] = {(uint32_t)user_paddr, UART, FINISHER};
    for (uint32_t i = 0; i < sizeof own / sizeof own[0]; i++)
        root[own[i] / SUPERPAGE] = (own[i] / SUPERPAGE) << 20 | D | A | X | W | R | V;
#else
    csr_write(pmpaddr0, 0xffffffff); /* without a PMP entry, S and U mode have no access at all */
    csr_write(pmpcfg0, PMP_NAPOT_RWX);
#endif
    csr_write(satp, SATP_SV32 | (uint32_t)root >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
}

/* The address of `length` bytes at a user's `vaddr`, or 0 if they are not all the user's. */
const char *user_bytes(uint32_t vaddr, uint32_t length) {
    uint32_t start = (uint32_t)user_start, end = (uint32_t)user_stack_end;
    if (vaddr < start || vaddr > end || length > end - vaddr) return 0;
    return user_paddr + (vaddr - start); /* the pages are contiguous */
}
