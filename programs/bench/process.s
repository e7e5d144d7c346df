# process.s - the least kernel that runs a user program of this folder on the bare machine: U mode, no translation.
#
# The program is linked with it and starts at `_start`; its one system call is exit.
# Boot it: trapline boot programs/bench/process.s programs/bench/fib.s --entry kernel

    .equ    FINISHER, 0x100000
    .equ    PASS, 0x5555
    .equ    FAIL, 0x3333                    # with the exit status in the upper half

    .globl  kernel
kernel:
    la      t0, exit
    csrw    mtvec, t0
    li      t0, -1                          # PMP entry 0: all of memory, all rights, for U mode
    csrw    pmpaddr0, t0
    li      t0, 0x1f
    csrw    pmpcfg0, t0
    la      t0, _start
    csrw    mepc, t0
    li      t0, 0x1800                      # mstatus.MPP = U
    csrc    mstatus, t0
    la      sp, stack_end
    mret

    .balign 4
exit:
    csrr    t0, mcause
    li      t1, 8                           # an environment call of U mode; its status is in a0
    beq     t0, t1, 1f
    li      a0, 255                         # anything else is a mistake
1:  li      t1, PASS
    beqz    a0, 2f
    slli    a0, a0, 16
    li      t1, FAIL
    or      t1, t1, a0
2:  li      t0, FINISHER
    sw      t1, (t0)
3:  j       3b

    .bss
    .balign 16
    .space  16384
stack_end:
