/* trap.c - what to do about each trap. */
#include "csr.h"
#include "kernel.h"

void trap(struct frame *frame) {
    uint32_t cause = csr_read(mcause), value = csr_read(mtval);
    if (cause == MCAUSE_TIMER) {
        timer_interrupt();
    } else if ((csr_read(mstatus) & MSTATUS_MPP) != 0) {
        print("the kernel itself has failed: mcause %x, mepc %x, mtval %x\n", cause, frame->pc, value);
        power_off(1);
    } else if (cause == MCAUSE_ECALL_FROM_U) {
        frame->pc += 4; /* return after the ecall */
        system_call(frame);
    } else {
        process_fault(frame, cause, value);
    }
}
