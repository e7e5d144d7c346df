/* print.c - text on the UART. */
#include <stdarg.h>

#include "board.h"
#include "kernel.h"

void print_char(char letter) {
    while (!(MMIO8(UART_LINE_STATUS) & UART_EMPTY)) {
    }
    MMIO8(UART_DATA) = (uint8_t)letter;
}

static void print_number(uint32_t number, uint32_t base, uint32_t least) {
    char digits[10];
    uint32_t count = 0;
    while (number || count < least) {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    }
    while (count) print_char(digits[--count]);
}

void print(const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    for (; *format; format++) {
        if (*format != '%') {
            print_char(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            for (const char *text = va_arg(rest, const char *); *text; text++) print_char(*text);
            break;
        case 'u':
            print_number(va_arg(rest, uint32_t), 10, 1);
            break;
        case 'x':
            print_number(va_arg(rest, uint32_t), 16, 8);
            break;
        default:
            print_char(*format);
        }
    }
    va_end(rest);
}
