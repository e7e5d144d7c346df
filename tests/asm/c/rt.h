/* rt.h - all the runtime that the programs of this corpus have: a start, system calls, printing.
 *
 * No libc and no libgcc: whatever the compiler may call is here, in C.  The empty asm statements keep the
 * compiler from recognising a loop as the very function that it implements. */
#ifndef RT_H
#define RT_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

int main();
void start_c(int *stack) __attribute__((used));

__asm__(".text\n"
        ".globl _start\n"
        ".type _start, @function\n"
        "_start:\n"
        "\tmv a0, sp\n"
        "\tandi sp, sp, -16\n"
        "\tcall start_c\n"
        ".size _start, .-_start\n");

static int system_call(int number, int a, int b, int c)
{
    register int a0 __asm__("a0") = a;
    register int a1 __asm__("a1") = b;
    register int a2 __asm__("a2") = c;
    register int a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

static void quit(int status)
{
    for (;;)
        system_call(93, status, 0, 0);
}

void start_c(int *stack)
{
    quit(main(stack[0], (char **)(stack + 1)));
}

void *memcpy(void *to, const void *from, __SIZE_TYPE__ n)
{
    u8 *d = to;
    const u8 *s = from;
    while (n--) {
        *d++ = *s++;
        __asm__ volatile("");
    }
    return to;
}

void *memset(void *to, int value, __SIZE_TYPE__ n)
{
    u8 *d = to;
    while (n--) {
        *d++ = value;
        __asm__ volatile("");
    }
    return to;
}

static char out_buffer[256];
static int out_length;

static void flush(void)
{
    system_call(64, 1, (int)out_buffer, out_length);
    out_length = 0;
}

static void put_char(int c)
{
    out_buffer[out_length++] = c;
    if (c == '\n' || out_length == (int)sizeof out_buffer)
        flush();
}

static void put(const char *s)
{
    while (*s)
        put_char(*s++);
}

static void put_base(u32 value, u32 base)
{
    if (value >= base)
        put_base(value / base, base);
    put_char("0123456789abcdef"[value % base]);
}

static void put_int(int value)
{
    if (value < 0) {
        put_char('-');
        put_base(-(u32)value, 10);
    } else
        put_base(value, 10);
}

/* A labelled number on a line of its own. */
static __attribute__((unused)) void show(const char *label, int value)
{
    put(label);
    put(" = ");
    put_int(value);
    put_char('\n');
}

static __attribute__((unused)) void show_hex(const char *label, u32 value)
{
    put(label);
    put(" = 0x");
    put_base(value, 16);
    put_char('\n');
}
#endif
