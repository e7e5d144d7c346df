##### Every kind of call frame information
_start:
    .cfi_startproc
    addi sp, sp, -32
    .cfi_def_cfa_offset 32
    sw ra, 28(sp)
    sw s0, 24(sp)
    .cfi_offset ra, -4
    .cfi_offset 8, -8
    .space 300
    addi s0, sp, 32
    .cfi_def_cfa s0, 0
    .cfi_remember_state
    nop
    .cfi_restore ra
    .cfi_restore s0
    .cfi_def_cfa_register sp
    .cfi_adjust_cfa_offset -16
    .cfi_rel_offset s1, 4
    .cfi_register s2, s3
    .cfi_undefined s4
    .cfi_same_value s5
    .cfi_restore_state
    .cfi_escape 0x16, 1, 2, 3
    .space 70000
    .cfi_val_offset s6, -12
    .cfi_val_offset s6, 12
    .cfi_def_cfa sp, -8
    .cfi_offset 100, -4
    ret
    .cfi_endproc
##### Functions share what they can
_start:
    .cfi_startproc
    nop
    .cfi_def_cfa_offset 16
    .cfi_endproc
    .cfi_startproc
    .cfi_def_cfa_offset 32
    nop
    .cfi_offset ra, 4
    .cfi_endproc
    .cfi_startproc simple
    nop
    .cfi_def_cfa sp, 16
    .cfi_endproc
    .cfi_startproc
    .cfi_signal_frame
    nop
    .cfi_endproc
    .cfi_startproc
    .cfi_return_column 5
    nop
    .cfi_endproc
    .section .text.x, "ax"
    .cfi_startproc
    nop
    .cfi_def_cfa_offset 16
    .cfi_endproc
##### Personalities and exception tables
_start:
    .cfi_startproc
    .cfi_personality 0x9b, personality
    .cfi_lsda 0x1b, table
    nop
    .cfi_endproc
    .cfi_startproc
    .cfi_personality 0, personality
    .cfi_lsda 0, table
    nop
    .cfi_endproc
    .cfi_startproc
    .cfi_personality 0xff
    .cfi_lsda 0xff
    nop
    .cfi_endproc
personality:
    ret
    .data
table:
    .word 1, 2
##### Alignments inside of a function
_start:
    nop
    .cfi_startproc
    nop
    .balign 16
    nop
    .cfi_def_cfa_offset 16
    nop
    .balign 64
    .cfi_def_cfa_offset 32
    nop
    .balign 32
    nop
    .cfi_def_cfa_offset 64
    .cfi_endproc
##### Both tables, and branches that grow between the places
    .cfi_sections .eh_frame, .debug_frame
_start:
    .cfi_startproc
    beqz a0, far
    .cfi_def_cfa_offset 16
    beqz a0, far
    .cfi_def_cfa_offset 32
    .space 5000
far:
    .cfi_endproc
##### Equal entries of several files are one, and those of dropped groups are none
_start:
    .cfi_startproc
    nop
    .cfi_def_cfa_offset 16
    .cfi_endproc
    .section .text.same, "axG", @progbits, same, comdat
same:
    .cfi_startproc
    nop
    .cfi_endproc
#### file
    .text
    .cfi_startproc
    nop
    .cfi_offset ra, -4
    .cfi_endproc
    .section .text.same, "axG", @progbits, same, comdat
    .cfi_startproc
    nop
    .cfi_endproc
#### file
    .section .text.same, "axG", @progbits, same, comdat
    .cfi_startproc
    .cfi_undefined s1
    nop
    .cfi_endproc
