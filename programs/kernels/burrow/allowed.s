# allowed.s - which system calls the processes of a container may use.
#
# An image allows a set of calls, a bit each.  When a container is made, the set becomes a table like that of
# syscalls.s, with `call_forbidden` for all others; so the check costs nothing when a call is made.

    .include "burrow.inc"

    .globl  fill_calls, allow_calls

    .text
# calls_of(a0: container): its table of system calls.  Changes t0 and t1.
calls_of:
    la      t0, containers
    sub     a0, a0, t0
    li      t0, CONTAINER_SIZE
    divu    a0, a0, t0
    li      t0, 4 * CALLS
    mul     a0, a0, t0
    la      t0, tables_of_calls
    add     a0, a0, t0
    ret

# fill_calls(a0: container): its table, with the calls that its image allows.  No container gets those of the
# host, nor calls that have no bit.
fill_calls:
    enter
    lw      t2, CONTAINER_ROOT(a0)
    lw      t2, IMAGE_CALLS(t2)
    li      t0, ~(HOST_CALLS)
    and     t2, t2, t0                      # t2: a bit for each call that follows
    call    calls_of
    la      t0, system_calls
    li      t3, CALLS
1:  lw      t4, (t0)
    andi    t5, t2, 1
    bnez    t5, 2f
    la      t4, call_forbidden
2:  sw      t4, (a0)
    srli    t2, t2, 1
    addi    t0, t0, 4
    addi    a0, a0, 4
    addi    t3, t3, -1
    bnez    t3, 1b
    leave

# allow_calls(a0: process of a container): from now on it has the system calls of its container.  Changes t0 to t2.
allow_calls:
    mv      t2, a0
    mv      t1, ra
    lw      a0, PROCESS_CONTAINER(t2)
    call    calls_of
    sw      a0, PROCESS_CALLS(t2)
    mv      a0, t2
    jr      t1

    .bss
    .balign 4
tables_of_calls:                            # one for each container but the host
    .zero   4 * CALLS * (MOST_CONTAINERS - 1)
