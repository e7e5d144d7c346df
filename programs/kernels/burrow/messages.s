# messages.s - messages between processes: send waits for a receiver, receive for a sender.
#
# A message is four words, in a1 to a4, copied from one frame to another and stored nowhere else: the side
# that comes first waits, and the other one copies the words.  Larger data go through shared memory
# (regions.s), and a message says where they are.

    .include "burrow.inc"

    .globl  call_send, call_receive, messages_end

    .text
# send(a0: process, a1 to a4: message)
call_send:
    enter
    sw      a0, THREAD_WAIT(s0)
    lw      a1, PROCESS_CONTAINER(s1)       # nobody outside can be addressed
    call    process_find
    beqz    a0, 3f
    lw      t0, PROCESS_ID(s1)
    lw      t1, PROCESS_RECEIVERS + QUEUE_FIRST(a0)
1:  beqz    t1, 4f                          # does one of its threads wait for this process?
    lw      t2, THREAD_WAIT(t1)
    bltz    t2, 2f
    beq     t2, t0, 2f
    lw      t1, THREAD_NEXT(t1)
    j       1b
2:  sw      t0, FRAME_A0(t1)
    mv      a0, t1
    mv      a1, s0
    call    move_message
    call    unlink
    call    make_ready
    li      a0, 0
    leave
3:  li      a0, ERROR_MISSING
    leave
4:  sw      zero, FRAME_A0(s0)
    addi    a0, a0, PROCESS_SENDERS
    j       block

# receive(a0: process or -1)
call_receive:
    enter   s2
    sw      a0, THREAD_WAIT(s0)
    lw      s2, PROCESS_SENDERS + QUEUE_FIRST(s1)
1:  beqz    s2, 3f
    lw      t0, THREAD_PROCESS(s2)
    lw      t0, PROCESS_ID(t0)
    bltz    a0, 2f
    beq     a0, t0, 2f
    lw      s2, THREAD_NEXT(s2)
    j       1b
2:  sw      t0, FRAME_A0(s0)
    mv      a0, s0
    mv      a1, s2
    call    move_message
    mv      a0, s2
    call    unlink
    call    make_ready
    lw      a0, FRAME_A0(s0)
    leave   s2
3:  bltz    a0, 4f
    lw      a1, PROCESS_CONTAINER(s1)
    call    process_find                    # with no such process, no message would ever come
    bnez    a0, 4f
    li      a0, ERROR_MISSING
    leave   s2
4:  addi    a0, s1, PROCESS_RECEIVERS
    j       block

# move_message(a0: receiver, a1: sender)
move_message:
    .irp    n, 0, 4, 8, 12
    lw      t2, FRAME_A1 + \n(a1)
    sw      t2, FRAME_A1 + \n(a0)
    .endr
    count   STAT_MESSAGE
    ret

# messages_end(a0: process that ends): fail its senders, and the receivers that wait for it.
messages_end:
    enter   s1, s2, s3
    mv      s1, a0
1:  addi    a0, s1, PROCESS_SENDERS
    call    dequeue
    beqz    a0, 2f
    li      t0, ERROR_MISSING
    sw      t0, FRAME_A0(a0)
    call    make_ready
    j       1b
2:  la      s2, threads
    la      s3, threads_end
3:  lw      t0, THREAD_STATE(s2)
    li      t1, THREAD_BLOCKED
    bne     t0, t1, 4f
    lw      t0, THREAD_PROCESS(s2)
    addi    t0, t0, PROCESS_RECEIVERS
    lw      t1, THREAD_QUEUE(s2)
    bne     t0, t1, 4f
    lw      t0, THREAD_WAIT(s2)
    lw      t1, PROCESS_ID(s1)
    bne     t0, t1, 4f
    lw      t0, THREAD_PROCESS(s2)          # another container may have the same number
    lw      t0, PROCESS_CONTAINER(t0)
    lw      t1, PROCESS_CONTAINER(s1)
    bne     t0, t1, 4f
    li      t0, ERROR_MISSING
    sw      t0, FRAME_A0(s2)
    mv      a0, s2
    call    unlink
    call    make_ready
4:  addi    s2, s2, THREAD_SIZE
    bltu    s2, s3, 3b
    leave   s1, s2, s3
