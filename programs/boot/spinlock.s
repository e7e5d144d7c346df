# spinlock.s - a lock made of load-reserved and store-conditional.
#
# What it shows
#   `lr.w` loads a word and reserves it; `sc.w` stores only if the reservation still holds, and says in
#   rd whether it did (0) or not.  What lies between happens as if at once, on any number of harts.
#   The loop must be short and simple for the specification to promise that it succeeds in the end.
#   `.aq` on the way in and `.rl` on the way out keep the loads and stores of the critical section inside.
#   Any number of harts may run this: all take part, and hart 0 checks that no increment was lost.
#
# How to run it
#   trapline boot programs/boot/spinlock.s

    .include "board.inc"

    .equ    ROUNDS, 1000                    # increments by each hart

    .text
    .globl  _start
_start:
    la      sp, stacks_end                  # 256 bytes of stack for each hart
    slli    t0, a0, 8
    sub     sp, sp, t0
    li      t0, 8
    bgeu    a0, t0, park                    # there are stacks for 8
    mv      s0, a0                          # s0: hart id

    la      t0, arrived
    li      t1, 1
    amoadd.w t1, t1, (t0)
    bltz    t1, park                        # too late: hart 0 has shut the door

    li      s1, ROUNDS
1:  la      a0, lock
    call    acquire
    la      t0, counter                     # not atomic: a load, an addition and a store
    lw      t1, (t0)
    addi    t1, t1, 1
    sw      t1, (t0)
    la      a0, lock
    call    release
    addi    s1, s1, -1
    bnez    s1, 1b

    la      t0, left
    li      t1, 1
    amoadd.w.rl zero, t1, (t0)
    bnez    s0, park                        # hart 0 does the rest

check:
    la      a0, lock                        # while we hold the lock the counter does not change
    call    acquire
    lw      s2, left
    fence   r, r
    la      t0, arrived
    lr.w    t1, (t0)
    bne     t1, s2, 1f                      # not all that have arrived are through
    li      t1, 1 << 31                     # they are: the count stays negative from now on
    sc.w    t1, t1, (t0)
    beqz    t1, 2f
1:  la      a0, lock
    call    release
    j       check
2:  li      t0, ROUNDS
    mul     t0, t0, s2
    lw      t1, counter
    la      a0, lost
    li      s1, 1
    bne     t0, t1, end
    la      a0, complete
    call    print_string

    la      a0, held
    call    print_string
    la      a0, lock
    call    try_acquire
    call    print_unsigned
    call    print_newline
    la      a0, lock
    call    release
    la      a0, free
    call    print_string
    la      a0, lock
    call    try_acquire
    call    print_unsigned
    call    print_newline

    la      t0, counter                     # a reservation is used up by the first sc.w
    lr.w    t1, (t0)
    sc.w    s1, t1, (t0)
    sc.w    s2, t1, (t0)
    la      a0, first_sc
    call    print_string
    mv      a0, s1
    call    print_unsigned
    la      a0, second_sc
    call    print_string
    snez    a0, s2                          # any number but 0 says that it has failed
    call    print_unsigned
    call    print_newline
    li      s1, 0
    la      a0, all_done
end:
    call    print_string
    mv      a0, s1
    call    finish

# acquire(a0: address of a lock): returns when the lock is ours
acquire:
    li      t0, 1
1:  lr.w.aq t1, (a0)
    bnez    t1, 1b                          # held by someone else
    sc.w    t1, t0, (a0)
    bnez    t1, 1b                          # someone was quicker, or the reservation was lost
    ret

# try_acquire(a0: address of a lock) -> a0: 0 if the lock is ours now, 1 if it was held
try_acquire:
    li      t0, 1
1:  lr.w.aq t1, (a0)
    bnez    t1, 2f
    sc.w    t1, t0, (a0)
    bnez    t1, 1b
2:  mv      a0, t1
    ret

# release(a0: address of a lock)
release:
    amoswap.w.rl zero, zero, (a0)
    ret

    .include "console.inc"

    .section .rodata
complete:
    .asciz  "no increment was lost\n"
lost:
    .asciz  "increments were lost\n"
held:
    .asciz  "a held lock, tried: "
free:
    .asciz  "a free lock, tried: "
first_sc:
    .asciz  "two sc.w after one lr.w: "
second_sc:
    .asciz  " and "
all_done:
    .asciz  "done\n"

    .data
    .balign 4
lock:                                       # 0 free, 1 held
    .word   0
counter:                                    # protected by the lock
    .word   0
arrived:
    .word   0
left:
    .word   0

    .bss
    .balign 16
    .zero   8 * 256
stacks_end:
