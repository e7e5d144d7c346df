# ecall.s - from M mode down to U mode, and back through `ecall`: what a system call is made of.
#
# What it shows
#   `mret` is the way down: it goes to the address in mepc, in the mode that mstatus.MPP names.  `ecall`
#   is the way up: the hart goes to mtvec, in M mode, with the reason in mcause and the address of the
#   ecall in mepc.  To return behind the ecall, the handler adds 4 to mepc.
#   Without a PMP entry that allows it, U mode may not touch any memory: one entry opens all of it.
#
# How to run it
#   trapline boot programs/boot/ecall.s             exit status 7, which U mode asks for

    .include "board.inc"
    .include "trap.inc"

    .equ    SERVICE_PRINT, 1                # the services of this little system, in a7
    .equ    SERVICE_ADD, 2
    .equ    SERVICE_EXIT, 3

    .text
    .globl  _start
_start:
    bnez    a0, park
    la      sp, machine_stack_end

    la      t0, trap                        # where traps go
    csrw    mtvec, t0
    la      t0, trap_stack_end
    csrw    mscratch, t0

    li      t0, -1                          # PMP entry 0: all addresses...
    csrw    pmpaddr0, t0
    li      t0, PMP_NAPOT | PMP_R | PMP_W | PMP_X
    csrw    pmpcfg0, t0                     # ...may be read, written and executed

    la      a0, going_down
    call    print_string
    la      t0, user
    csrw    mepc, t0
    li      t0, STATUS_MPP
    csrc    mstatus, t0                     # MPP = 0: U mode
    la      sp, user_stack_end
    mret

# --- U mode: it cannot touch a control register, and it could be kept from the UART ------------------
user:
    la      a0, user_text
    li      a7, SERVICE_PRINT
    ecall
    li      a0, 30
    li      a1, 12
    li      a7, SERVICE_ADD
    ecall
    li      t0, 42
    bne     a0, t0, wrong_sum
    la      a0, user_sum
    li      a7, SERVICE_PRINT
    ecall
    li      a0, 7
    li      a7, SERVICE_EXIT
    ecall
wrong_sum:
    li      a0, 1
    li      a7, SERVICE_EXIT
    ecall

# --- M mode: the handler -----------------------------------------------------------------------------
trap:
    trap_enter mscratch
    csrr    t0, mcause
    li      t1, CAUSE_ECALL_U
    bne     t0, t1, unexpected
    csrr    t0, mepc                        # return behind the ecall
    addi    t0, t0, 4
    csrw    mepc, t0

    li      t0, SERVICE_PRINT
    beq     a7, t0, service_print
    li      t0, SERVICE_ADD
    beq     a7, t0, service_add
    li      t0, SERVICE_EXIT
    beq     a7, t0, finish
    j       unexpected

service_print:
    call    print_string
    j       trap_return
service_add:
    add     a0, a0, a1
    sw      a0, FRAME_A0(sp)                # the caller finds it in its a0
trap_return:
    trap_leave mscratch
    mret

unexpected:
    la      a0, unexpected_trap
    call    print_string
    csrr    a0, mcause
    call    print_hex
    call    print_newline
    li      a0, 2
    call    finish

    .include "console.inc"

    .section .rodata
going_down:
    .asciz  "M: going down to U\n"
user_text:
    .asciz  "U: printed by M for me\n"
user_sum:
    .asciz  "U: M says that 30 + 12 is 42\n"
unexpected_trap:
    .asciz  "M: unexpected trap, mcause "

    .bss
    .balign 16
    .zero   1024
machine_stack_end:
    .zero   1024
trap_stack_end:
    .zero   1024
user_stack_end:
