# locks.s - the one lock of the kernel.
#
# Burrow has one big lock: a hart takes it when a trap has saved the registers, and gives it back right
# before it returns.  So the kernel's data need no further care, and user programs still run in parallel.
# It is a ticket lock: whoever came first is served first, so no hart waits for ever.

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
    fence   r, rw                           # what the last holder wrote is seen from here on
    ret

# unlock_kernel(): the next one, please.  Changes t0 and t1.
unlock_kernel:
    la      t0, kernel_lock + 4
    lw      t1, (t0)
    addi    t1, t1, 1
    fence   rw, w                           # what we wrote is seen before
    sw      t1, (t0)
    ret
unlock_end:

    .data
    .balign 8
unlock_cost:                                # its instructions
    .word   (unlock_end - unlock_kernel) / 4
    .balign 8
kernel_lock:
    .word   0                               # the next ticket to be given out
    .word   0                               # the ticket that is served
