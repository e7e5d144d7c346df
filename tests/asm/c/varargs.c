/* varargs.c - a small printf: arguments of unknown number and size, in registers and on the stack. */
#include "int64.h"

typedef __builtin_va_list va_list;

static void print_number(u64 value, unsigned base, int width, char pad, int negative)
{
    char digits[24];
    int n = 0;
    do
        digits[n++] = "0123456789abcdef"[value % base];
    while (value /= base);
    if (negative)
        digits[n++] = '-';
    for (; width > n; width--)
        put_char(pad);
    while (n)
        put_char(digits[--n]);
}

static void print_list(const char *format, va_list list)
{
    for (; *format; format++) {
        int width = 0, wide = 0;
        char pad = ' ';
        if (*format != '%') {
            put_char(*format);
            continue;
        }
        if (*++format == '0')
            pad = *format++;
        while (*format >= '0' && *format <= '9')
            width = width * 10 + *format++ - '0';
        while (*format == 'l')
            wide++, format++;
        switch (*format) {
        case 'd': {
            s64 value = wide == 2 ? __builtin_va_arg(list, s64) : __builtin_va_arg(list, int);
            print_number(value < 0 ? -(u64)value : (u64)value, 10, width, pad, value < 0);
            break;
        }
        case 'u':
        case 'x':
            print_number(wide == 2 ? __builtin_va_arg(list, u64) : __builtin_va_arg(list, u32),
                         *format == 'u' ? 10 : 16, width, pad, 0);
            break;
        case 'c':
            put_char(__builtin_va_arg(list, int));
            break;
        case 's': {
            const char *s = __builtin_va_arg(list, const char *);
            put(s ? s : "(null)");
            break;
        }
        case '%':
            put_char('%');
        }
    }
}

static __attribute__((noinline)) void print(const char *format, ...)
{
    va_list list;
    __builtin_va_start(list, format);
    print_list(format, list);
    __builtin_va_end(list);
}

static __attribute__((noinline)) int sum(int count, ...)
{
    va_list list, again;
    int total = 0;
    __builtin_va_start(list, count);
    __builtin_va_copy(again, list);
    for (int i = 0; i < count; i++)
        total += __builtin_va_arg(list, int);
    for (int i = 0; i < count; i++)
        total ^= __builtin_va_arg(again, int) << i;
    __builtin_va_end(again);
    __builtin_va_end(list);
    return total;
}

int main(int argc, char **argv)
{
    (void)argv;
    print("%d %5d|%05d|%u %x %08x %c %s %s %%\n", -argc, 42, -42, -1, 0xbeef, 0xbeef, 'c', "string", (char *)0);
    print("%lld %d %llx %d %llu\n", -1234567890123LL, 1, 0xfedcba9876543210ULL, 2, 18446744073709551615ULL);
    print("%d %d %d %d %d %d %d %d %d %d %d %d\n", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    print("%d\n", sum(12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -12));
    return sum(argc + 2, 10, 20, 30) & 0xff;
}
