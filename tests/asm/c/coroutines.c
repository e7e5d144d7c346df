/* coroutines.c - setjmp and longjmp, and two stacks that take turns: control flow that leaves the call tree. */
#include "rt.h"

typedef int context[14]; /* ra, sp, s0 to s11 */

int set_jump(context c) __attribute__((returns_twice));
void long_jump(context c, int value) __attribute__((noreturn));
void switch_to(context from, context to);

__asm__(".text\n"
        ".macro each_saved what\n"
        "\t\\what ra, 0(a0)\n"
        "\t\\what sp, 4(a0)\n"
        "\t.set offset, 8\n"
        "\t.irp r, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11\n"
        "\t\\what \\r, offset(a0)\n"
        "\t.set offset, offset + 4\n"
        "\t.endr\n"
        ".endm\n"
        ".globl set_jump\n"
        "set_jump:\n"
        "\teach_saved sw\n"
        "\tli a0, 0\n"
        "\tret\n"
        ".globl long_jump\n"
        "long_jump:\n"
        "\teach_saved lw\n"
        "\tseqz a0, a1\n"
        "\tadd a0, a0, a1\n"
        "\tret\n"
        ".globl switch_to\n"
        "switch_to:\n"
        "\teach_saved sw\n"
        "\tmv a0, a1\n"
        "\teach_saved lw\n"
        "\tret\n"
        ".purgem each_saved\n");

static context failure;

static __attribute__((noinline)) int checked_divide(int a, int b)
{
    if (!b)
        long_jump(failure, a);
    return a / b;
}

static __attribute__((noinline)) int deep(int n, int b)
{
    return n ? deep(n - 1, b) + 1 : checked_divide(1000, b);
}

static context main_context, generator_context;
static int stack[512] __attribute__((aligned(16)));
static int yielded;

static void yield(int value)
{
    yielded = value;
    switch_to(generator_context, main_context);
}

static void generator(void)
{
    int a = 0, b = 1;
    for (;;) {
        yield(a);
        int next = a + b;
        a = b;
        b = next;
    }
}

int main(void)
{
    volatile int attempts = 0;
    int code = set_jump(failure);
    attempts++;
    show("code", code);
    if (attempts < 4) {
        int result = deep(attempts * 10, attempts - 2);
        show("result", result);
        long_jump(failure, 0);
    }
    generator_context[0] = (int)generator;
    generator_context[1] = (int)(stack + 512);
    for (int i = 0; i < 20; i++) {
        switch_to(main_context, generator_context);
        show("generated", yielded);
    }
    return attempts;
}
