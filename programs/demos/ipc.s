# ipc.s - what a message costs: between processes, between threads, with and without the kernel.
#
# When process A sends something to process B, three things happen (Tanenbaum and van Steen, "Distributed
# Systems", the figure on context switching as the result of IPC):
#
#     A -> S1: from user mode into the kernel -> S2: the kernel changes the address space
#       -> S3: from the kernel into user mode -> B
#
# Threads of one process share their memory, so S2 falls away; and if they do not have to wait for each other,
# so do S1 and S3.  This program exchanges MESSAGES messages in each way, asks the kernel for its
# counters before and after, and prints the difference for one message.
#
#     trapline demo ipc
#
# Columns: traps into the kernel (S1), changes of the address space (S2), returns to user mode (S3), changes from one
# thread to another; instructions of the kernel and of the programs.  Run it with one hart to see the figure: with
# more, the two sides run at the same time, and may not have to wait; but the instructions of the kernel are also those
# that a hart spends waiting for the kernel lock.
    .include "user.inc"
    .include "measure.inc"

    .equ    ROUNDS, 100
    .equ    MESSAGES, 2 * ROUNDS            # there and back
    .equ    SLOTS, 16                       # of the buffer

    # --- what both sides see: in shared memory for processes, in .bss for threads
    .equ    TURN, 0                         # whose turn it is: 0 the first side, 1 the second
    .equ    LOCK, 4
    .equ    NOT_FULL, 8
    .equ    NOT_EMPTY, 12
    .equ    COUNT, 16
    .equ    HEAD, 20
    .equ    TAIL, 24
    .equ    SLOT, 28
    .equ    SHARED_SIZE, SLOT + 4 * SLOTS

    .text
    .globl  main
main:
    enter   s0, s1, s2
    lbu     t0, (a0)
    li      t1, 'p'                         # the other processes are started as `ipc partner`
    beq     t0, t1, partner
    say     "                                          crossings and switches                  instructions of\n"
    say     "per message                       to kernel  new space    to user new thread     kernel   programs\n"
    call    calibrate
    la      a0, call_text
    la      a1, call_kernel
    call    row

    li      a0, 1
    call    share_create
    bnez    a0, wrong
    mv      s0, a1                          # s0: the shared memory
    la      a0, own_name
    la      a1, partner_text
    call    spawn
    bltz    a0, wrong
    mv      s1, a0                          # s1: the other process
    call    receive                         # it is there
    bne     a0, s1, wrong
    la      a0, message_text
    la      a1, messages
    call    row
    la      a0, process_futex_text
    la      a1, ping
    call    row
    la      a0, process_buffer_text
    la      a1, produce
    call    row
    mv      a0, s1
    li      a1, 0
    call    wait
    bne     a0, s1, wrong
    bnez    a1, wrong

    la      s0, memory                      # the same again with a thread
    la      a0, pong
    mv      a1, s0
    call    thread_create
    bltz    a0, wrong
    mv      s1, a0
    call    yield
    la      a0, thread_futex_text
    la      a1, ping
    call    row
    mv      a0, s1
    call    thread_join
    la      a0, consume
    mv      a1, s0
    call    thread_create
    bltz    a0, wrong
    mv      s1, a0
    call    yield
    la      a0, thread_buffer_text
    la      a1, produce
    call    row
    mv      a0, s1
    call    thread_join
    bnez    a1, wrong
    li      a0, 0
    leave   s0, s1, s2
wrong:
    say     "ipc: something is wrong\n"
    li      a0, 1
    call    exit

# --- measuring ---------------------------------------------------------------------------------------------
# row(a0: text, a1: function): measure and print one row of the table.
row:
    enter   s2
    mv      s2, a0
    mv      a0, a1
    call    measure
    mv      a0, s2
    call    print
    .irp    column, STAT_USER_TO_KERNEL, STAT_ADDRESS_SPACE, STAT_KERNEL_TO_USER, STAT_THREAD, \
                    STAT_KERNEL_INSTRUCTIONS, STAT_USER_INSTRUCTIONS
    difference a0, \column
    call    print_each
    .endr
    say     "\n"
    leave   s2

# print_each(a0: number for all messages): for one message, with two decimals.
print_each:
    enter   s2
    li      t0, 100
    mul     a0, a0, t0
    li      t0, MESSAGES
    divu    a0, a0, t0
    li      t0, 100
    remu    s2, a0, t0
    divu    a0, a0, t0
    li      a1, 8
    call    print_padded
    say     "."
    li      t0, 10
    divu    a0, s2, t0
    call    print_number
    li      t0, 10
    remu    a0, s2, t0
    call    print_number
    leave   s2

# --- the ways.  The first side gets the shared memory in a0, s1 is the other side; the second side is below.
call_kernel:                                # for comparison: there and back, and nothing else
    enter   s2
    li      s2, MESSAGES
1:  call    getpid
    addi    s2, s2, -1
    bnez    s2, 1b
    leave   s2

messages:
    enter   s2
    li      s2, ROUNDS
1:  mv      a0, s1
    call    send
    mv      a0, s1
    call    receive
    addi    s2, s2, -1
    bnez    s2, 1b
    leave   s2
answer_messages:
    enter   s2
    li      s2, ROUNDS
1:  mv      a0, s1
    call    receive
    mv      a0, s1
    call    send
    addi    s2, s2, -1
    bnez    s2, 1b
    leave   s2

# ping and pong(a0: shared memory): a word that both look at, and wait at while it is not their turn.
ping:
    enter   s0, s2
    mv      s0, a0
    li      s2, ROUNDS
1:  li      t0, 1
    sw      t0, TURN(s0)
    mv      a0, s0
    li      a1, 1
    call    futex_wake
    mv      a0, s0
    li      a1, 1
    call    wait_while
    addi    s2, s2, -1
    bnez    s2, 1b
    leave   s0, s2
pong:
    enter   s0, s2
    mv      s0, a0
    li      s2, ROUNDS
1:  mv      a0, s0
    li      a1, 0
    call    wait_while
    sw      zero, TURN(s0)
    mv      a0, s0
    li      a1, 1
    call    futex_wake
    addi    s2, s2, -1
    bnez    s2, 1b
    leave   s0, s2

# wait_while(a0: word, a1: value): until it has another one.
wait_while:
    enter   s0, s2
    mv      s0, a0
    mv      s2, a1
1:  lw      t0, (s0)
    bne     t0, s2, 2f
    mv      a0, s0
    mv      a1, s2
    call    futex_wait
    j       1b
2:  leave   s0, s2

# produce and consume(a0: shared memory): MESSAGES numbers through a buffer.  They signal only when the other
# side may be waiting, so the kernel is called once for a full buffer and not for each message.
produce:
    enter   s0, s2, s3
    mv      s0, a0
    li      s2, MESSAGES
1:  addi    a0, s0, LOCK
    call    mutex_lock
2:  lw      s3, COUNT(s0)
    li      t0, SLOTS
    bltu    s3, t0, 3f
    addi    a0, s0, NOT_FULL
    addi    a1, s0, LOCK
    call    condition_wait
    j       2b
3:  lw      t0, TAIL(s0)
    andi    t1, t0, SLOTS - 1
    slli    t1, t1, 2
    add     t1, t1, s0
    sw      s2, SLOT(t1)
    addi    t0, t0, 1
    sw      t0, TAIL(s0)
    addi    t0, s3, 1
    sw      t0, COUNT(s0)
    addi    a0, s0, LOCK
    call    mutex_unlock
    bnez    s3, 4f
    addi    a0, s0, NOT_EMPTY
    call    condition_signal
4:  addi    s2, s2, -1
    bnez    s2, 1b
    leave   s0, s2, s3
consume:                                    # its value: how many messages were not the ones that were to come
    enter   s0, s2, s3, s4
    mv      s0, a0
    li      s2, MESSAGES
    li      s4, 0
1:  addi    a0, s0, LOCK
    call    mutex_lock
2:  lw      s3, COUNT(s0)
    bnez    s3, 3f
    addi    a0, s0, NOT_EMPTY
    addi    a1, s0, LOCK
    call    condition_wait
    j       2b
3:  lw      t0, HEAD(s0)
    andi    t1, t0, SLOTS - 1
    slli    t1, t1, 2
    add     t1, t1, s0
    lw      t1, SLOT(t1)
    xor     t1, t1, s2
    snez    t1, t1
    add     s4, s4, t1
    addi    t0, t0, 1
    sw      t0, HEAD(s0)
    addi    t0, s3, -1
    sw      t0, COUNT(s0)
    addi    a0, s0, LOCK
    call    mutex_unlock
    li      t0, SLOTS
    bne     s3, t0, 4f
    addi    a0, s0, NOT_FULL
    call    condition_signal
4:  addi    s2, s2, -1
    bnez    s2, 1b
    mv      a0, s4
    leave   s0, s2, s3, s4

# --- the other process: it answers in all three ways, one after the other
partner:
    li      a0, 0
    call    share_attach
    bltz    a0, wrong
    mv      s0, a0
    li      s1, 1                           # the first process
    mv      a0, s1
    call    send
    bnez    a0, wrong
    call    answer_messages
    mv      a0, s0
    call    pong
    mv      a0, s0
    call    consume
    leave   s0, s1, s2

    .section .rodata
own_name:
    .asciz  "ipc"
partner_text:
    .asciz  "partner"
call_text:
    .asciz  "a system call, for comparison   "
message_text:
    .asciz  "processes: send and receive     "
process_futex_text:
    .asciz  "processes: shared word, futex   "
process_buffer_text:
    .asciz  "processes: shared buffer of 16  "
thread_futex_text:
    .asciz  "threads: shared word, futex     "
thread_buffer_text:
    .asciz  "threads: shared buffer of 16    "

    .bss
    .balign 4
memory:
    .zero   SHARED_SIZE
