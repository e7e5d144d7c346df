# boot.s - from the first instruction in S mode to the first process, and the kernel's parameters.
#
# reset.s brings all harts here, or supervisor.s where an SBI lies below.  Hart 0 initializes the kernel, then
# the others join it.

    .include "burrow.inc"

    .globl  supervisor_first, supervisor_other, harts_present, kernel_ready, harts
    .globl  timer_period, random_seed, memory_size, init_name, init_arguments

    .text
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
    la      a3, host
    call    process_create
    bltz    a0, no_init
    start_harts
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
    la      t0, ready_queue                 # where only the hole XPUSHF ever puts the idle loop
    sw      t0, HART_IDLE + THREAD_HOME(tp)
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
    .zero   NAME_LENGTH                     # the first process, which build.py writes here
init_arguments:
    .zero   ARGUMENTS_LENGTH

    .data
    .balign 4
harts_present:
    .word   1
kernel_ready:
    .word   0

    .bss
    .balign 16
harts:
    .zero   HART_SIZE * MOST_HARTS
kernel_stacks:
    .zero   MOST_HARTS << KERNEL_STACK_SHIFT
