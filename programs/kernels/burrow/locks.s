# locks.s - the one lock of the kernel.
#
# Burrow has one big lock: a hart takes it once a trap has saved the registers, and releases it right before
# it returns.  The kernel's data need no other protection, and user programs still run in parallel.
# It is a ticket lock: first come, first served, so no hart waits forever.

    .include "burrow.inc"

    .globl  lock_kernel, unlock_kernel, unlock_cost

    .text
# lock_kernel(): wait for our turn.  Changes t0 to t2.
lock_kernel:
    la      t0, kernel_lock
    li      t1, 1
    amoadd.w.aq t1, t1, (t0)                # t1: our ticket
1:  lw      t2, 4(t0)
    bne     t1, t2, 1b
    fence   r, rw                           # from here on this hart sees what the last holder wrote
    ret

# unlock_kernel(): let the next one in.  Changes t0 and t1.
unlock_kernel:
    la      t0, kernel_lock + 4
    lw      t1, (t0)
    addi    t1, t1, 1
    fence   rw, w                           # what this hart wrote is visible first
    sw      t1, (t0)
    ret
unlock_end:

    .data
    .balign 8
unlock_cost:                                # its instructions
    .word   (unlock_end - unlock_kernel) / 4
    .balign 8
kernel_lock:
    .word   0                               # the next ticket to be taken
    .word   0                               # the ticket now served
