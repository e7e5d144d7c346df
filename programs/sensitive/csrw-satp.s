# csrw-satp.s - a supervisor changes the address space; the same load then finds another word.
#
# isa: rv32ima
#
# What it shows
#   In S mode the write takes effect: the load behind it reads another frame.  The instruction is
#   control-sensitive, since satp is what relocates a program.  In U mode it traps and nothing changes.
#
# How to run it
#   trapline boot programs/sensitive/csrw-satp.s

    .include "stage.inc"

main:
    mv      s11, ra
    call    build_tables
    li      t0, STATUS_SUM
    csrs    mstatus, t0                     # S mode may read the window, a page of U mode
    la      s4, root_two                    # prepare both, so that the program is there in either
    mv      a0, s4
    li      a1, MODE_S
    call    translate
    la      a0, root_one
    li      a1, MODE_S
    call    translate
    srli    s4, s4, 12
    li      t0, SATP_SV32
    or      s4, s4, t0
    say     "S mode, first table: lw "
    try     MODE_S, load
    call    after
    say     "S mode, csrw satp of the second table: lw "
    try     MODE_S, change_and_load
    call    after

    la      a0, root_one
    li      a1, MODE_U
    call    translate
    say     "U mode, first table: lw "
    try     MODE_U, load
    call    after
    say     "U mode: csrw satp "
    try     MODE_U, change_and_load
    call    after
    say     "U mode, after it: lw "
    try     MODE_U, load
    call    after
    jr      s11

change_and_load:
    csrw    satp, a0
    sfence.vma
load:
    li      a0, 0
    li      t0, WINDOW
    lw      a0, (t0)
    ecall

after:
    mv      s10, ra
    call    outcome
    li      t0, CAUSE_ILLEGAL_INSTRUCTION
    beq     s0, t0, 1f
    say     ", a0 is "
    show    s1
1:  call    newline
    jr      s10

    .include "tables.inc"
