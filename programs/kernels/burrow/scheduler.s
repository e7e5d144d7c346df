# scheduler.s - which thread runs, and for how long: queues, round-robin, time slices, sleeping.
#
# All threads that are ready to run wait in one queue, or in one for each container: shares.s chooses among
# those.  The timer preempts a thread after its slice and puts it at the end of its queue.  A thread that
# blocks leaves the rest of its slice to the next one, so an exchange of messages needs no new timer.  An idle
# hart has a timer only for sleepers; making a thread ready wakes an idle hart by an interrupt.

    .include "burrow.inc"

    .globl  schedule, yield, block, make_ready, enqueue, dequeue, unlink
    .globl  timer_interrupt, arm_timer, time_after, wake_at, call_sleep, call_yield, call_time, kernel_process

    .text
# enqueue(a0: queue, a1: thread): append the thread.
enqueue:
    sw      a0, THREAD_QUEUE(a1)
    sw      zero, THREAD_NEXT(a1)
    lw      t0, QUEUE_LAST(a0)
    sw      a1, QUEUE_LAST(a0)
    beqz    t0, 1f
    sw      a1, THREAD_NEXT(t0)
    ret
1:  sw      a1, QUEUE_FIRST(a0)
    ret

# dequeue(a0: queue): remove its first thread; the thread, or 0.
dequeue:
    lw      t0, QUEUE_FIRST(a0)
    beqz    t0, 2f
    lw      t1, THREAD_NEXT(t0)
    sw      t1, QUEUE_FIRST(a0)
    bnez    t1, 1f
    sw      zero, QUEUE_LAST(a0)
1:  sw      zero, THREAD_QUEUE(t0)
2:  mv      a0, t0
    ret

# unlink(a0: thread): remove it from its queue, if any.  Changes t0 to t3 only.
unlink:
    lw      t0, THREAD_QUEUE(a0)
    beqz    t0, 4f
    li      t1, 0                           # t1: the previous thread, t2: this one
    lw      t2, QUEUE_FIRST(t0)
1:  beq     t2, a0, 2f
    mv      t1, t2
    lw      t2, THREAD_NEXT(t2)
    j       1b
2:  lw      t3, THREAD_NEXT(a0)
    bnez    t3, 3f
    sw      t1, QUEUE_LAST(t0)
3:  sw      zero, THREAD_QUEUE(a0)
    beqz    t1, 5f
    sw      t3, THREAD_NEXT(t1)
4:  ret
5:  sw      t3, QUEUE_FIRST(t0)
    ret

# make_ready(a0: thread): it can run.  Wakes an idle hart.
make_ready:
    li      t0, THREAD_READY
    sw      t0, THREAD_STATE(a0)
    mv      a1, a0
    lw      a0, THREAD_HOME(a1)
    mv      t4, ra
    call    enqueue
    mv      ra, t4
    la      t0, idle_harts
    lw      t1, (t0)
    beqz    t1, 3f
    neg     t2, t1                          # the lowest bit of them, and no other thread calls that hart
    and     t2, t2, t1
    xor     t1, t1, t2
    sw      t1, (t0)
    li      a0, -1
1:  addi    a0, a0, 1
    srli    t2, t2, 1
    bnez    t2, 1b
    lw      t0, HART_ID(tp)
    beq     a0, t0, 3f                      # that is this hart, which looks into the queue anyway
    send_interrupt
3:  ret

# block(a0: queue): the current thread waits there; run another one.  Does not return.
block:
    li      t0, THREAD_BLOCKED
    sw      t0, THREAD_STATE(s0)
    mv      a1, s0
    call    enqueue
    j       schedule

# yield: the current thread goes to the end of the queue.  If it is the only one it continues, and no other
# hart is woken for nothing.
yield:
    call    new_slice
    lw      t0, next_queue
    lw      t0, QUEUE_FIRST(t0)
    bnez    t0, 1f
    call    any_ready
    beqz    a0, resume
1:  mv      a0, s0
    call    make_ready

# schedule: run the next thread on this hart.  The current one has been queued elsewhere, or is gone.
schedule:
    lw      t0, HART_CURRENT(tp)
    beqz    t0, 1f
    lw      t0, THREAD_PROCESS(t0)
    lw      t1, PROCESS_RUNNING(t0)
    addi    t1, t1, -1
    sw      t1, PROCESS_RUNNING(t0)
1:  lw      a0, next_queue
    call    dequeue
    bnez    a0, 4f
    call    choose                          # an empty queue, if there are containers to choose from
4:  mv      s0, a0
    la      t0, idle_harts
    lw      t1, HART_ID(tp)
    li      t2, 1
    sll     t2, t2, t1
    bnez    a0, 2f
    addi    s0, tp, HART_IDLE               # nothing to do
    la      t1, idle_loop
    sw      t1, FRAME_PC(s0)
    lw      t1, (t0)
    or      t1, t1, t2
    j       3f
2:  lw      t1, (t0)
    not     t2, t2
    and     t1, t1, t2
3:  sw      t1, (t0)
    sw      s0, HART_CURRENT(tp)
    sw      tp, THREAD_HART(s0)
    li      t0, THREAD_RUNNING
    sw      t0, THREAD_STATE(s0)
    lw      t0, THREAD_PROCESS(s0)
    lw      t1, PROCESS_RUNNING(t0)
    addi    t1, t1, 1
    sw      t1, PROCESS_RUNNING(t0)
    lw      t0, HART_LAST(tp)
    beq     t0, s0, resume
    sw      s0, HART_LAST(tp)
    addi    t1, tp, HART_IDLE
    xor     t2, t0, t1
    count   STAT_THREAD
    snez    t2, t2
    bnez    t2, resume
    call    new_slice                       # the idle loop leaves no rest of a slice
    j       resume

# new_slice(): start a slice of timer_period ticks, or a random part of that.
new_slice:
    lw      t3, timer_period
    la      t0, random_seed
    lw      t1, (t0)
    beqz    t1, 1f
    slli    t2, t1, 13                      # Marsaglia's xorshift
    xor     t1, t1, t2
    srli    t2, t1, 17
    xor     t1, t1, t2
    slli    t2, t1, 5
    xor     t1, t1, t2
    sw      t1, (t0)
    beqz    t3, 1f
    remu    t3, t1, t3
1:  li      t0, LEAST_PERIOD
    bgeu    t3, t0, 2f
    mv      t3, t0
2:  read_time t0, t1, t2
    add     t3, t0, t3
    sltu    t2, t3, t0
    add     t1, t1, t2
    sw      t3, HART_SLICE_END(tp)
    sw      t1, HART_SLICE_END + 4(tp)
    ret

# arm_timer(): set the timer of this hart to the end of s0's slice or the first sleeper's time, if earlier.
arm_timer:
    lw      a0, earliest_wake
    lw      a1, earliest_wake + 4
    addi    t0, tp, HART_IDLE
    beq     s0, t0, 2f
    lw      t0, HART_SLICE_END(tp)
    lw      t1, HART_SLICE_END + 4(tp)
    branch_before a0, a1, t0, t1, 2f
    mv      a0, t0
    mv      a1, t1
2:  lw      t0, HART_DEADLINE(tp)
    lw      t1, HART_DEADLINE + 4(tp)
    bne     t0, a0, 3f
    beq     t1, a1, 4f
3:  sw      a0, HART_DEADLINE(tp)
    sw      a1, HART_DEADLINE + 4(tp)
    set_timer
4:  ret

timer_interrupt:
    count   STAT_TIMER
    sw      zero, HART_DEADLINE(tp)         # it must be set again in any case
    sw      zero, HART_DEADLINE + 4(tp)
    read_time s2, s3, t0
    mv      a0, s2
    mv      a1, s3
    call    wake_sleepers
    lw      t0, HART_FROM_IDLE(tp)
    bnez    t0, schedule
    lw      t0, HART_SLICE_END(tp)
    lw      t1, HART_SLICE_END + 4(tp)
    branch_before s2, s3, t0, t1, resume
    j       yield

# wake_sleepers(a0, a1: mtime): wake those whose time has come, finish disk transfers, update earliest_wake.
wake_sleepers:
    lw      t0, earliest_wake
    lw      t1, earliest_wake + 4
    branch_before a0, a1, t0, t1, 9f
    enter   s0, s1, s2, s3, s4, s5
    mv      s0, a0
    mv      s1, a1
    li      s3, -1                          # s3, s4: the earliest of the others
    li      s4, -1
    lw      s2, sleep_queue + QUEUE_FIRST
2:  beqz    s2, 5f
    mv      a0, s2
    lw      s2, THREAD_NEXT(s2)
    lw      t0, THREAD_WAKE(a0)
    lw      t1, THREAD_WAKE + 4(a0)
    branch_before s0, s1, t0, t1, 3f
    call    unlink
    call    make_ready
    j       2b
3:  branch_before s3, s4, t0, t1, 2b
    mv      s3, t0
    mv      s4, t1
    j       2b
5:  call    disk_complete
    la      t0, earliest_wake
    sw      s3, 0(t0)
    sw      s4, 4(t0)
    leave   s0, s1, s2, s3, s4, s5
9:  ret

# time_after(a0: ticks): mtime then, in a0 and a1.  Changes t0 to t2.
time_after:
    read_time t0, t1, t2
    add     a0, t0, a0
    sltu    t2, a0, t0
    add     a1, t1, t2
    ret

# wake_at(a0, a1: mtime): the timer must fire by then.  Changes t0 to t2.
wake_at:
    la      t2, earliest_wake
    lw      t0, 0(t2)
    lw      t1, 4(t2)
    branch_before t0, t1, a0, a1, 2f
    sw      a0, 0(t2)
    sw      a1, 4(t2)
2:  ret

# --- system calls ------------------------------------------------------------------------------------------
call_yield:
    sw      zero, FRAME_A0(s0)
    j       yield

call_sleep:
    sw      zero, FRAME_A0(s0)
    beqz    a0, yield
    call    time_after                      # ra may change: `block` and `yield` do not return
    sw      a0, THREAD_WAKE(s0)
    sw      a1, THREAD_WAKE + 4(s0)
    call    wake_at
    la      a0, sleep_queue
    j       block

call_time:
    read_time a0, t1, t2
    sw      t1, FRAME_A1(s0)
    ret

    .data
    .balign 8
earliest_wake:                              # mtime, 64 bits, of the first sleeper to be woken
    .word   -1, -1
sleep_queue:
    .word   0, 0
idle_harts:                                 # a bit for each
    .word   0
    .balign 16
kernel_process:                             # its threads are the idle loops
    .word   PROCESS_ALIVE, 0, 0, 0, 0
    .org    kernel_process + PROCESS_CONTAINER
    .word   host
    .asciz  "kernel"
    .org    kernel_process + PROCESS_SIZE
