# numbers.s - numbers of processes, and who sees whom.
#
# A process has two numbers: one in its container, where the first is 1, and one for the host, which sees all
# processes.  A process of the host has the same twice.  A process of a container finds nobody outside: there
# is no number for it.

    .include "burrow.inc"

    .globl  number_process, process_find, process_seen, process_outer, number_seen
    .globl  call_getpid, call_ps

    .text
# number_process(a0: process): give it its numbers, and its system calls.  Changes t0 to t2.
number_process:
    la      t0, host
    lw      t1, CONTAINER_LAST(t0)
    addi    t1, t1, 1
    sw      t1, CONTAINER_LAST(t0)
    sw      t1, PROCESS_OUTER(a0)
    sw      t1, PROCESS_ID(a0)
    la      t1, system_calls
    sw      t1, PROCESS_CALLS(a0)
    lw      t2, PROCESS_CONTAINER(a0)
    bne     t2, t0, 1f
    ret
1:  lw      t1, CONTAINER_LAST(t2)
    addi    t1, t1, 1
    sw      t1, CONTAINER_LAST(t2)
    sw      t1, PROCESS_ID(a0)
    j       allow_calls                     # those of its container

# process_find(a0: number, a1: container): the record of a live process of it, or 0.  Changes t0 to t2 only.
process_find:
    la      t0, processes
    la      t1, processes_end
1:  lw      t2, PROCESS_ID(t0)
    bne     t2, a0, 2f
    lw      t2, PROCESS_STATE(t0)
    addi    t2, t2, -PROCESS_ALIVE
    bnez    t2, 2f
    lw      t2, PROCESS_CONTAINER(t0)
    beq     t2, a1, 3f
2:  addi    t0, t0, PROCESS_SIZE
    bltu    t0, t1, 1b
    li      t0, 0
3:  mv      a0, t0
    ret

# process_seen(a0: number): the live process that process s1 knows by that number, or 0.  From the host all can
# be seen.  Changes t0 to t2 and a1.
process_seen:
    lw      a1, PROCESS_CONTAINER(s1)
    la      t0, host
    bne     a1, t0, process_find
# process_outer(a0: number): the same, from the host.
process_outer:
    la      t0, processes
    la      t1, processes_end
1:  lw      t2, PROCESS_OUTER(t0)
    bne     t2, a0, 2f
    lw      t2, PROCESS_STATE(t0)
    addi    t2, t2, -PROCESS_ALIVE
    beqz    t2, 3f
2:  addi    t0, t0, PROCESS_SIZE
    bltu    t0, t1, 1b
    li      t0, 0
3:  mv      a0, t0
    ret

# number_seen(a0: process, a1: process that asks): its number for the other one.  Changes t0 and t1.
number_seen:
    lw      t0, PROCESS_CONTAINER(a1)
    la      t1, host
    bne     t0, t1, 1f
    lw      a0, PROCESS_OUTER(a0)
    ret
1:  lw      a0, PROCESS_ID(a0)
    ret

# --- system calls ------------------------------------------------------------------------------------------
call_getpid:
    lw      a0, THREAD_ID(s0)
    sw      a0, FRAME_A1(s0)
    lw      a0, PROCESS_ID(s1)
    ret

# ps: a process of a container sees those of that container.
call_ps:
    enter   s2, s3, s4
    li      t0, MOST_PROCESSES
    mv      t1, a0
    li      a0, ERROR_MISSING
    bgeu    t1, t0, 3f
    slli    t1, t1, 7                       # PROCESS_SIZE
    la      s3, processes
    add     s3, s3, t1                      # s3: the process
    mv      s4, a1
    lw      s2, PROCESS_STATE(s3)
    beqz    s2, 2f
    lw      t0, PROCESS_CONTAINER(s1)
    lw      t1, PROCESS_CONTAINER(s3)
    lw      t2, CONTAINER_NUMBER(t1)
    bne     t0, t1, 4f
    li      t2, 0
    j       5f
4:  lw      t0, CONTAINER_NUMBER(t0)
    bnez    t0, 2f
5:  la      t0, info
    sw      t2, INFO_CONTAINER(t0)
    mv      a0, s3
    mv      a1, s1
    call    number_seen
    la      t2, info
    sw      a0, INFO_PROCESS(t2)
    lw      a0, PROCESS_PARENT(s3)
    beqz    a0, 1f
    lw      t0, PROCESS_CONTAINER(a0)
    lw      t1, PROCESS_CONTAINER(s3)
    beq     t0, t1, 6f
    lw      t0, PROCESS_CONTAINER(s1)       # a container's first process has a parent that only the host sees
    li      a0, 0
    beq     t0, t1, 1f
    lw      a0, PROCESS_PARENT(s3)
6:  mv      a1, s1
    call    number_seen
1:  mv      t0, s3
    la      a1, info
    sw      a0, INFO_PARENT(a1)
    sw      s2, INFO_STATE(a1)
    mv      a0, s4
    lw      t1, PROCESS_THREADS(t0)
    sw      t1, INFO_THREADS(a1)
    lw      t1, PROCESS_PAGES(t0)
    sw      t1, INFO_PAGES(a1)
    .irp    n, 0, 4, 8, 12, 16, 20
    lw      t1, PROCESS_NAME + \n(t0)
    sw      t1, INFO_NAME + \n(a1)
    .endr
    li      a2, INFO_SIZE
    mv      a3, s1
    call    copy_to_user
    bnez    a0, 3f
    li      a0, 1
    leave   s2, s3, s4
2:  li      a0, 0
3:  leave   s2, s3, s4

    .bss
    .balign 4
info:
    .zero   INFO_SIZE
