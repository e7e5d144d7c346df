# guests.s - which guest runs, for how long, and how one begins and ends.
#
# All guests are in memory from the start and take turns; one that waits in wfi gives its turn away.  When all wait,
# so does the hart, until the earliest of their timers.  A guest that ends leaves the others alone, and with the last
# one the machine ends.

    .include "warren.inc"

    .globl  guests_prepare, schedule, wake, guest_ends, guest_crashes, guest_resets, load_mxr, guest_records, guest_table

    .text
guests_prepare:
    enter   s0, s1
    la      tp, guest_records
    la      s0, guest_table                 # s0: its configuration
    li      s1, 0                           # s1: its number
1:  sw      s1, GUEST_NUMBER(tp)
    la      t0, guest_table
    sub     t0, s0, t0
    sw      t0, GUEST_CONFIGURATION(tp)
    lw      t0, CONFIGURED_PAGE(s0)
    sw      t0, GUEST_PAGE(tp)
    lw      t0, CONFIGURED_PAGES(s0)
    sw      t0, GUEST_PAGES(tp)
    call    shadow_prepare
    call    guest_start
    li      t0, GUEST_SIZE
    add     tp, tp, t0
    addi    s0, s0, CONFIGURED_SIZE
    addi    s1, s1, 1
    li      t0, GUESTS
    bne     s1, t0, 1b
    la      tp, guest_records
    call    load_guest
    call    begin_slice
    leave   s0, s1

# guest_start(): put its kernel in place, and its hart and devices in their first state.
guest_start:
    enter   s0, s1, s2, s3
    call    open_memory
    la      s0, guest_table
    lw      t0, GUEST_CONFIGURATION(tp)
    add     s1, s0, t0                      # s1: its configuration
    lw      t0, CONFIGURED_PARTS(s1)
    add     s0, s0, t0                      # s0: what to copy: to, from, bytes, bytes with the zeros behind
1:  lw      t0, 0(s0)
    beqz    t0, 4f
    lw      t1, 4(s0)
    lw      t2, 8(s0)
    lw      t3, 12(s0)
    add     t2, t2, t0
    add     t3, t3, t0
2:  bgeu    t0, t2, 3f
    lw      t4, (t1)
    sw      t4, (t0)
    addi    t1, t1, 4
    addi    t0, t0, 4
    j       2b
3:  bgeu    t0, t3, 5f
    sw      zero, (t0)
    addi    t0, t0, 4
    j       3b
5:  addi    s0, s0, 16
    j       1b

4:  fence.i
    mv      t0, tp
    addi    t1, tp, GUEST_PAGE
    call    clear
    addi    t0, tp, UART_IER
    addi    t1, tp, CONTEXTS
    call    clear
    sw      zero, GUEST_STATE(tp)
    sw      zero, GUEST_STATUS(tp)
    call    devices_prepare
    lw      t0, CONFIGURED_TREE(s1)
    sw      t0, VHART_A1(tp)
    lw      t0, CONFIGURED_ENTRY(s1)
    sw      t0, VHART_PC(tp)
    andi    t0, t0, ~3
    sw      t0, VHART_STVEC(tp)             # as our SBI leaves it
    li      t0, 1
    sw      t0, VHART_MODE(tp)
    li      t0, -1
    sw      t0, VHART_DEADLINE(tp)
    sw      t0, VHART_DEADLINE + 4(tp)
    li      s2, 0                           # its clocks begin
6:  mv      a0, s2
    call    read_counter
    slli    t1, s2, 3
    add     t1, t1, tp
    sw      a0, VHART_BEGIN(t1)
    sw      a1, VHART_BEGIN + 4(t1)
    addi    s2, s2, 1
    li      t0, 3
    bne     s2, t0, 6b
    call    forget_all
    call    choose_root
    leave   s0, s1, s2, s3

# clear(t0: from, t1: to): zeros.
clear:
    sw      zero, (t0)
    addi    t0, t0, 4
    bltu    t0, t1, clear
    ret

# load_guest(): what the real hart has of the guest in tp.
load_guest:
    lw      t0, VHART_SP(tp)
    csrw    sscratch, t0
    lw      t0, VHART_PC(tp)
    csrw    sepc, t0

# load_mxr(): the guest's MXR is also the real one.
load_mxr:
    li      t0, STATUS_MXR
    lw      t1, VHART_SSTATUS(tp)
    and     t1, t1, t0
    csrc    sstatus, t0
    csrs    sstatus, t1
    ret

# wake(a0: guest): run it again if it waits and need not any longer.  Changes t0 and t1.
wake:
    lw      t0, VHART_SIP(a0)
    lw      t1, VHART_SIE(a0)
    and     t0, t0, t1
    beqz    t0, 1f
    lw      t0, GUEST_STATE(a0)
    li      t1, GUEST_WAITING
    bne     t0, t1, 1f
    sw      zero, GUEST_STATE(a0)
1:  ret

# schedule: run the next guest that can run.  Does not return.
schedule:
    call    flush_line
    mv      s0, tp                          # s0: who is looked at
    li      s1, GUESTS
    li      s2, GUESTS                      # s2: how many are left
    li      s3, GUEST_SIZE
    la      s4, guest_records
1:  lw      t0, GUEST_NUMBER(s0)
    add     s0, s0, s3
    addi    t0, t0, 1
    bne     t0, s1, 2f
    mv      s0, s4
2:  lw      t0, GUEST_STATE(s0)
    beqz    t0, 5f
    addi    s2, s2, -1
    bnez    s2, 1b

    li      s2, GUESTS                      # nobody can: is anybody left?
3:  lw      t0, GUEST_STATE(s4)
    li      t1, GUEST_WAITING
    beq     t0, t1, 4f
    add     s4, s4, s3
    addi    s2, s2, -1
    bnez    s2, 3b
    j       shut_down
4:  call    wants_input
    beqz    a0, 6f
    call    poll_input
    bnez    a0, schedule
6:  call    program_timer
    wfi
    call    timer_service
    j       schedule

5:  beq     s0, tp, 7f
    csrr    t0, sscratch
    sw      t0, VHART_SP(tp)
    csrr    t0, sepc
    sw      t0, VHART_PC(tp)
    mv      tp, s0
    count   STAT_SWITCH
    call    load_guest
7:  call    begin_slice
    call    program_timer
    j       check_interrupts

# guest_resets: it boots again.
guest_resets:
    call    flush_line
    call    guest_start
    call    load_guest
    j       check_interrupts

# guest_ends(a0: status): it has switched itself off.
guest_ends:
    mv      s0, a0
    call    flush_line
    .if     GUESTS > 1
    la      a0, ended_text
    call    print_about
    mv      a0, s0
    call    print_number
    call    print_newline
    .endif
    mv      a0, s0
gone:
    sw      a0, GUEST_STATUS(tp)
    lw      t0, worst_status
    bgeu    t0, a0, 1f
    sw      a0, worst_status, t0
1:  li      t0, GUEST_ENDED
    sw      t0, GUEST_STATE(tp)
    li      t0, -1
    sw      t0, VHART_DEADLINE(tp)
    sw      t0, VHART_DEADLINE + 4(tp)
    call    change_focus
    j       schedule

# guest_crashes(a0: cause, a1: address or instruction, a2: pc): it could never go on.
guest_crashes:
    mv      s0, a0
    mv      s1, a1
    mv      s2, a2
    call    flush_line
    la      a0, crashed_text
    call    print_about
    mv      a0, s0
    call    print_hex
    la      a0, value_text
    call    print_text
    mv      a0, s1
    call    print_hex
    la      a0, pc_text
    call    print_text
    mv      a0, s2
    call    print_hex
    call    print_newline
    li      a0, STATUS_CRASHED
    j       gone

    .section .rodata
ended_text:
    .asciz  " ended with status "
crashed_text:
    .asciz  " can never go on: its trap handler traps at its first instruction, cause "
value_text:
    .asciz  ", address "
pc_text:
    .asciz  ", pc "

    .balign 4
guest_table:
    GUEST_TABLE

    .bss
    .balign 8
guest_records:
    .zero   GUESTS * GUEST_SIZE
