# traps.s - entering and leaving the kernel.
#
# In user mode sscratch holds the address of the running thread's record; in the kernel it is 0.  A trap
# saves all registers in that record, so a waiting thread consists of its record alone, and the kernel
# needs a stack per hart but none per thread: a thread that blocks jumps to `schedule` and abandons the
# stack.  The kernel runs with interrupts off; only the idle loop, a thread in S mode, has them on.
#
# In the kernel: tp is the hart's record, s0 the current thread, s1 its process.

    .include "burrow.inc"

    .globl  supervisor_trap, resume, idle_loop, panic, code_generation, crossing_cost, poweroff

    .text
    .balign 4
supervisor_trap:
    csrrw   sp, sscratch, sp
    beqz    sp, kernel_fault
    save_registers sp
    mv      s0, sp
    csrrw   t0, sscratch, zero
    sw      t0, FRAME_SP(s0)
    csrr    t0, sepc
    sw      t0, FRAME_PC(s0)
    lw      tp, THREAD_HART(s0)
    lw      sp, HART_STACK(tp)
    csrr    s2, scause
entered:
    csrr    t0, instret
    sw      t0, HART_ENTRY(tp)
    call    lock_kernel
    lw      s1, THREAD_PROCESS(s0)
    previous_mode
    sw      t0, HART_FROM_IDLE(tp)
    bnez    t0, 1f
    count   STAT_USER_TO_KERNEL
    lw      t2, HART_ENTRY(tp)
    lw      t0, HART_EXIT(tp)
    sub     t2, t2, t0
    lw      t0, crossing_cost
    sub     t2, t2, t0
    count_more STAT_USER_INSTRUCTIONS, t2
1:  lw      t0, PROCESS_STATE(s1)           # another hart may have ended the process meanwhile
    li      t1, PROCESS_ALIVE
    bne     t0, t1, thread_dies
    li      t0, CAUSE_ECALL_U
    beq     s2, t0, system_call
    bgez    s2, exception
    li      t0, CAUSE_TIMER
    beq     s2, t0, timer_interrupt
    li      t0, CAUSE_SOFTWARE
    bne     s2, t0, 2f
    csrci   sip, INTERRUPT_SSI              # another hart wants attention
    count   STAT_IPI
    j       3f
2:  count   STAT_DEVICE
    call    console_interrupt
3:  lw      t0, HART_FROM_IDLE(tp)          # the idle loop ends when there is work
    bnez    t0, schedule
    j       resume

# An exception of a user program.  It ends the process with a message, unless a stale translation caused it:
# another hart may have changed the page tables while this one was in user mode.
exception:
    lw      t0, PROCESS_GENERATION(s1)
    lw      t1, HART_GENERATION(tp)
    bne     t0, t1, resume
    csrr    s3, stval
    count   STAT_FAULT
    mv      a0, s2
    mv      a1, s3
    call    report_fault
    mv      a0, s1
    li      a1, STATUS_FAULT
    or      a1, a1, s2
    call    process_kill
    j       thread_dies

# resume: leave the kernel with the thread in s0, the current thread of this hart.
resume:
    lw      s1, THREAD_PROCESS(s0)
    lw      t0, PROCESS_STATE(s1)
    li      t1, PROCESS_ALIVE
    bne     t0, t1, thread_dies

    lw      a0, PROCESS_ROOT(s1)            # its address space, unless already active
    lw      t0, HART_ROOT(tp)
    lw      t2, PROCESS_GENERATION(s1)
    lw      t1, HART_GENERATION(tp)
    sw      t2, HART_GENERATION(tp)
    beq     a0, t0, 1f
    sw      a0, HART_ROOT(tp)
    set_page_table
    count   STAT_ADDRESS_SPACE
    j       2f
1:  beq     t1, t2, 2f
    sfence.vma                              # its tables have changed since
2:  lw      t0, code_generation
    lw      t1, HART_CODE(tp)
    beq     t0, t1, 3f
    sw      t0, HART_CODE(tp)
    fence.i                                 # programs were loaded since
3:  call    arm_timer

    addi    t0, tp, HART_RESERVATION        # an lr.w of one thread must not meet the sc.w of another
    sc.w    zero, zero, (t0)
    addi    t0, tp, HART_IDLE
    xor     t0, t0, s0
    seqz    t0, t0                          # t0: back to the idle loop, in S mode?
    lw      t1, HART_FROM_IDLE(tp)
    snez    t1, t1
    beq     t0, t1, 5f                      # sstatus is right except for these two bits:
    li      t1, STATUS_SPP
    li      t2, STATUS_SPIE
    bnez    t0, 4f
    csrc    sstatus, t1                     # from the idle loop to user mode, where interrupts are on
    csrs    sstatus, t2
    j       5f
4:  csrs    sstatus, t1                     # to the idle loop, which turns interrupts on by itself
    csrc    sstatus, t2
5:  bnez    t0, 6f
    count   STAT_KERNEL_TO_USER
6:
leaving:
    csrr    t2, instret
    sw      t2, HART_EXIT(tp)
    lw      t0, HART_ENTRY(tp)
    sub     t2, t2, t0
    lw      t0, crossing_cost
    add     t2, t2, t0
    count_more STAT_KERNEL_INSTRUCTIONS, t2
    call    unlock_kernel
    return_to_user
left:

# idle_loop: a hart without a thread runs this.  Every interrupt looks for a thread, so none is missed.
idle_loop:
    interrupts_on
1:  wait_for_interrupt
    j       1b

# The kernel itself has trapped, which is a bug: print where, and stop.
kernel_fault:
    la      sp, panic_stack_end
    csrr    s2, scause
    csrr    s3, sepc
    csrr    s4, stval
    la      a0, kernel_fault_text
    call    print_text
    mv      a0, s2
    call    print_hex
    la      a0, at_text
    call    print_text
    mv      a0, s4
    call    print_hex
    la      a0, pc_text
    call    print_text
    mv      a0, s3
    call    print_hex
    la      a0, newline_text
    call    print_text
    li      a0, 254
    j       poweroff

# panic(a0, a1: texts): print them and stop; the kernel cannot continue.
panic:
    enter   s0
    mv      s0, a1
    mv      s1, a0
    la      a0, panic_text
    call    print_text
    mv      a0, s1
    call    print_text
    mv      a0, s0
    call    print_text
    la      a0, newline_text
    call    print_text
    li      a0, 253

# poweroff(a0: status): end the run; the test finisher passes with 0 and fails otherwise.
poweroff:
    li      t0, FINISHER
    li      t1, FINISHER_PASS
    beqz    a0, 1f
    slli    t1, a0, 16
    li      t2, FINISHER_FAIL
    or      t1, t1, t2
1:  sw      t1, (t0)
    j       1b

# report_fault(a0: scause, a1: stval): the line that names process, cause and address.  s0 and s1 as always.
report_fault:
    enter   s2, s3
    mv      s2, a0
    mv      s3, a1
    lw      t0, PROCESS_CONTAINER(s1)       # at the console of its container
    la      t1, speaking_for
    sw      t0, (t1)
    la      a0, process_text
    call    print_text
    lw      a0, PROCESS_ID(s1)
    call    print_number
    la      a0, open_text
    call    print_text
    addi    a0, s1, PROCESS_NAME
    call    print_text
    la      a0, close_text
    call    print_text
    li      t0, CAUSE_ILLEGAL_INSTRUCTION
    bne     s2, t0, 1f
    lw      a0, FRAME_PC(s0)                # all instructions that require a mode have this opcode
    li      a1, PTE_X
    mv      a2, s1
    call    user_address
    beqz    a0, 1f
    lw      s3, (a0)                        # not every machine has the instruction in stval
    andi    t0, s3, 0x7f
    li      t1, 0x73
    la      a0, privileged_text
    beq     t0, t1, 3f
1:  la      a0, unknown_text
    li      t0, 16
    bgeu    s2, t0, 3f
    la      t0, cause_texts
    slli    t1, s2, 2
    add     t0, t0, t1
    lw      a0, (t0)
3:  call    print_text
    mv      a0, s3
    call    print_hex
    la      a0, pc_text
    call    print_text
    lw      a0, FRAME_PC(s0)
    call    print_hex
    la      a0, newline_text
    call    print_text
    la      t0, host
    la      t1, speaking_for
    sw      t0, (t1)
    leave   s2, s3

    .section .rodata
kernel_fault_text:
    .asciz  "burrow: the kernel has trapped: scause "
panic_text:
    .asciz  "burrow: "
at_text:
    .asciz  ", stval "
pc_text:
    .asciz  ", pc "
process_text:
    .asciz  "burrow: process "
open_text:
    .asciz  " ("
close_text:
    .asciz  ") ended: "
newline_text:
    .asciz  "\n"
privileged_text:
    .asciz  "privileged instruction "
unknown_text:
    .asciz  "unknown exception, stval "
    .macro  cause text
    .section .rodata
9:  .asciz  "\text "
    .section .causes, "a"
    .word   9b
    .section .rodata
    .endm
    .section .causes, "a"
    .balign 4
cause_texts:                                # by number
    cause   "misaligned instruction address"
    cause   "instruction access fault at address"
    cause   "illegal instruction"
    cause   "breakpoint, stval"
    cause   "misaligned load at address"
    cause   "load access fault at address"
    cause   "misaligned store at address"
    cause   "store access fault at address"
    cause   "call from user mode"
    cause   "call from supervisor mode"
    cause   "unknown exception, stval"
    cause   "call from machine mode"
    cause   "instruction page fault at address"
    cause   "load page fault at address"
    cause   "unknown exception, stval"
    cause   "store page fault at address"

    .data
    .balign 4
code_generation:
    .word   0
crossing_cost:                              # instructions of a trap before and after the reads of instret;
    .word   (entered - supervisor_trap + left - leaving) / 4        # boot.s adds those of unlock_kernel

    .bss
    .balign 16
    .zero   512
panic_stack_end:
