# start.S - the first instructions: what C needs before it can run.
#
# All harts come here in M mode after reset, with their number in a0 and the address of the device tree in a1. Over an
# SBI, one comes in S mode, and the others when they are called, which this kernel does not do.

#ifdef SUPERVISOR
#define xie sie
#else
#define xie mie
#endif

        .globl  _start
_start:
#ifndef SUPERVISOR
        csrr    t0, mhartid
        bnez    t0, park                # this kernel uses one hart
#endif
        la      sp, stack_end
        la      t0, bss_start           # C expects that variables without a value are 0
        la      t1, bss_end
1:      bgeu    t0, t1, 2f
        sw      zero, 0(t0)
        addi    t0, t0, 4
        j       1b
2:      call    kernel_main             # it does not return

park:   csrw    xie, zero               # nothing may wake it
1:      wfi
        j       1b
