    .equ    FINISHER, 0x100000              # QEMU's `virt` board
    .equ    CLINT, 0x2000000
    .equ    MTIMECMP, CLINT + 0x4000
    .equ    MTIME, CLINT + 0xbff8
    .equ    PLIC, 0xc000000
    .equ    UART, 0x10000000
    .equ    NOP, 0x00000013
    .equ    ECALL, 0x00000073
    .equ    INSTRUCTION, @WORD@         # @TEXT@
    .equ    PLACE, @PLACE@               # where it is executed
    .equ    OTHER_FRAME, @FRAMES_B@             # distance to the same page in the other frames
    .equ    MPRV_AND_MIE, 1 << 17 | 1 << 3
    .equ    AS_SUPERVISOR, 1 << 17 | 1 << 11    # mstatus: M mode loads as S mode does
