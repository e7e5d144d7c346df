/* structs.c - structures by value in all sizes, unions, bit fields, nested arrays. */
#include "rt.h"

struct one {
    char c;
};
struct two {
    int x, y;
};
struct four {
    int a[4];
};
struct mixed {
    char tag;
    short half;
    int word;
    u8 tail[5];
};
struct packed {
    char tag;
    int word;
    short half;
} __attribute__((packed));
struct fields {
    unsigned low : 3;
    signed middle : 7;
    unsigned : 0;
    unsigned high : 30;
    unsigned flag : 1;
};
union view {
    u32 word;
    u8 bytes[4];
    struct {
        u16 low, high;
    } halves;
};

static __attribute__((noinline)) struct one next_one(struct one o)
{
    o.c++;
    return o;
}
static __attribute__((noinline)) struct two swap(struct two t)
{
    return (struct two){t.y, t.x};
}
static __attribute__((noinline)) struct four rotate(struct four f, int by)
{
    struct four r;
    for (int i = 0; i < 4; i++)
        r.a[i] = f.a[(i + by) & 3];
    return r;
}
static __attribute__((noinline)) struct mixed mix(int pad, struct mixed m, char c)
{
    m.tag = c;
    m.half = -m.half;
    m.word += pad;
    m.tail[4] = m.tail[0];
    return m;
}
static __attribute__((noinline)) int on_the_stack(int a, int b, int c, int d, int e, int f, int g, int h, int i,
                                                  struct two t, char j)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * t.x + 11 * t.y + 12 * j;
}

int main(int argc, char **argv)
{
    struct one o = {'A' + argc};
    struct two t = {argc, -5};
    struct four f = {{1, 2, 3, 4 * argc}};
    struct mixed m = {1, 300, 70000, "tail"};
    struct packed p[2] = {{1, 0x11223344, 2}, {3, 0x55667788, 4}};
    struct fields b = {0};
    union view v = {0x89abcdef};
    (void)argv;

    show("one", next_one(o).c);
    t = swap(t);
    show("two.x", t.x);
    show("two.y", t.y);
    f = rotate(f, 3);
    show("four[0]", f.a[0]);
    m = mix(argc, m, 'z');
    show("mixed.tag", m.tag);
    show("mixed.half", m.half);
    show("mixed.word", m.word);
    show("mixed.tail[4]", m.tail[4]);
    show("stack", on_the_stack(1, 2, 3, 4, 5, 6, 7, 8, 9, t, 'j'));
    show("sizeof packed", sizeof p);
    show_hex("packed word", p[1].word);
    b.low = argc + 8;
    b.middle = -argc - 2;
    b.high = 0x3fffffff;
    b.flag = 1;
    b.high += argc;
    show("low", b.low);
    show("middle", b.middle);
    show("high", b.high);
    show("flag", b.flag);
    show_hex("byte", v.bytes[3]);
    v.halves.low ^= 0xffff;
    show_hex("word", v.word);
    return sizeof(struct mixed);
}
