/* dispatch.c - jumps to computed places: switch tables, function pointers, computed goto, a state machine. */
#include "rt.h"

static __attribute__((noinline)) int dense(int k, int x)
{
    switch (k) {
    case -2: return x + 11;
    case -1: return x - 7;
    case 0: return x * 3;
    case 1: return x ^ 0x55;
    case 2: return x << 4;
    case 3: return x >> 1;
    case 4: x += 100; /* fall through */
    case 5: return x % 17;
    case 6: return ~x;
    case 8: return -x;
    default: return 0;
    }
}

static __attribute__((noinline)) const char *sparse(u32 k)
{
    switch (k) {
    case 1: return "one";
    case 1000: return "thousand";
    case 1000000: return "million";
    case 0x80000000: return "top bit";
    case 0xffffffff: return "all bits";
    default: return "other";
    }
}

typedef int (*binary)(int, int);
static int add(int a, int b) { return a + b; }
static int sub(int a, int b) { return a - b; }
static int mul(int a, int b) { return a * b; }
static int divide(int a, int b) { return b ? a / b : 0; }
static const struct {
    char symbol;
    binary apply;
} operators[] = {{'+', add}, {'-', sub}, {'*', mul}, {'/', divide}};

/* A reverse Polish calculator: digits, blanks and operators, driven by a table of states. */
static int calculate(const char *s)
{
    enum { BLANK, NUMBER } state = BLANK;
    int stack[8], depth = 0;
    for (;; s++) {
        if (*s >= '0' && *s <= '9') {
            if (state == BLANK)
                stack[depth++] = 0;
            stack[depth - 1] = stack[depth - 1] * 10 + *s - '0';
            state = NUMBER;
            continue;
        }
        state = BLANK;
        if (!*s)
            return stack[0];
        for (unsigned i = 0; i < sizeof operators / sizeof *operators; i++)
            if (operators[i].symbol == *s) {
                depth--;
                stack[depth - 1] = operators[i].apply(stack[depth - 1], stack[depth]);
            }
    }
}

/* A byte code interpreter whose table holds addresses of labels. */
static int interpret(const u8 *code, int x)
{
    static const void *const table[] = {&&halt, &&increment, &&twice, &&jump_if_small, &&negate};
    const u8 *pc = code;
    goto *table[*pc];
increment:
    x++;
    goto *table[*++pc];
twice:
    x += x;
    goto *table[*++pc];
jump_if_small:
    pc = x < pc[1] ? code : pc + 1;
    goto *table[pc == code ? *pc : *++pc];
negate:
    x = -x;
    goto *table[*++pc];
halt:
    return x;
}

int main(int argc, char **argv)
{
    static const u8 code[] = {2, 1, 3, 200, 4, 0};
    static const u32 keys[] = {1, 1000, 1000000, 0x80000000, 0xffffffff, 7};
    (void)argv;
    for (int k = -3; k < 10; k++)
        show("dense", dense(k, 1234 + argc));
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
        put(sparse(keys[i]));
        put_char('\n');
    }
    show("calculate", calculate("3 4 + 2 * 14 7 / - 100 *"));
    show("interpret", interpret(code, argc));
    return calculate("7 6 *");
}
