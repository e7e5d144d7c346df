# boot.s - from reset to the first process, and the little that remains in M mode.
#
# Every hart begins here in M mode.  M mode opens all memory to the lower modes (PMP), delegates traps and
# interrupts to S mode, and keeps the two that this machine does not give to S mode: the CLINT's timer and
# its interrupts between harts.  Hart 0 initializes the kernel while the others wait.

    .include "burrow.inc"

    .globl  _start, harts
    .globl  timer_period, random_seed, memory_size, init_name, init_arguments

    .text
_start:
    csrr    s0, mhartid
    li      t0, MOST_HARTS
    bgeu    s0, t0, park
    la      t0, machine_trap
    csrw    mtvec, t0
    la      t1, machine_frames
    slli    t0, s0, 4
    add     t1, t1, t0
    csrw    mscratch, t1
    li      t0, -1                          # open all memory to all modes
    csrw    pmpaddr0, t0
    li      t0, PMP_NAPOT | PMP_R | PMP_W | PMP_X
    csrw    pmpcfg0, t0
    li      t0, -1 & ~(1 << CAUSE_ECALL_S)  # every exception but ecalls from S mode
    csrw    medeleg, t0
    li      t0, INTERRUPT_SSI | INTERRUPT_STI | INTERRUPT_SEI
    csrw    mideleg, t0
    li      t0, 7                           # S mode and U mode may read cycle, time and instret
    csrw    mcounteren, t0
    csrw    scounteren, t0
    li      t0, INTERRUPT_MSI               # the timer's bit is set when S mode asks for it
    csrw    mie, t0

    beqz    s0, first_hart
    la      t0, harts_present               # tell hart 0 that this hart is here...
    li      t1, 1
    sll     t1, t1, s0
    amoor.w.aqrl zero, t1, (t0)
    la      t0, kernel_ready
1:  lw      t1, (t0)                        # ...before checking: hart 0 wakes those that it has seen
    bnez    t1, 2f
    wfi
    j       1b
2:  fence   r, rw
    j       to_supervisor

first_hart:
    la      t0, supervisor_first
    j       3f
to_supervisor:
    la      t0, supervisor_other
3:  csrw    mepc, t0
    mv      a0, s0
    li      t0, STATUS_MPP
    csrc    mstatus, t0
    li      t0, STATUS_MPP_S
    csrs    mstatus, t0
    mret

park:
    wfi
    j       park

# --- M mode after boot ---------------------------------------------------------------------------------
    .balign 4
machine_trap:
    csrrw   sp, mscratch, sp
    sw      t0, 0(sp)
    sw      t1, 4(sp)
    csrr    t0, mcause
    bgez    t0, machine_call
    andi    t0, t0, 15
    li      t1, 3
    beq     t0, t1, software_interrupt
    li      t1, INTERRUPT_STI               # the timer: pass it on to S mode, then stay quiet until the next call
    csrs    mip, t1
    li      t1, INTERRUPT_MTI
    csrc    mie, t1
    j       machine_return
software_interrupt:
    csrr    t0, mhartid
    slli    t0, t0, 2
    li      t1, CLINT
    add     t0, t0, t1
    sw      zero, (t0)
    csrsi   mip, INTERRUPT_SSI
    j       machine_return

machine_call:
    li      t1, CAUSE_ECALL_S
    bne     t0, t1, machine_fault
    csrr    t0, mepc
    addi    t0, t0, 4
    csrw    mepc, t0
    beqz    a7, machine_set_timer
    li      t1, MACHINE_SEND_IPI
    bne     a7, t1, machine_unknown
    slli    t0, a0, 2
    li      t1, CLINT
    add     t0, t0, t1
    li      t1, 1
    sw      t1, (t0)
    j       machine_return
machine_set_timer:
    csrr    t0, mhartid
    slli    t0, t0, 3
    li      t1, MTIMECMP
    add     t0, t0, t1
    li      t1, -1                          # so that it is never earlier than both deadlines
    sw      t1, 4(t0)
    sw      a0, 0(t0)
    sw      a1, 4(t0)
    li      t0, INTERRUPT_STI
    csrc    mip, t0
    li      t0, INTERRUPT_MTI
    csrs    mie, t0
    j       machine_return
machine_unknown:
    li      a0, MACHINE_NO_SUCH_CALL        # a hypercall, but no hypervisor below to serve it
machine_return:
    lw      t0, 0(sp)
    lw      t1, 4(sp)
    csrrw   sp, mscratch, sp
    mret
machine_fault:                              # M mode itself has trapped: the state cannot be trusted
    li      t0, FINISHER
    li      t1, 255 << 16 | FINISHER_FAIL
    sw      t1, (t0)
    j       park

# --- S mode, hart 0 -----------------------------------------------------------------------------------
supervisor_first:
    call    hart_begin
    check_hypervisor
    la      t0, crossing_cost
    lw      t1, (t0)
    lw      t2, unlock_cost
    add     t1, t1, t2
    sw      t1, (t0)
    call    memory_prepare
    call    console_prepare
    la      a0, init_name
    la      a1, init_arguments
    li      a2, 0
    call    process_create
    bltz    a0, no_init
    la      t0, kernel_ready
    li      t1, 1
    fence   rw, w
    sw      t1, (t0)
    lw      s2, harts_present
    fence   rw, rw
    li      s3, 1
4:  srl     t0, s2, s3                      # wake the harts that wait in wfi
    andi    t0, t0, 1
    beqz    t0, 5f
    mv      a0, s3
    li      a7, MACHINE_SEND_IPI
    ecall
5:  addi    s3, s3, 1
    li      t0, MOST_HARTS
    bltu    s3, t0, 4b
    call    lock_kernel
    j       schedule

no_init:
    la      a0, no_init_text
    la      a1, init_name
    call    panic

# --- S mode, the others -------------------------------------------------------------------------------
supervisor_other:
    call    hart_begin
    call    lock_kernel
    j       schedule

# hart_begin(a0: number): initialize a hart: tp, its record and stack, traps, the kernel's page table.
hart_begin:
    la      tp, harts
    li      t0, HART_SIZE
    mul     t0, t0, a0
    add     tp, tp, t0
    sw      a0, HART_ID(tp)
    la      sp, kernel_stacks
    addi    t0, a0, 1
    slli    t0, t0, KERNEL_STACK_SHIFT
    add     sp, sp, t0
    sw      sp, HART_STACK(tp)
    sw      tp, HART_IDLE + THREAD_HART(tp)
    la      t0, kernel_process
    sw      t0, HART_IDLE + THREAD_PROCESS(tp)
    addi    t0, tp, HART_IDLE
    sw      t0, HART_LAST(tp)
    li      t0, 1
    sw      t0, HART_FROM_IDLE(tp)
    csrw    sscratch, zero                  # 0: a trap from here is a bug in the kernel
    la      t0, supervisor_trap
    csrw    stvec, t0
    check_mode wrong_mode
    li      t0, STATUS_SPP                  # as if this were a trap from the idle loop
    csrs    sstatus, t0
    li      t0, INTERRUPT_SSI | INTERRUPT_STI | INTERRUPT_SEI
    csrw    sie, t0
    ret
wrong_mode:
    la      a0, wrong_mode_text
    la      a1, init_name
    call    panic

    .section .rodata
no_init_text:
    .asciz  "cannot start the first process: "
wrong_mode_text:
    .asciz  "this is not S mode; before the first process: "

# --- parameters that may be changed in RAM before the start ---------------------------------------------
    .section parameters, "aw"
    .balign 4
timer_period:
    .word   TIMER_PERIOD                    # time slice of a thread, in ticks of 100 ns
random_seed:
    .word   RANDOM_SEED                     # not 0: each slice has a random length up to that
memory_size:
    .word   MEMORY_SIZE                     # bytes of RAM that Burrow uses, a multiple of 4 MiB
init_name:
    INIT_NAME
    .org    init_name + NAME_LENGTH
init_arguments:
    INIT_ARGUMENTS
    .org    init_arguments + ARGUMENTS_LENGTH

    .data
    .balign 4
harts_present:
    .word   1
kernel_ready:
    .word   0

    .bss
    .balign 16
machine_frames:
    .zero   16 * MOST_HARTS
harts:
    .zero   HART_SIZE * MOST_HARTS
kernel_stacks:
    .zero   MOST_HARTS << KERNEL_STACK_SHIFT
