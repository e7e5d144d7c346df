/* main.c - from the first line of C to the first user program. */
#include "csr.h"
#include "kernel.h"

void kernel_main(void) {
    print("Hello from M mode, hart %u\n", csr_read(mhartid));
    csr_write(mtvec, trap_entry);
    csr_write(mscratch, 0);

    timer_start();
    csr_set(mstatus, MSTATUS_MIE);
    while (timer_ticks() == 0) __asm__ volatile("wfi");
    csr_clear(mstatus, MSTATUS_MIE);
    print("a timer interrupt has come\n");

    page_tables_init();
    struct frame frame = {0};
    process_start_next(&frame);
    csr_clear(mstatus, MSTATUS_MPP);
    trap_return(&frame);
}
