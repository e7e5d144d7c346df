# interfaces.s - the interfaces of a computer, and how often a program crosses each of them.
#
# A computer system offers its programs interfaces at several levels (Tanenbaum and van Steen, "Distributed
# Systems", on virtualization): library calls, made of system calls, made of machine instructions, some of
# which only the kernel may execute.  Each can be imitated: a library by another one, system calls by a
# process virtual machine, instructions by a hypervisor.  What the imitation costs depends on how often it is crossed.
#
# This program does some things, ROUNDS times each, and prints how often it called the library, how
# often the library called the kernel, and how many instructions the programs and the kernel did.
#
#     trapline demo interfaces --stats
#     trapline demo interfaces --technique trap --stats
#
# The machine itself tells, at the end of both commands, how often it trapped; and since the hypervisor has the kernel
# run in user mode, `exits: illegal instruction` is how many privileged instructions that kernel has executed.
    .include "user.inc"
    .include "measure.inc"

    .equ    ROUNDS, 20

    .text
    .globl  main
main:
    enter   s0
    lbu     t0, (a0)
    bnez    t0, child                       # `interfaces child` ends at once
    call    calibrate
    say     "20 times                      calls of library  of kernel     instructions of programs  of kernel\n"
    .macro  activity text, function
    .section .rodata
9:  .asciz  "\text"
    .text
    la      a0, 9b
    la      a1, \function
    call    row
    .endm
    activity "add up the numbers to 100     ", add_up
    activity "the length of a text          ", length
    activity "a mutex that nobody else has  ", lock
    activity "memory: take, give back       ", memory
    activity "who am I?                     ", who
    activity "a message to oneself          ", message
    activity "a thread: create, join        ", thread
    activity "a process: spawn, wait        ", process
    li      a0, 0
    leave   s0
child:
    li      a0, 0
    leave   s0

# row(a0: text, a1: function): do it ROUNDS times.
row:
    enter   s0, s1
    mv      s1, a0
    mv      s0, a1
    la      a0, repeat
    call    measure
    mv      a0, s1
    call    print
    difference a0, COUNT_LIBRARY
    li      a1, 16
    call    print_padded
    difference a0, STAT_CALL
    li      a1, 11
    call    print_padded
    difference a0, STAT_USER_INSTRUCTIONS
    li      a1, 29
    call    print_padded
    difference a0, STAT_KERNEL_INSTRUCTIONS
    li      a1, 11
    call    print_padded
    say     "\n"
    leave   s0, s1

# repeat(a0: function): call it ROUNDS times.
repeat:
    enter   s0, s1
    mv      s0, a0
    li      s1, ROUNDS
1:  jalr    s0
    addi    s1, s1, -1
    bnez    s1, 1b
    leave   s0, s1

# --- what is done ------------------------------------------------------------------------------------------
add_up:
    li      t0, 100
    li      t1, 0
1:  add     t1, t1, t0
    addi    t0, t0, -1
    bnez    t0, 1b
    ret

length:
    la      a0, own_name
    j       text_length

lock:
    enter
    la      a0, mutex
    call    mutex_lock
    la      a0, mutex
    call    mutex_unlock
    leave

memory:
    enter
    li      a0, 100
    call    allocate
    call    release
    leave

who:
    j       getpid

message:                                    # another thread receives it
    enter   s0
    la      a0, receiver
    call    thread_create
    mv      s0, a0
    call    getpid
    call    send
    mv      a0, s0
    call    thread_join
    leave   s0
receiver:
    enter
    li      a0, -1
    call    receive
    leave

thread:
    enter
    la      a0, return
    call    thread_create
    call    thread_join
    leave
return:
    ret

process:
    enter
    la      a0, own_name
    la      a1, child_text
    call    spawn
    li      a1, 0
    call    wait
    leave

    .section .rodata
own_name:
    .asciz  "interfaces"
child_text:
    .asciz  "child"

    .bss
    .balign 4
mutex:
    .zero   4
