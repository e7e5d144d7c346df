# Every hart gets a stack and calls kernel(hart, device tree). Works in M and in S mode.
        .section .start, "ax"
        .globl  _start
_start: la      sp, stacks_end
        slli    t0, a0, 12
        sub     sp, sp, t0
        call    kernel
1:      wfi
        j       1b

# trap_vector: saves what C may change, calls handle(frame) in M mode.
        .text
        .globl  trap_vector
        .weak   handle
        .balign 4
trap_vector:
        addi    sp, sp, -128
        .irp    n, 1, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
        sw      x\n, 4 * \n(sp)
        .endr
        call    handle                  # of the kernel that has one

        .irp    n, 1, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
        lw      x\n, 4 * \n(sp)
        .endr
        addi    sp, sp, 128
        mret
