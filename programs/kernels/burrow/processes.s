# processes.s - the life of a process, from spawn to the last page.
#
# A process is a record, an address space and at least one thread.  When it ends, its threads end first:
# waiting threads at once, those on other harts as soon as these enter the kernel.  The last one frees all
# pages.  The status stays until the parent has fetched it; without a parent nothing stays.

    .include "burrow.inc"

    .globl  process_create, process_kill, thread_dies, processes, processes_end
    .globl  call_exit, call_spawn, call_wait, call_kill

    .text
# process_create(a0: name, a1: arguments, texts in the kernel, a2: parent or 0, a3: container): its number there,
# or an error.
process_create:
    enter   s1, s2, s3, s4, s5, s6
    mv      s2, a0
    mv      s3, a1
    mv      s4, a2
    mv      s6, a3
    li      a0, ERROR_MEMORY
    branch_at_limit s6, PROCESSES, 9f
    la      s1, processes
    la      t1, processes_end
1:  lw      t0, PROCESS_STATE(s1)
    beqz    t0, 2f
    addi    s1, s1, PROCESS_SIZE
    bltu    s1, t1, 1b
    li      a0, ERROR_MEMORY
    j       9f
2:  mv      a0, s2
    lw      a1, CONTAINER_ROOT(s6)
    call    file_find
    mv      s5, a0
    li      a0, ERROR_MISSING
    beqz    s5, 9f
    lw      t0, ENTRY_KIND(s5)
    li      a0, ERROR_INVALID
    beqz    t0, 9f

    addi    t0, s1, PROCESS_SIZE            # a new record
    mv      t1, s1
3:  sw      zero, (t1)
    addi    t1, t1, 4
    bltu    t1, t0, 3b
    sw      s6, PROCESS_CONTAINER(s1)
    mv      a0, s1
    call    space_create
    bnez    a0, 9f
    mv      a0, s1
    mv      a1, s5
    call    program_load                    # a0: where it starts
    beqz    a0, 8f
    mv      a1, a0
    mv      a0, s1
    li      a2, 0
    li      a3, 0
    call    thread_new
    beqz    a0, 8f
    mv      s5, a0                          # s5: its first thread

    mv      a0, s2                          # the name, with its zero byte
    addi    t1, s1, PROCESS_NAME
4:  lbu     t0, (a0)
    sb      t0, (t1)
    addi    a0, a0, 1
    addi    t1, t1, 1
    bnez    t0, 4b
    mv      a0, s3                          # the arguments, at the top of its stack
5:  lbu     t0, (a0)
    addi    a0, a0, 1
    bnez    t0, 5b
    sub     a2, a0, s3
    addi    t0, a2, -1
    sw      t0, FRAME_A1(s5)
    lw      a0, FRAME_SP(s5)
    addi    a0, a0, -ARGUMENTS_LENGTH
    sw      a0, FRAME_SP(s5)
    sw      a0, FRAME_A0(s5)
    mv      a1, s3
    mv      a3, s1
    call    copy_to_user

    sw      s4, PROCESS_PARENT(s1)
    li      t0, PROCESS_ALIVE
    sw      t0, PROCESS_STATE(s1)
    mv      a0, s1
    call    number_process
    charge  s6, PROCESSES
    count   STAT_SPAWN
    mv      a0, s5
    call    make_ready
    lw      a0, PROCESS_ID(s1)
    j       9f
8:  mv      a0, s1                          # out of memory: free what was allocated
    call    space_free
    li      a0, ERROR_MEMORY
9:  leave   s1, s2, s3, s4, s5, s6

# process_kill(a0: process, a1: status): end it, unless it is ending.  The caller's own thread is left to
# thread_dies, where `resume` goes when the process is not alive.
process_kill:
    enter   s2, s3, s4
    mv      s2, a0
    lw      t0, PROCESS_STATE(s2)
    li      t1, PROCESS_ALIVE
    bne     t0, t1, 5f
    li      t0, PROCESS_DYING
    sw      t0, PROCESS_STATE(s2)
    sw      a1, PROCESS_STATUS(s2)
    la      s3, threads
    la      s4, threads_end
1:  lw      t0, THREAD_STATE(s3)
    beqz    t0, 4f
    lw      t1, THREAD_PROCESS(s3)
    bne     t1, s2, 4f
    li      t1, THREAD_RUNNING
    beq     t0, t1, 3f
    mv      a0, s3
    call    unlink
    mv      a0, s3
    call    thread_free
    j       4f
3:  lw      t0, THREAD_HART(s3)             # on another hart: make that hart enter the kernel
    beq     t0, tp, 4f
    lw      a0, HART_ID(t0)
    li      a7, MACHINE_SEND_IPI
    ecall
4:  addi    s3, s3, THREAD_SIZE
    bltu    s3, s4, 1b
    lw      t0, PROCESS_RUNNING(s2)
    bnez    t0, 5f
    mv      a0, s2
    call    process_finish
5:  leave   s2, s3, s4

# thread_dies: the current thread of a process that is ending.  Does not return.
thread_dies:
    mv      a0, s0
    call    thread_free
    sw      zero, HART_CURRENT(tp)
    lw      t0, PROCESS_RUNNING(s1)
    addi    t0, t0, -1
    sw      t0, PROCESS_RUNNING(s1)
    bnez    t0, schedule
    mv      a0, s1
    call    process_finish
    j       schedule

# process_finish(a0: process): clean up after its last thread.
process_finish:
    enter   s1, s2, s3
    mv      s1, a0
    lw      a0, PROCESS_LIBRARY(s1)
    li      a1, PTE_R
    mv      a2, s1
    call    user_address
    beqz    a0, 1f
    lw      t2, (a0)
    count_more STAT_LIBRARY, t2
1:  mv      a0, s1
    call    disk_cancel
    mv      a0, s1
    call    space_free
    mv      a0, s1
    call    messages_end

    la      s2, processes                   # its children become orphans
    la      s3, processes_end
2:  lw      t0, PROCESS_PARENT(s2)
    bne     t0, s1, 3f
    sw      zero, PROCESS_PARENT(s2)
    lw      t0, PROCESS_STATE(s2)
    li      t1, PROCESS_ZOMBIE
    bne     t0, t1, 3f
    mv      a0, s2
    call    process_free
3:  addi    s2, s2, PROCESS_SIZE
    bltu    s2, s3, 2b

    lw      t0, PROCESS_ID(s1)
    li      t1, 1                           # the machine ends with the first process, a container with its own
    bne     t0, t1, 4f
    lw      a0, PROCESS_CONTAINER(s1)
    lw      t0, CONTAINER_NUMBER(a0)
    bnez    t0, 7f
    lw      a0, PROCESS_STATUS(s1)
    li      t0, STATUS_FAULT
    bltu    a0, t0, poweroff
    li      a0, 252
    j       poweroff
7:  call    container_end
4:  lw      a0, PROCESS_PARENT(s1)
    beqz    a0, 5f
    li      t0, PROCESS_ZOMBIE
    sw      t0, PROCESS_STATE(s1)
    call    serve_waiters
    j       6f
5:  mv      a0, s1
    call    process_free
6:  leave   s1, s2, s3

# process_free(a0: process): its record is free again.  A container is gone with its last process.
process_free:
    sw      zero, PROCESS_STATE(a0)
    count   STAT_REAP
    lw      a0, PROCESS_CONTAINER(a0)
    charge  a0, PROCESSES, -1
    beqz    t0, container_free              # the host has at least its first process
    ret

# find_child(a0: process, a1: number or -1): a child that has ended, else a live one, else 0.
find_child:
    la      t0, processes
    la      t1, processes_end
    li      a2, 0
    lw      t4, PROCESS_CONTAINER(a0)
    lw      t4, CONTAINER_NUMBER(t4)
1:  lw      t2, PROCESS_STATE(t0)
    beqz    t2, 3f
    lw      t3, PROCESS_PARENT(t0)
    bne     t3, a0, 3f
    bltz    a1, 2f
    lw      t3, PROCESS_OUTER(t0)           # as the parent sees it
    beqz    t4, 5f
    lw      t3, PROCESS_ID(t0)
5:  bne     t3, a1, 3f
2:  mv      a2, t0
    li      t3, PROCESS_ZOMBIE
    beq     t2, t3, 4f
3:  addi    t0, t0, PROCESS_SIZE
    bltu    t0, t1, 1b
4:  mv      a0, a2
    ret

# try_wait(a0: thread that waits for a child): whether the wait is over, because a child has ended or there
# is no child to wait for.
try_wait:
    enter   s2, s3
    mv      s2, a0
    lw      a1, THREAD_WAIT(s2)
    lw      a0, THREAD_PROCESS(s2)
    call    find_child
    li      t0, ERROR_MISSING
    beqz    a0, 1f
    lw      t1, PROCESS_STATE(a0)
    li      t2, PROCESS_ZOMBIE
    bne     t1, t2, 2f
    mv      s3, a0
    lw      t0, PROCESS_STATUS(a0)
    sw      t0, FRAME_A1(s2)
    lw      a1, THREAD_PROCESS(s2)
    call    number_seen
    sw      a0, FRAME_A0(s2)
    mv      a0, s3
    call    process_free
    j       3f
1:  sw      t0, FRAME_A0(s2)
3:  li      a0, 1
    leave   s2, s3
2:  li      a0, 0
    leave   s2, s3

# serve_waiters(a0: process): one of its children has ended.  A second waiter may have no child left.
serve_waiters:
    enter   s2, s3
    lw      s2, PROCESS_WAITERS + QUEUE_FIRST(a0)
1:  beqz    s2, 2f
    mv      s3, s2
    lw      s2, THREAD_NEXT(s2)
    mv      a0, s3
    call    try_wait
    beqz    a0, 1b
    mv      a0, s3
    call    unlink
    call    make_ready
    j       1b
2:  leave   s2, s3

# --- system calls ------------------------------------------------------------------------------------------
call_exit:
    andi    a1, a0, 0xff
    mv      a0, s1
    call    process_kill
    j       thread_dies

call_spawn:
    enter   s2
    mv      s2, a1
    mv      a1, a0
    la      a0, spawn_name
    li      a2, NAME_LENGTH
    mv      a3, s1
    call    copy_text_from_user
    bnez    a0, 1f
    la      a0, spawn_arguments
    mv      a1, s2
    li      a2, ARGUMENTS_LENGTH
    mv      a3, s1
    call    copy_text_from_user
    bnez    a0, 1f
    la      a0, spawn_name
    la      a1, spawn_arguments
    mv      a2, s1
    lw      a3, PROCESS_CONTAINER(s1)
    call    process_create
1:  leave   s2

call_wait:
    enter   s2
    mv      s2, a1
    sw      a0, THREAD_WAIT(s0)
    mv      a0, s0
    call    try_wait
    bnez    a0, resume                      # it has stored the result
    beqz    s2, 1f
    li      a0, 0
    leave   s2
1:  addi    a0, s1, PROCESS_WAITERS
    j       block

call_kill:
    enter
    call    process_seen
    beqz    a0, 1f
    li      a1, STATUS_KILLED
    call    process_kill
    li      a0, 0
    leave
1:  li      a0, ERROR_MISSING
    leave

    .bss
    .balign 16
processes:
    .zero   PROCESS_SIZE * MOST_PROCESSES
processes_end:
spawn_name:
    .zero   NAME_LENGTH
spawn_arguments:
    .zero   ARGUMENTS_LENGTH
