/* main.c - from the first line of C to the first user program. */
#include "csr.h"
#include "kernel.h"

void kernel_main(uint32_t hart) {
    print("Hello from " MODE " mode, hart %u\n", hart);
    csr_write(xtvec, trap_entry);
    csr_write(xscratch, 0);

    timer_start();
    csr_set(xstatus, XSTATUS_XIE);
    while (timer_ticks() == 0) __asm__ volatile("wfi");
    csr_clear(xstatus, XSTATUS_XIE);
    print("a timer interrupt has come\n");

    page_tables_init();
    struct frame frame = {0};
    process_start_next(&frame);
    csr_clear(xstatus, XSTATUS_XPP);
    trap_return(&frame);
}
