    .bss
    .balign 16
stack_pointer:
    .zero   4
snapshot:
    .zero   4
before:
    .zero   @SIZE@
after:
    .zero   @SIZE@
    .balign 16
    .zero   512
stack_end:
