# syscalls.s - dispatches system calls by the number in a7.
#
# A function call_NAME gets the program's arguments in a0 to a3, and the thread and its process in s0 and s1.
# It returns the result in a0, and stores a second result at FRAME_A1.  A function that must wait sets
# FRAME_A0 itself, or leaves that to whatever ends the wait, and jumps to `block`.

    .include "burrow.inc"

    .globl  system_call, system_calls, call_forbidden, statistics

    .text
system_call:
    count   STAT_CALL
    lw      t0, FRAME_PC(s0)                # resume after the ecall
    addi    t0, t0, 4
    sw      t0, FRAME_PC(s0)
    lw      t0, FRAME_A7(s0)
    li      a0, ERROR_INVALID
    li      t1, CALLS
    bgeu    t0, t1, 1f
    lw      t1, PROCESS_CALLS(s1)           # those that its container does not allow are call_forbidden
    slli    t0, t0, 2
    add     t1, t1, t0
    lw      t1, (t1)
    lw      a0, FRAME_A0(s0)
    lw      a1, FRAME_A1(s0)
    lw      a2, FRAME_A2(s0)
    lw      a3, FRAME_A3(s0)
    jalr    t1
1:  sw      a0, FRAME_A0(s0)
    j       resume

call_forbidden:
    answer  ERROR_FORBIDDEN

# stats(a0: buffer, a1: words)
call_stats:
    enter
    lw      t0, free_pages
    la      t1, statistics
    sw      t0, 4 * STAT_FREE_PAGES(t1)
    li      t0, STATS
    bgeu    t0, a1, 1f
    mv      a1, t0
1:  slli    a2, a1, 2
    la      a1, statistics
    mv      a3, s1
    call    copy_to_user
    bnez    a0, 2f
    li      a0, STATS
2:  leave

call_poweroff:
    andi    a0, a0, 0xff
    j       poweroff

    .section .rodata
    .balign 4
system_calls:                               # in the order of calls.inc
    .word   call_exit, call_spawn, call_wait, call_getpid, call_yield, call_sleep, call_kill, call_sbrk
    .word   call_ps, call_write, call_read, call_open, call_read_file, call_list
    .word   call_thread_create, call_thread_exit, call_thread_join, call_futex_wait, call_futex_wake
    .word   call_send, call_receive, call_share_create, call_share_attach
    .word   call_stats, call_time, call_poweroff, call_foreground, call_disk
    .word   call_container_create, call_container_enter, call_container_info, call_image_info

    .bss
    .balign 4
statistics:
    .zero   4 * STATS
