# deep.s - a recursion without an end: below the stack nothing is mapped.
    .include "user.inc"

    .text
    .globl  main
main:
    enter
    call    main
    leave
