# shell.s - the first process: reads and executes commands.  `help` lists them.
    .include "user.inc"

    .equ    LINE, 128

    .text
    .globl  main
main:
    say     "Burrow. Type help for help.\n"
prompt:
1:  li      a0, -1                          # report background processes that have ended
    li      a1, 1
    call    wait
    blez    a0, 2f
    call    report
    j       1b
2:  say     "$ "
    la      a0, line
    li      a1, LINE - 1
    call    read
    blez    a0, shell_exit                  # the end of the input
    la      t0, line
    add     t0, t0, a0
    sb      zero, -1(t0)                    # the newline
    la      a0, line
    call    take_word
    mv      s0, a0                          # s0: the command, s1: its arguments
    mv      s1, a1
    lbu     t0, (s0)
    beqz    t0, prompt
    la      s2, commands
3:  lw      a1, 0(s2)
    beqz    a1, run                         # no command of the shell: a program
    mv      a0, s0
    call    text_equal
    bnez    a0, 4f
    addi    s2, s2, 8
    j       3b
4:  lw      t0, 4(s2)
    jr      t0

shell_run:                                  # run NAME ARGUMENTS, for programs called like a command
    mv      a0, s1
    call    take_word
    mv      s0, a0
    mv      s1, a1
run:                                        # in the background, if the line ends with &
    mv      a0, s1
    call    text_length
    li      s2, 0
    beqz    a0, 2f
    add     t0, s1, a0
    lbu     t1, -1(t0)
    li      t2, '&'
    bne     t1, t2, 2f
    li      s2, 1
1:  sb      zero, -1(t0)                    # it and the blanks before it are not arguments
    addi    t0, t0, -1
    beq     t0, s1, 2f
    lbu     t1, -1(t0)
    li      t2, ' '
    beq     t1, t2, 1b
2:  mv      a0, s0
    mv      a1, s1
    call    spawn
    bltz    a0, 4f
    mv      s3, a0
    bnez    s2, 3f
    call    foreground
    mv      a0, s3
    li      a1, 0
    call    wait
    mv      s3, a1
    mv      s2, a0
    li      a0, 0
    call    foreground
    beqz    s3, prompt
    mv      a0, s2
    mv      a1, s3
    call    report
    j       prompt
3:  say     "["
    say_number s3
    say     "]\n"
    j       prompt
4:  li      t0, ERROR_MISSING
    bne     a0, t0, 5f
    mv      a0, s0
    call    print
    say     ": no such program\n"
    j       prompt
5:  li      t0, ERROR_FORBIDDEN
    bne     a0, t0, 6f
    mv      a0, s0
    call    print
    say     ": not allowed in this container\n"
    j       prompt
6:  mv      a0, s0
    call    print
    say     ": cannot be started\n"
    j       prompt

# report(a0: process, a1: status): print how it ended.
report:
    enter   s0, s1
    mv      s0, a0
    mv      s1, a1
    say     "["
    say_number s0
    say     "] "
    andi    t0, s1, STATUS_FAULT
    bnez    t0, 1f
    andi    t0, s1, STATUS_KILLED
    bnez    t0, 2f
    say     "exit "
    say_number s1
    say     "\n"
    leave   s0, s1
1:  say     "fault "
    andi    s1, s1, 0xff
    say_number s1
    say     "\n"
    leave   s0, s1
2:  say     "killed\n"
    leave   s0, s1

shell_help:
    say     "list           the files of the image\n"
    say     "run NAME ...   run a program; run may be left out, & at the end: in the background\n"
    say     "ps             the processes\n"
    say     "kill NUMBER    end a process\n"
    say     "stats          what the kernel has counted\n"
    say     "Ctrl-C         end the program that the shell waits for\n"
    say     "poweroff       end the machine; exit ends the shell, and so the machine too\n"
    j       prompt

shell_list:
    li      s0, 0
1:  mv      a0, s0
    la      a1, entry
    call    list
    bltz    a0, prompt
    bnez    a0, 4f                          # hidden by another layer
    lw      a0, entry + ENTRY_BYTES
    li      a1, 6
    call    print_padded
    lw      t0, entry + ENTRY_KIND
    beqz    t0, 2f
    say     "  program  "
    j       3f
2:  say     "  text     "
3:  la      a0, entry + ENTRY_NAME
    call    print
    say     "\n"
4:  addi    s0, s0, 1
    j       1b

shell_ps:
    say     "process parent threads pages name\n"
    li      s0, 0
1:  mv      a0, s0
    la      a1, info
    call    ps
    bltz    a0, prompt
    addi    s0, s0, 1
    beqz    a0, 1b
    lw      a0, info + INFO_PROCESS
    li      a1, 7
    call    print_padded
    lw      a0, info + INFO_PARENT
    li      a1, 7
    call    print_padded
    lw      a0, info + INFO_THREADS
    li      a1, 8
    call    print_padded
    lw      a0, info + INFO_PAGES
    li      a1, 6
    call    print_padded
    say     " "
    la      a0, info + INFO_NAME
    call    print
    lw      t0, info + INFO_STATE
    li      t1, 1
    beq     t0, t1, 3f
    say     " (ended)"
3:  lw      s1, info + INFO_CONTAINER
    beqz    s1, 2f
    say     " in container "
    say_number s1
2:  say     "\n"
    j       1b

shell_kill:
    mv      a0, s1
    call    parse_number
    beqz    a1, 1f
    mv      s3, a0
    call    kill
    bnez    a0, 1f
    mv      a0, s3                          # if it is a child of the shell
    li      a1, 0
    call    wait
    blez    a0, prompt
    call    report
    j       prompt
1:  say     "kill: no such process\n"
    j       prompt

shell_stats:
    la      a0, counters
    li      a1, STATS
    call    stats
    li      s0, 0
    la      s1, stat_names
1:  slli    t0, s0, 2
    la      t1, counters
    add     t0, t0, t1
    lw      a0, (t0)
    li      a1, 10
    call    print_padded
    say     " "
    mv      a0, s1
    call    print
    say     "\n"
    mv      a0, s1
    call    text_length
    add     s1, s1, a0
    addi    s1, s1, 1
    addi    s0, s0, 1
    li      t0, STATS
    bltu    s0, t0, 1b
    j       prompt

shell_poweroff:
    li      a0, 0
    call    poweroff

shell_exit:
    li      a0, 0
    call    exit

    .section .rodata
    .macro  command name, function
    .section .rodata
9:  .asciz  "\name"
    .section .commands, "a"
    .word   9b, \function
    .section .rodata
    .endm
    .section .commands, "a"
    .balign 4
commands:
    command "help", shell_help
    command "list", shell_list
    command "run", shell_run
    command "ps", shell_ps
    command "kill", shell_kill
    command "stats", shell_stats
    command "exit", shell_exit
    command "poweroff", shell_poweroff
    .section .commands, "a"
    .word   0
    .section .rodata
stat_names:                                 # in the order of calls.inc
    .asciz  "traps from user mode", "returns to user mode", "address-space switches", "thread switches"
    .asciz  "system calls", "timer interrupts", "interrupts between harts", "console interrupts"
    .asciz  "faults", "messages", "processes made", "processes gone", "library calls of ended processes"
    .asciz  "instructions in the kernel", "instructions in user mode", "free pages", "threads"

    .bss
    .balign 4
line:
    .zero   LINE
entry:
    .zero   ENTRY_SIZE
    .balign 4
info:
    .zero   INFO_SIZE
counters:
    .zero   4 * STATS
