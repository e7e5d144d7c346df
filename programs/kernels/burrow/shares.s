# shares.s - whose turn it is among containers: each gets time in proportion to its share.
#
# This is stride scheduling (Waldspurger and Weihl): a container's pass grows with the time that it runs,
# divided by its share, and the next thread to run is one of the container that has the smallest pass.  A
# container that had nothing to run is put level with the others when it comes back: it saves up nothing.  How
# many processes and threads a container has makes no difference to the others.
# Without containers there is nothing to choose: `next_queue` is the host's, and this file is not needed.

    .include "burrow.inc"

    .globl  next_queue, choose, any_ready, share_begin, share_end

    .equ    PASS_SHIFT, 8                   # for each tick a pass grows by 1 << PASS_SHIFT, divided by the share
    .equ    MOST_TICKS, 1 << 20             # that are counted at once, and...
    .equ    MOST_AHEAD, 1 << 30             # ...how far passes may be apart, so that they can be compared

    .text
# any_ready(): whether a thread waits for a hart, in any container.  If none does, the running ones go on.
any_ready:
    lw      t0, host + CONTAINER_NEXT
    bnez    t0, 1f
    lw      a0, ready_queue + QUEUE_FIRST
    ret
1:  mv      t6, ra
    call    charge_time
    mv      ra, t6
    la      t0, host
    li      t2, 0                           # t2: the smallest pass of those that run, t3: whether there is one
    li      t3, 0
2:  lw      a0, CONTAINER_READY + QUEUE_FIRST(t0)
    bnez    a0, 6f
    lw      t1, CONTAINER_RUNNING(t0)
    beqz    t1, 4f
    lw      t1, CONTAINER_PASS(t0)
    beqz    t3, 3f
    sub     t4, t1, t2
    bgez    t4, 4f
3:  mv      t2, t1
    li      t3, 1
4:  lw      t0, CONTAINER_NEXT(t0)
    bnez    t0, 2b
    beqz    t3, 6f
    la      t0, virtual_time
    sw      t2, (t0)
    la      t0, host
5:  jal     t5, put_level
    lw      t0, CONTAINER_NEXT(t0)
    bnez    t0, 5b
    li      a0, 0
6:  ret

# put_level(t0: container of which no thread waits for a hart, t2: pass of another one): if it has nothing to run,
# it must not save up what it does not use; if it runs, it has a hart for itself.  Returns to t5.
put_level:
    lw      t1, CONTAINER_RUNNING(t0)
    bnez    t1, 1f
    lw      t1, CONTAINER_PASS(t0)
    sub     t1, t1, t2
    bgez    t1, 2f
    sw      t2, CONTAINER_PASS(t0)
    jr      t5
1:  lw      t1, CONTAINER_PASS(t0)
    sub     t1, t1, t2
    li      a1, MOST_AHEAD
    blt     t1, a1, 2f
    add     a1, a1, t2
    sw      a1, CONTAINER_PASS(t0)
2:  jr      t5

# choose(): the next thread for this hart, or 0; it is in no queue any more.
choose:
    lw      t0, host + CONTAINER_NEXT
    bnez    t0, 1f
    li      a0, 0                           # there is the host's queue alone, and it is empty
    ret
1:  mv      t6, ra
    call    charge_time
    mv      ra, t6
    lw      t0, HART_CONTAINER(tp)
    beqz    t0, 2f
    lw      t1, CONTAINER_RUNNING(t0)
    addi    t1, t1, -1
    sw      t1, CONTAINER_RUNNING(t0)
2:  la      t0, host
    lw      t2, virtual_time
    li      t3, 0                           # t3: the best so far, t4: its pass
3:  lw      t1, CONTAINER_READY + QUEUE_FIRST(t0)
    bnez    t1, 4f
    jal     t5, put_level
    j       6f
4:  lw      t1, CONTAINER_PASS(t0)
    beqz    t3, 5f
    sub     t5, t1, t4
    bgez    t5, 6f
5:  mv      t3, t0
    mv      t4, t1
6:  lw      t0, CONTAINER_NEXT(t0)
    bnez    t0, 3b
    sw      t3, HART_CONTAINER(tp)
    li      a0, 0
    beqz    t3, 7f
    la      t0, virtual_time
    sw      t4, (t0)
    lw      t0, CONTAINER_RUNNING(t3)
    addi    t0, t0, 1
    sw      t0, CONTAINER_RUNNING(t3)
    addi    a0, t3, CONTAINER_READY
    j       dequeue
7:  ret

# charge_time(): what this hart has run since the last time counts for the container whose thread it was.
charge_time:
    csrr    t0, time
    lw      t1, HART_STARTED(tp)
    sw      t0, HART_STARTED(tp)
    sub     t0, t0, t1
    lw      t1, HART_CONTAINER(tp)
    beqz    t1, 2f
    lw      t2, CONTAINER_TIME(t1)
    add     t2, t2, t0
    sw      t2, CONTAINER_TIME(t1)
    li      t2, MOST_TICKS
    bltu    t0, t2, 1f
    mv      t0, t2
1:  slli    t0, t0, PASS_SHIFT
    lw      t2, CONTAINER_SHARE(t1)
    divu    t0, t0, t2
    lw      t2, CONTAINER_PASS(t1)
    add     t2, t2, t0
    sw      t2, CONTAINER_PASS(t1)
2:  ret

# share_begin(a0: container): it takes part from now on.
share_begin:
    la      t0, host
    lw      t1, CONTAINER_NEXT(t0)
    sw      t1, CONTAINER_NEXT(a0)
    sw      a0, CONTAINER_NEXT(t0)
    lw      t2, virtual_time
    sw      t2, CONTAINER_PASS(a0)
    bnez    t1, 2f
    sw      t2, CONTAINER_PASS(t0)          # the first one: time begins to count
    la      t1, no_queue
    la      t2, next_queue
    sw      t1, (t2)
    csrr    t1, time
    la      t2, harts
    la      t3, harts + HART_SIZE * MOST_HARTS
1:  sw      t1, HART_STARTED(t2)
    sw      zero, HART_CONTAINER(t2)
    addi    t2, t2, HART_SIZE
    bltu    t2, t3, 1b
    sw      t0, HART_CONTAINER(tp)          # this hart runs the process of the host that has asked for it
    li      t1, 1
    sw      t1, CONTAINER_RUNNING(t0)
2:  ret

# share_end(a0: container): it does not take part any more.
share_end:
    la      t0, host
1:  mv      t1, t0
    lw      t0, CONTAINER_NEXT(t1)
    bne     t0, a0, 1b
    lw      t0, CONTAINER_NEXT(a0)
    sw      t0, CONTAINER_NEXT(t1)
    lw      t1, host + CONTAINER_NEXT
    bnez    t1, 2f
    la      t0, ready_queue
    la      t1, next_queue
    sw      t0, (t1)
2:  ret

    .data
    .balign 4
next_queue:                                 # where `schedule` looks for the next thread
    .word   ready_queue
no_queue:                                   # always empty, so that it has to choose
    .word   0, 0
virtual_time:                               # the smallest pass of those that had something to run
    .word   0
