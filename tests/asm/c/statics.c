/* statics.c - initialised data of every shape: pointers, offsets, tables, alignment, sections, aliases, weak symbols. */
#include "rt.h"

struct node {
    const char *name;
    int (*visit)(const struct node *);
    const struct node *links[2];
    u8 weights[3];
    short bias;
};

static int leaf(const struct node *n)
{
    return n->weights[0] - n->bias;
}
static int branch(const struct node *n)
{
    int sum = n->weights[2];
    for (int i = 0; i < 2; i++)
        if (n->links[i])
            sum += n->links[i]->visit(n->links[i]);
    return sum;
}

static const struct node nodes[];
static const struct node *const root = &nodes[2];
static const struct node nodes[] = {
    {"first", leaf, {0, 0}, {10, 11, 12}, -3},
    {"second", leaf, {0}, {20, 21, 22}, 4},
    {"root", branch, {nodes, nodes + 1}, {1, 2, 3}, 0},
};

int numbers[10] = {1, 2, 3, [7] = 8};
int *middle = &numbers[5], *behind = numbers + 10;
char *inside = (char *)&numbers[1] + 2;
const char message[] __attribute__((aligned(64))) = "aligned to 64";
static u64 wide = 0x0123456789abcdefULL;
static short small __attribute__((section(".sdata.small"))) = -2;
static int placed __attribute__((section(".data.elsewhere"))) = 77;
static const int constant __attribute__((section(".rodata.mine"), used)) = 78;
int common_word;
static int zeroed[3];
extern int same_word __attribute__((alias("common_alias")));
int common_alias = 99;
__attribute__((weak)) int maybe = 5;
extern int nowhere __attribute__((weak));
static u8 bytes[] = {1, 2, 3, 255};
static const u16 shorts[] = {1, 256, 65535};

static int counter(void)
{
    static int count = 40;
    return ++count;
}

static __attribute__((constructor, used)) void never_called(void)
{
    common_word = 1;
}

int main(void)
{
    numbers[5] = 6;
    show("root", root->visit(root));
    for (int i = 0; i < 3; i++) {
        put(nodes[i].name);
        put_char('\n');
    }
    show("middle", *middle);
    show("behind", behind - middle);
    show("inside", *inside);
    show("aligned", ((u32)message & 63) == 0 && message[0] == 'a');
    show_hex("wide", wide >> 20);
    show("small", small);
    show("placed", placed + constant);
    show("zeroed", common_word + zeroed[0] + zeroed[2]);
    zeroed[1] = 4;
    show("same word", same_word);
    show("maybe", maybe);
    show("nowhere", &nowhere == 0);
    show("bytes", bytes[3] + shorts[1] + shorts[2]);
    counter();
    counter();
    wide += 0x100000000ULL;
    show_hex("carry", wide >> 32);
    return counter();
}
