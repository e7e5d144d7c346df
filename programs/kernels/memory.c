/* memory.c - functions that compilers call by themselves, to clear and to copy. */
#include <stddef.h>

void *memset(void *to, int value, size_t length) {
    for (unsigned char *byte = to; length--;) {
        *byte++ = (unsigned char)value;
        __asm__ volatile("" ::: "memory"); /* else the compiler would turn the loop into a memset, which calls itself */
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
