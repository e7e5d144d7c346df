/* trap.c - what to do about each trap. */
#include "csr.h"
#include "kernel.h"

void trap(struct frame *frame) {
    uint32_t cause = csr_read(xcause), value = csr_read(xtval);
    if (cause == XCAUSE_TIMER) {
        timer_interrupt();
    } else if ((csr_read(xstatus) & XSTATUS_XPP) != 0) {
        print("the kernel itself has failed: cause %x, pc %x, address %x\n", cause, frame->pc, value);
        power_off(1);
    } else if (cause == XCAUSE_ECALL_FROM_U) {
        frame->pc += 4; /* return after the ecall */
        system_call(frame);
    } else {
        process_fault(frame, cause, value);
    }
}
