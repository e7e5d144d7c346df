/* syscall.c - system calls: the number is in a7, arguments in a0 and a1, the result in a0. */
#include "kernel.h"
#include "user.h"

void system_call(struct frame *frame) {
    uint32_t first = frame->x[A0], second = frame->x[A1];
    switch (frame->x[A7]) {
    case SYSTEM_WRITE: {
        const char *bytes = user_bytes(first, second);
        frame->x[A0] = bytes ? second : (uint32_t)-1;
        if (bytes)
            for (uint32_t i = 0; i < second; i++) print_char(bytes[i]);
        break;
    }
    case SYSTEM_TICKS:
        frame->x[A0] = timer_ticks();
        break;
    case SYSTEM_EXIT:
        process_exit(frame, first);
        break;
    default:
        frame->x[A0] = (uint32_t)-1;
    }
}
