/* memory.c - what compilers call without being asked, to clear and to copy. */
#include <stddef.h>

void *memset(void *to, int value, size_t length) {
    for (unsigned char *byte = to; length--;) {
        *byte++ = (unsigned char)value;
        __asm__ volatile("" ::: "memory"); /* else the loop would be taken for a memset, and call itself */
    }
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    const unsigned char *source = from;
    for (unsigned char *byte = to; length--;) {
        *byte++ = *source++;
        __asm__ volatile("" ::: "memory");
    }
    return to;
}
