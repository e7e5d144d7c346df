# timer.s - time: a clock for each guest, its timer, time slices, and when to look at the console.
#
# The machine has one timer.  It is set to the earliest of what is to come: the timer of a guest, the end of a time
# slice if others wait for theirs, the next look for input.  Setting it is a call of the level below, so it is set
# only when that changes.

    .include "warren.inc"

    .globl  timer_interrupt, timer_service, program_timer, read_low, read_counter, begin_slice, set_guest_timer, poll_soon

    .text
# read_low(a0: 0 cycle, 1 time, 2 instret): its lower half.
read_low:
    beqz    a0, 1f
    addi    a0, a0, -1
    beqz    a0, 2f
    csrr    a0, instret
    ret
1:  csrr    a0, cycle
    ret
2:  csrr    a0, time
    ret

# read_counter(a0: likewise): all 64 bits, in a0 and a1.  Changes t0.
    .macro  read_both counter
77: csrr    a1, \counter\()h
    csrr    a0, \counter
    csrr    t0, \counter\()h
    bne     t0, a1, 77b
    .endm
read_counter:
    beqz    a0, 1f
    addi    a0, a0, -1
    beqz    a0, 2f
    read_both instret
    ret
1:  read_both cycle
    ret
2:  read_both time
    ret

timer_interrupt:
    count   STAT_TIMER
    call    flush_line                      # what the guest has begun to print can be seen by now
    call    timer_service
    bnez    a0, schedule
    call    program_timer
    j       check_interrupts

# timer_service(): do what is due; a0: whether the time slice is over.
timer_service:
    enter   s0, s1, s2, s3
    li      a0, 1
    call    read_counter
    mv      s2, a0                          # s2, s3: the time
    mv      s3, a1
    lw      t0, programmed
    lw      t1, programmed + 4
    branch_before s2, s3, t0, t1, 1f
    la      t0, programmed                  # it has fired: whatever is next has to be set
    sw      zero, 0(t0)
    sw      zero, 4(t0)
1:  la      s0, guest_records
    li      s1, GUESTS
2:  lw      t0, VHART_DEADLINE(s0)
    lw      t1, VHART_DEADLINE + 4(s0)
    branch_before s2, s3, t0, t1, 3f
    li      t0, -1
    sw      t0, VHART_DEADLINE(s0)
    sw      t0, VHART_DEADLINE + 4(s0)
    lw      t0, VHART_SIP(s0)
    ori     t0, t0, INTERRUPT_STI
    sw      t0, VHART_SIP(s0)
    mv      a0, s0
    call    wake
3:  li      t0, GUEST_SIZE
    add     s0, s0, t0
    addi    s1, s1, -1
    bnez    s1, 2b
    lw      t0, poll_at
    lw      t1, poll_at + 4
    branch_before s2, s3, t0, t1, 4f
    li      t0, POLL_PERIOD
    add     t0, t0, s2
    sltu    t1, t0, s2
    add     t1, t1, s3
    la      t2, poll_at
    sw      t0, 0(t2)
    sw      t1, 4(t2)
    call    wants_input
    beqz    a0, 4f
    call    poll_input
4:  lw      t0, slice_end
    lw      t1, slice_end + 4
    li      a0, 0
    branch_before s2, s3, t0, t1, 5f
    li      a0, 1
5:  leave   s0, s1, s2, s3

# begin_slice(): the guest that runs now has a whole one; without others, it has no end.
begin_slice:
    .if     GUESTS > 1
    enter
    li      a0, 1
    call    read_counter
    li      t0, SLICE
    add     t0, t0, a0
    sltu    t1, t0, a0
    add     t1, t1, a1
    la      t2, slice_end
    sw      t0, 0(t2)
    sw      t1, 4(t2)
    leave
    .else
    ret
    .endif

# poll_soon(): look for input at the next opportunity.
poll_soon:
    la      t0, poll_at
    sw      zero, 0(t0)
    sw      zero, 4(t0)
    ret

# program_timer(): ask the level below for the earliest of all that is to come.
program_timer:
    enter   s0, s1
    li      s0, -1                          # s0, s1: the earliest so far
    li      s1, -1
    la      t2, guest_records
    li      t3, GUESTS
    li      t4, 0                           # t4: guests that want to run
1:  lw      t0, GUEST_STATE(t2)
    bnez    t0, 2f
    addi    t4, t4, 1
2:  lw      t0, VHART_DEADLINE(t2)
    lw      t1, VHART_DEADLINE + 4(t2)
    branch_before s0, s1, t0, t1, 3f
    mv      s0, t0
    mv      s1, t1
3:  li      t0, GUEST_SIZE
    add     t2, t2, t0
    addi    t3, t3, -1
    bnez    t3, 1b
    addi    t4, t4, -2
    bltz    t4, 4f
    lw      t0, slice_end
    lw      t1, slice_end + 4
    branch_before s0, s1, t0, t1, 4f
    mv      s0, t0
    mv      s1, t1
4:  call    wants_input
    beqz    a0, 5f
    lw      t0, poll_at
    lw      t1, poll_at + 4
    branch_before s0, s1, t0, t1, 5f
    mv      s0, t0
    mv      s1, t1
5:  la      t2, programmed
    lw      t0, 0(t2)
    lw      t1, 4(t2)
    bne     t0, s0, 6f
    beq     t1, s1, 7f
6:  sw      s0, 0(t2)
    sw      s1, 4(t2)
    mv      a0, s0
    mv      a1, s1
    li      a6, TIME_SET_TIMER
    li      a7, SBI_TIME
    ecall
    li      t0, SBI_SUCCESS
    beq     a0, t0, 7f
    mv      a0, s0                          # an old SBI
    mv      a1, s1
    li      a7, SBI_LEGACY_SET_TIMER
    ecall
7:  leave   s0, s1

# set_guest_timer(a0, a1: the guest's time): its timer is pending from then on.
set_guest_timer:
    and     t0, a0, a1
    addi    t0, t0, 1
    beqz    t0, 1f                          # all ones: never
    lw      t0, VHART_BEGIN + 8(tp)
    lw      t1, VHART_BEGIN + 12(tp)
    add     a0, a0, t0
    sltu    t0, a0, t0
    add     t2, a1, t1
    sltu    t3, t2, t1
    add     a1, t2, t0
    sltu    t0, a1, t2
    or      t0, t0, t3
    beqz    t0, 1f
    li      a0, -1                          # after the end of time
    li      a1, -1
1:  sw      a0, VHART_DEADLINE(tp)
    sw      a1, VHART_DEADLINE + 4(tp)
    lw      t0, VHART_SIP(tp)
    andi    t0, t0, ~INTERRUPT_STI
    sw      t0, VHART_SIP(tp)
    j       program_timer

    .data
    .balign 8
programmed:                                 # what the level below was asked for; 0: whatever comes is new
    .word   -1, -1
slice_end:
    .word   -1, -1
poll_at:
    .word   0, 0
