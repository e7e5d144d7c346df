/* inline_asm.c - assembly inside C: operands, local labels, goto, sections, directives. */
#include "rt.h"

static u32 mulhu(u32 a, u32 b)
{
    u32 high;
    __asm__("mulhu %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
    return high;
}

static int popcount(u32 x)
{
    int n;
    __asm__("li %0, 0\n\t"
            "1:\tbeqz %1, 2f\n\t"
            "addi t0, %1, -1\n\t"
            "and %1, %1, t0\n\t"
            "addi %0, %0, 1\n\t"
            "j 1b\n"
            "2:"
            : "=&r"(n), "+r"(x)
            :
            : "t0");
    return n;
}

static __attribute__((noinline)) int classify(int x)
{
    __asm__ goto("bltz %0, %l[negative]; beqz %0, %l[zero]" : : "r"(x) : : negative, zero);
    return 1;
negative:
    return -1;
zero:
    return 0;
}

static const char *annotated(int x)
{
    const char *text;
    __asm__(".pushsection .rodata.str, \"aMS\", @progbits, 1\n"
            "\t.Ltext%=: .string \"from inline \\\"assembly\\\"\"\n"
            "\t.popsection\n"
            "\tlui %0, %%hi(.Ltext%=)\n"
            "\taddi %0, %0, %%lo(.Ltext%=)"
            : "=r"(text)
            : "r"(x));
    return text;
}

static int offsets(int *p)
{
    int a, b;
    __asm__ volatile("lw %0, %2\n\tlw %1, %3" : "=&r"(a), "=r"(b) : "m"(p[0]), "m"(p[3]));
    return a * 100 + b;
}

static u32 immediate(u32 x)
{
    __asm__("addi %0, %0, %1\n\txori %0, %0, %2\n\tslli %0, %0, %3"
            : "+r"(x)
            : "I"(-2048), "i"(sizeof(int) * 3 + 1), "i"(5));
    return x;
}

static u32 reverse_bytes(u32 x)
{
    u32 y;
    __asm__("  .macro pick shift, mask        # a macro with defaults\n"
            "  srli t0, %1, \\shift\n"
            "  andi t0, t0, 0xff\n"
            "  .if \\mask != 0\n"
            "  slli t0, t0, \\mask\n"
            "  .endif\n"
            "  or   %0, %0, t0\n"
            "  .endm\n"
            "  li %0, 0\n"
            "  pick 0, 24; pick 8, 16; pick 16, 8; pick 24, 0\n"
            "  .purgem pick"
            : "=&r"(y)
            : "r"(x)
            : "t0");
    return y;
}

__asm__(".data\n"
        ".balign 4\n"
        ".globl table\n"
        "table:\t.word 1f - table, 2f - 1f, (2f - table) / 4, ~0 << 4, 'A', 0b1011, 0x7fffffff + 1\n"
        "1:\t.half 1, 2; .byte 3, -4\n"
        "2:\t.2byte 0xffff\n\t.asciz \"a\" , \"b\"\n"
        "\t.size table, . - table\n"
        "\t.set table_size, . - table\n"
        ".globl size_of_table\n\t.balign 4\n"
        "size_of_table: .word table_size\n"
        ".text\n");
extern int table[], size_of_table;

int main(int argc, char **argv)
{
    int values[] = {argc, 20, 30, 40};
    (void)argv;
    show_hex("mulhu", mulhu(0xdeadbeef, 0x12345678 * argc));
    show("popcount", popcount(0xf0f0f0f1));
    show("classify", classify(-5) * 100 + classify(0) * 10 + classify(argc));
    put(annotated(argc));
    put_char('\n');
    show("offsets", offsets(values));
    show_hex("immediate", immediate(argc));
    show_hex("reverse", reverse_bytes(0x11223344 * argc));
    for (int i = 0; i < 7; i++)
        show("table", table[i]);
    return size_of_table;
}
