# lib.s - the user library: functions on top of the system calls.
#
# Arguments are in a0 to a4, results in a0 and a1; t0 to t6 and a0 to a7 may change, s0 to s11 and sp do not.
# The first part has one function for each system call; the kernel knows nothing of the second part.

    .include "user.inc"

    .globl  library_calls, heap_lock

    .text
    .globl  _start
_start:                                     # a0: arguments, a1: their length
    call    main
    call    exit

# --- system calls: the same name, arguments and results as in calls.inc --------------------------------------
    .macro  system_call name, number
    library_function \name
    li      a7, \number
    ecall
    ret
    .endm

    system_call exit, CALL_EXIT
    system_call spawn, CALL_SPAWN
    system_call wait, CALL_WAIT
    system_call getpid, CALL_GETPID
    system_call yield, CALL_YIELD
    system_call sleep, CALL_SLEEP
    system_call kill, CALL_KILL
    system_call sbrk, CALL_SBRK
    system_call ps, CALL_PS
    system_call write, CALL_WRITE
    system_call read, CALL_READ
    system_call open, CALL_OPEN
    system_call read_file, CALL_READ_FILE
    system_call list, CALL_LIST
    system_call thread_exit, CALL_THREAD_EXIT
    system_call thread_join, CALL_THREAD_JOIN
    system_call futex_wait, CALL_FUTEX_WAIT
    system_call futex_wake, CALL_FUTEX_WAKE
    system_call send, CALL_SEND
    system_call receive, CALL_RECEIVE
    system_call share_create, CALL_SHARE_CREATE
    system_call share_attach, CALL_SHARE_ATTACH
    system_call stats, CALL_STATS
    system_call time, CALL_TIME
    system_call poweroff, CALL_POWEROFF
    system_call foreground, CALL_FOREGROUND
    system_call disk, CALL_DISK
    system_call container_create, CALL_CONTAINER_CREATE
    system_call container_enter, CALL_CONTAINER_ENTER
    system_call container_info, CALL_CONTAINER_INFO
    system_call image_info, CALL_IMAGE_INFO

# --- threads ------------------------------------------------------------------------------------------------
# thread_create(a0: function, a1: its argument): the thread's number.  What the function returns is its value.
library_function thread_create
    mv      a2, a1
    mv      a1, a0
    la      a0, thread_begin
    li      a7, CALL_THREAD_CREATE
    ecall
    ret
thread_begin:                               # a0: function, a1: argument
    mv      t0, a0
    mv      a0, a1
    jalr    t0
    call    thread_exit

# A mutex is a word: 0 free, 1 locked, 2 locked with possible waiters (Drepper, "Futexes are tricky").
# mutex_lock(a0: mutex)
library_function mutex_lock
1:  lr.w.aq t0, (a0)
    bnez    t0, lock_contended
    li      t1, 1
    sc.w    t0, t1, (a0)
    bnez    t0, 1b
    ret
lock_contended:
    li      a1, 2
    amoswap.w.aq t0, a1, (a0)
    beqz    t0, 1f
    mv      t2, a0
    li      a7, CALL_FUTEX_WAIT             # woken or not, retry
    ecall
    mv      a0, t2
    j       lock_contended
1:  ret

# mutex_unlock(a0: mutex)
library_function mutex_unlock
    amoswap.w.rl t0, zero, (a0)
    li      t1, 2
    bne     t0, t1, 1f
    li      a1, 1
    li      a7, CALL_FUTEX_WAKE
    ecall
1:  ret

# A condition is a word that counts signals.
# condition_wait(a0: condition, a1: mutex, held): release the mutex, wait, lock it again.
library_function condition_wait
    enter   s0, s1, s2
    mv      s0, a0
    mv      s1, a1
    lw      s2, (s0)
    mv      a0, s1
    call    mutex_unlock
    mv      a0, s0
    mv      a1, s2                          # a signal meanwhile has changed the word
    call    futex_wait
    mv      a0, s1
    call    lock_contended                  # others may have been woken too
    leave   s0, s1, s2

# condition_signal(a0: condition): wake one waiter.  condition_broadcast: wake all.
library_function condition_signal
    li      a1, 1
    j       1f
library_function condition_broadcast
    li      a1, -1
1:  li      t1, 1
    amoadd.w.rl zero, t1, (a0)
    li      a7, CALL_FUTEX_WAKE
    ecall
    ret

# --- text and output -----------------------------------------------------------------------------------------
    .include "text.inc"

# --- memory -------------------------------------------------------------------------------------------------
# allocate(a0: bytes): 16-byte aligned memory, or 0.  release(a0: what allocate gave).
# A block has a header of 16 bytes, its size in the first word; free blocks are in a list, first fit.
library_function allocate
    enter   s0, s1
    addi    s0, a0, 31
    andi    s0, s0, -16                     # s0: the size with the header
    sltu    t0, s0, a0
    li      a0, 0
    bnez    t0, 5f
    la      a0, heap_lock
    call    mutex_lock
    la      t0, free_blocks                 # t0: where the address of the block in t1 is stored
1:  lw      t1, (t0)
    beqz    t1, 2f
    lw      t2, 0(t1)
    bgeu    t2, s0, 3f
    addi    t0, t1, 4
    j       1b
2:  mv      a0, s0
    call    sbrk
    bltz    a0, 6f
    mv      s1, a0
    sw      s0, 0(s1)
    j       4f
3:  lw      t2, 4(t1)                       # out of the list, as a whole
    sw      t2, (t0)
    mv      s1, t1
4:  la      a0, heap_lock
    call    mutex_unlock
    addi    a0, s1, 16
5:  leave   s0, s1
6:  la      a0, heap_lock
    call    mutex_unlock
    li      a0, 0
    leave   s0, s1

library_function release
    enter   s0
    addi    s0, a0, -16
    la      a0, heap_lock
    call    mutex_lock
    la      t0, free_blocks
    lw      t1, (t0)
    sw      t1, 4(s0)
    sw      s0, (t0)
    la      a0, heap_lock
    call    mutex_unlock
    leave   s0

    .data
    .balign 16
library_calls:
    .word   0
heap_lock:
    .word   0
free_blocks:
    .word   0
