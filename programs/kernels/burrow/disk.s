# disk.s - a disk that consists of its delay alone, for asynchronous transfers.
#
# A transfer takes as long as the program asks for.  At its end the kernel adds 1 to a word of the program and
# wakes the threads that wait at it, as futex_wake does.  Meanwhile the program runs on and can start more
# transfers; one word can count many of them.  A process's transfers end with it.

    .include "burrow.inc"

    .globl  call_disk, disk_complete, disk_cancel

    # --- transfer record
    .equ    TRANSFER_PROCESS, 0             # the process that started it; 0: the record is free
    .equ    TRANSFER_WORD, 4                # physical address of the word
    .equ    TRANSFER_DUE, 8                 # mtime, 64 bits
    .equ    TRANSFER_SIZE, 16

    .text
# disk(a0: ticks, a1: address of a word)
call_disk:
    enter   s2
    mv      s2, a0
    mv      a0, a1
    call    futex_word
    mv      t2, a0
    li      a0, ERROR_ADDRESS
    beqz    t2, 3f
    li      a0, ERROR_MEMORY
    lw      t3, PROCESS_CONTAINER(s1)
    branch_at_limit t3, TRANSFERS, 3f
    charge  t3, TRANSFERS
    la      t3, transfers
    la      t4, transfers_end
1:  lw      t0, TRANSFER_PROCESS(t3)
    beqz    t0, 2f
    addi    t3, t3, TRANSFER_SIZE
    bltu    t3, t4, 1b
    j       3f
2:  sw      s1, TRANSFER_PROCESS(t3)
    sw      t2, TRANSFER_WORD(t3)
    mv      a0, s2
    call    time_after
    sw      a0, TRANSFER_DUE(t3)
    sw      a1, TRANSFER_DUE + 4(t3)
    call    wake_at
    li      a0, 0
3:  leave   s2

# disk_complete(s0, s1: mtime; s3, s4: the earliest deadline): end the transfers that are due, and make s3
# and s4 no later than the others.
disk_complete:
    enter   s2, s5
    la      s2, transfers
    la      s5, transfers_end
2:  lw      t0, TRANSFER_PROCESS(s2)
    beqz    t0, 4f
    lw      t0, TRANSFER_DUE(s2)
    lw      t1, TRANSFER_DUE + 4(s2)
    branch_before s0, s1, t0, t1, 3f
    lw      t2, TRANSFER_PROCESS(s2)
    lw      t2, PROCESS_CONTAINER(t2)
    charge  t2, TRANSFERS, -1
    sw      zero, TRANSFER_PROCESS(s2)
    lw      a0, TRANSFER_WORD(s2)
    li      t0, 1
    amoadd.w zero, t0, (a0)                 # programs on other harts may change it too
    li      a1, -1
    call    wake_waiters
    j       4f
3:  branch_before s3, s4, t0, t1, 4f
    mv      s3, t0
    mv      s4, t1
4:  addi    s2, s2, TRANSFER_SIZE
    bltu    s2, s5, 2b
    leave   s2, s5

# disk_cancel(a0: process that ends): its pages must not be written any more.
disk_cancel:
    la      t1, transfers
    la      t2, transfers_end
    lw      t4, PROCESS_CONTAINER(a0)
1:  lw      t3, TRANSFER_PROCESS(t1)
    bne     t3, a0, 2f
    sw      zero, TRANSFER_PROCESS(t1)
    charge  t4, TRANSFERS, -1
2:  addi    t1, t1, TRANSFER_SIZE
    bltu    t1, t2, 1b
    ret

    .bss
    .balign 4
transfers:
    .zero   TRANSFER_SIZE * MOST_TRANSFERS
transfers_end:
