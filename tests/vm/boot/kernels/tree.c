/* The device tree that a1 leads to, walked as kernels do to find memory, clock, harts, devices and the command line. */
#include "kernel.h"

static u32 big(const void *p) {
    const u8 *b = p;
    return (u32)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}
static int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}
static int begins(const char *a, const char *b) {
    while (*b && *a == *b) a++, b++;
    return !*b;
}

void kernel(u32 hart, const u8 *tree) {
    if (hart) return;
    say("magic", big(tree));
    say("aligned to", (u32)tree & 7);
    say("in RAM", (u32)tree >= 0x80000000 && (u32)tree + big(tree + 4) <= 0x80000000 + (16 << 20));
    say("last compatible version", big(tree + 24));
    const u8 *p = tree + big(tree + 8);
    const char *strings = (const char *)tree + big(tree + 12), *node[8] = {0};
    u32 depth = 0, harts = 0, ok = 0, ns16550 = 0, source = 0, at = 0, sources = 0;
    for (;;) {
        u32 token = big(p);
        p += 4;
        if (token == 1) {
            node[depth++] = (const char *)p;
            harts += depth == 3 && begins((const char *)p, "cpu@");
            while (*p) p++;
            p = (const u8 *)(((u32)p + 4) & ~3u);
        } else if (token == 2) {
            depth--;
        } else if (token == 3) {
            u32 length = big(p);
            const char *name = strings + big(p + 4);
            const u8 *value = p + 8;
            const char *where = node[depth - 1];
            if (same(name, "timebase-frequency")) say("timebase-frequency", big(value));
            if (begins(where, "memory@") && same(name, "reg"))
                for (u32 i = 0; i < length; i += 4) say("memory", big(value + i));
            if (same(where, "chosen") && same(name, "bootargs"))
                text("bootargs "), text((const char *)value), put('\n');
            if (begins(where, "cpu@") && same(name, "mmu-type")) text((const char *)value), put('\n');
            if (begins(where, "cpu@") && same(name, "status")) text((const char *)value), put('\n');
            if (begins(where, "cpu@") && same(name, "riscv,isa")) ok |= begins((const char *)value, "rv32ima");
            if (same(where, "uart@10000000") || same(where, "serial@10000000")) {
                if (same(name, "compatible")) ns16550 = begins((const char *)value, "ns16550a");
                if (same(name, "interrupts")) source = big(value);
                if (same(name, "reg")) at = big(value + 4);
            }
            if (begins(where, "virtio_mmio@") && same(name, "interrupts")) ok += 16;
            if (begins(where, "plic@") && same(name, "riscv,ndev")) sources = big(value);
            p += 8 + ((length + 3) & ~3u);
        } else if (token == 9) {
            break;
        }
    }
    say("ns16550a", ns16550), say("at", at), say("source", source);
    say("the PLIC has it", sources > source);
    say("harts", harts);
    say("ISA and virtio slots", ok);
    off(0);
}
