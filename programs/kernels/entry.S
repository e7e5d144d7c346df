# entry.S - the way into the kernel and out of it: all registers of what was interrupted are kept in a frame.
#
# While a user program runs, xscratch holds the end of the kernel's stack; while the kernel runs, 0. So the first
# two instructions tell where the trap came from, with no register to spare. (mode.h says which mode x is: in the
# kernel that build.sh makes when it is asked for nothing else, xscratch is mscratch.)

#include "mode.h"

        .equ    FRAME_SIZE, 128         # pc, then x1 to x31: `struct frame` in kernel.h

        .macro  for_registers instruction       # all but x2, which is sp
        .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
        \instruction x\n, 4 * \n(sp)
        .endr
        .irp    n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        \instruction x\n, 4 * \n(sp)
        .endr
        .endm

        .globl  trap_entry, trap_return
        .balign 4
trap_entry:
        csrrw   sp, xscratch, sp
        bnez    sp, 1f
        csrr    sp, xscratch            # from the kernel itself: its stack goes on
1:      addi    sp, sp, -FRAME_SIZE
        for_registers sw
        csrr    t0, xscratch
        sw      t0, 8(sp)
        csrr    t0, xepc
        sw      t0, 0(sp)
        csrw    xscratch, zero
        mv      a0, sp
        call    trap
        mv      a0, sp

# trap_return(a0: frame): go on with what the frame holds, in the mode that xstatus.XPP says
trap_return:
        mv      sp, a0
        lw      t0, 0(sp)
        csrw    xepc, t0
        csrr    t0, xstatus
        li      t1, XSTATUS_XPP
        and     t0, t0, t1
        bnez    t0, 1f                  # back into the kernel: xscratch stays 0
        addi    t0, sp, FRAME_SIZE
        csrw    xscratch, t0
1:      for_registers lw
        lw      sp, 8(sp)
        xret
