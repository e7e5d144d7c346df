# threads.s - threads of a process, and how they wait for each other.
#
# Threads share everything but registers and stacks.  For locks the kernel provides only the futex: wait if a
# word still has this value, wake threads that wait at this word.  Both happen under the kernel lock, so no
# wake-up is lost between the check of the word and the wait.  The user library builds mutexes and
# condition variables from it, and calls the kernel only if a thread must wait.

    .include "burrow.inc"

    .globl  thread_new, thread_free, threads, threads_end
    .globl  call_thread_create, call_thread_exit, call_thread_join, call_futex_wait, call_futex_wake
    .globl  futex_word, wake_waiters

    .text
# thread_new(a0: process, a1: pc, a2, a3: its a0 and a1): a new thread, in no queue yet, or 0.
thread_new:
    enter   s1, s2, s3, s4, s5, s6, s7
    mv      s1, a0
    mv      s3, a1
    mv      s4, a2
    mv      s5, a3
    lw      t2, PROCESS_CONTAINER(s1)
    branch_at_limit t2, THREADS, 9f
    la      s2, threads
    la      t1, threads_end
    li      s7, 0
1:  lw      t0, THREAD_STATE(s2)
    beqz    t0, 2f
    addi    s2, s2, THREAD_SIZE
    addi    s7, s7, 1
    bltu    s2, t1, 1b
    j       9f
2:  lw      t0, PROCESS_STACKS(s1)          # s6: the first stack that is not in use
    li      s6, 0
3:  andi    t1, t0, 1
    beqz    t1, 4f
    srli    t0, t0, 1
    addi    s6, s6, 1
    j       3b
4:  li      t0, MOST_THREADS_EACH
    bgeu    s6, t0, 9f
    lw      t0, PROCESS_MAPPED(s1)          # it may have its pages from an earlier thread
    srl     t0, t0, s6
    andi    t0, t0, 1
    bnez    t0, 7f
    sw      zero, THREAD_VALUE(s2)          # here: how much of it is mapped
5:  mv      a0, s1
    call    stack_end
    lw      t0, THREAD_VALUE(s2)
    li      t1, STACK_SIZE
    sub     a1, a0, t1
    add     a1, a1, t0
    mv      a0, s1
    mv      t2, a1
    call    leaf_entry
    beqz    a0, 6f
    lw      t0, (a0)
    bnez    t0, 8f                          # an earlier attempt has mapped this one
6:  mv      a0, s1
    mv      a1, t2
    li      a2, PTE_USER_DATA
    call    map_new_page
    beqz    a0, 9f
8:  lw      t0, THREAD_VALUE(s2)
    li      t1, PAGE
    add     t0, t0, t1
    sw      t0, THREAD_VALUE(s2)
    li      t1, STACK_SIZE
    bltu    t0, t1, 5b
7:  li      t0, 1
    sll     t0, t0, s6
    lw      t1, PROCESS_MAPPED(s1)
    or      t1, t1, t0
    sw      t1, PROCESS_MAPPED(s1)
    lw      t1, PROCESS_STACKS(s1)
    or      t1, t1, t0
    sw      t1, PROCESS_STACKS(s1)
    mv      t0, s2
    addi    t1, s2, THREAD_SIZE
10: sw      zero, (t0)                      # all registers are 0, so that nothing leaks to it
    addi    t0, t0, 4
    bltu    t0, t1, 10b
    sw      s1, THREAD_PROCESS(s2)
    lw      t2, PROCESS_CONTAINER(s1)
    addi    t0, t2, CONTAINER_READY
    sw      t0, THREAD_HOME(s2)
    charge  t2, THREADS
    sw      s6, THREAD_STACK(s2)
    sw      s7, THREAD_ID(s2)
    sw      s3, FRAME_PC(s2)
    sw      s4, FRAME_A0(s2)
    sw      s5, FRAME_A1(s2)
    call    stack_end
    sw      a0, FRAME_SP(s2)
    li      t0, THREAD_BLOCKED
    sw      t0, THREAD_STATE(s2)
    lw      t0, PROCESS_THREADS(s1)
    addi    t0, t0, 1
    sw      t0, PROCESS_THREADS(s1)
    lw      t0, PROCESS_LIVE(s1)
    addi    t0, t0, 1
    sw      t0, PROCESS_LIVE(s1)
    count   STAT_THREADS
    mv      a0, s2
    leave   s1, s2, s3, s4, s5, s6, s7
9:  li      a0, 0
    leave   s1, s2, s3, s4, s5, s6, s7

# stack_end(s6: number of the stack): its end.
stack_end:
    addi    t0, s6, 1
    slli    t0, t0, 16                      # STACK_SPACING
    li      a0, STACKS
    add     a0, a0, t0
    ret

# thread_free(a0: thread): free its record and its stack; the process keeps the stack's pages for the next.
thread_free:
    sw      zero, THREAD_STATE(a0)
    lw      t2, THREAD_PROCESS(a0)
    lw      t0, PROCESS_THREADS(t2)
    addi    t0, t0, -1
    sw      t0, PROCESS_THREADS(t2)
    lw      t0, THREAD_STACK(a0)
    li      t1, 1
    sll     t1, t1, t0
    lw      t0, PROCESS_STACKS(t2)
    xor     t0, t0, t1
    sw      t0, PROCESS_STACKS(t2)
    lw      t2, PROCESS_CONTAINER(t2)
    charge  t2, THREADS, -1
    count   STAT_THREADS, -1
    ret

# --- system calls ------------------------------------------------------------------------------------------
call_thread_create:
    enter
    mv      a3, a2
    mv      a2, a1
    mv      a1, a0
    mv      a0, s1
    call    thread_new
    beqz    a0, 1f
    lw      t0, THREAD_ID(a0)
    sw      t0, FRAME_A0(s0)
    call    make_ready
    lw      a0, FRAME_A0(s0)
    leave
1:  li      a0, ERROR_MEMORY
    leave

# thread_exit: a waiting joiner gets the value; the last thread ends the process.
call_thread_exit:
    sw      a0, THREAD_VALUE(s0)
    lw      t0, PROCESS_LIVE(s1)
    addi    t0, t0, -1
    sw      t0, PROCESS_LIVE(s1)
    beqz    t0, call_exit
    li      t0, THREAD_EXITED
    sw      t0, THREAD_STATE(s0)
    lw      s2, PROCESS_JOINERS + QUEUE_FIRST(s1)
    lw      s3, THREAD_ID(s0)
    li      s4, 0                           # whether a joiner has the value
1:  beqz    s2, 2f
    mv      a0, s2
    lw      s2, THREAD_NEXT(s2)
    lw      t0, THREAD_WAIT(a0)
    bne     t0, s3, 1b
    li      s4, 1
    sw      zero, FRAME_A0(a0)
    lw      t0, THREAD_VALUE(s0)
    sw      t0, FRAME_A1(a0)
    call    unlink
    call    make_ready
    j       1b
2:  beqz    s4, schedule
    mv      a0, s0
    call    thread_free
    j       schedule

call_thread_join:
    enter
    li      t0, MOST_THREADS
    bgeu    a0, t0, 2f
    sw      a0, THREAD_WAIT(s0)
    li      t0, THREAD_SIZE
    mul     t0, t0, a0
    la      a0, threads
    add     a0, a0, t0
    lw      t0, THREAD_STATE(a0)
    beqz    t0, 2f
    lw      t1, THREAD_PROCESS(a0)
    bne     t1, s1, 2f
    beq     a0, s0, 3f
    li      t1, THREAD_EXITED
    bne     t0, t1, 1f
    lw      t0, THREAD_VALUE(a0)
    sw      t0, FRAME_A1(s0)
    call    thread_free
    li      a0, 0
    leave
1:  addi    a0, s1, PROCESS_JOINERS
    j       block
2:  li      a0, ERROR_MISSING
    leave
3:  li      a0, ERROR_INVALID               # it would wait for itself
    leave

# futex_wait: the physical address identifies the word, so processes can share it.
call_futex_wait:
    enter   s2
    mv      s2, a1
    call    futex_word
    beqz    a0, 2f
    lw      t0, (a0)
    bne     t0, s2, 1f
    sw      a0, THREAD_WAIT(s0)
    sw      zero, FRAME_A0(s0)
    la      a0, futex_queue
    j       block
1:  li      a0, ERROR_AGAIN
    leave   s2
2:  li      a0, ERROR_ADDRESS
    leave   s2

# futex_wake: the longest waiters come first.
call_futex_wake:
    enter   s2
    mv      s2, a1
    call    futex_word
    mv      a1, s2
    beqz    a0, 1f
    call    wake_waiters
    leave   s2
1:  li      a0, ERROR_ADDRESS
    leave   s2

# wake_waiters(a0: physical address of a word, a1: maximum): the number of threads woken.
wake_waiters:
    enter   s2, s3, s4, s5
    mv      s4, a0                          # s4: the word
    mv      s2, a1                          # s2: how many more
    li      s3, 0                           # s3: how many so far
    lw      s5, futex_queue + QUEUE_FIRST
1:  beqz    s5, 2f
    beqz    s2, 2f
    mv      a0, s5
    lw      s5, THREAD_NEXT(s5)
    lw      t0, THREAD_WAIT(a0)
    bne     t0, s4, 1b
    addi    s2, s2, -1
    addi    s3, s3, 1
    call    unlink
    call    make_ready
    j       1b
2:  mv      a0, s3
    leave   s2, s3, s4, s5

# futex_word(a0: address in process s1): the physical address, or 0 if it is not a writable word.
futex_word:
    andi    t0, a0, 3
    beqz    t0, 1f
    li      a0, 0
    ret
1:  li      a1, PTE_R | PTE_W
    mv      a2, s1
    j       user_address

    .data
    .balign 4
futex_queue:
    .word   0, 0

    .bss
    .balign 16
threads:
    .zero   THREAD_SIZE * MOST_THREADS
threads_end:
