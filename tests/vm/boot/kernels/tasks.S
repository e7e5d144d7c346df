# tasks.S - every register of a task is kept on its stack while the other one runs.

        .text
        .globl  switch_vector
        .balign 4
switch_vector:
        addi    sp, sp, -128
        .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
        sw      x\n, 4 * \n(sp)
        .endr
        .irp    n, 28, 29, 30, 31
        sw      x\n, 4 * \n(sp)
        .endr
        csrr    t0, mepc
        sw      t0, 0(sp)
        mv      a0, sp
        call    change
        mv      sp, a0
        lw      t0, 0(sp)
        csrw    mepc, t0
        .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
        lw      x\n, 4 * \n(sp)
        .endr
        .irp    n, 28, 29, 30, 31
        lw      x\n, 4 * \n(sp)
        .endr
        addi    sp, sp, 128
        mret
