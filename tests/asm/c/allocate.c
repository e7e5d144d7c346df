/* allocate.c - a heap with a free list that joins neighbours, and lists and trees that live on it. */
#include "rt.h"

struct block {
    unsigned size;
    struct block *next;
};
static char arena[16384] __attribute__((aligned(16)));
static struct block *free_list;
static unsigned in_use;

static void *allocate(unsigned size)
{
    size = (size + sizeof(struct block) + 15) & ~15u;
    for (struct block **place = &free_list; *place; place = &(*place)->next) {
        struct block *b = *place;
        if (b->size < size)
            continue;
        if (b->size - size >= 32) {
            struct block *rest = (struct block *)((char *)b + size);
            rest->size = b->size - size;
            rest->next = b->next;
            b->size = size;
            *place = rest;
        } else
            *place = b->next;
        in_use += b->size;
        return b + 1;
    }
    return 0;
}

static void release(void *p)
{
    struct block *b = (struct block *)p - 1, *before = 0, *after = free_list;
    if (!p)
        return;
    in_use -= b->size;
    while (after && after < b)
        before = after, after = after->next;
    b->next = after;
    if (after && (char *)b + b->size == (char *)after) {
        b->size += after->size;
        b->next = after->next;
    }
    if (!before)
        free_list = b;
    else if ((char *)before + before->size == (char *)b) {
        before->size += b->size;
        before->next = b->next;
    } else
        before->next = b;
}

struct tree {
    int key;
    struct tree *left, *right;
};

static struct tree *insert(struct tree *t, int key)
{
    if (!t) {
        t = allocate(sizeof *t);
        t->key = key;
        t->left = t->right = 0;
    } else if (key < t->key)
        t->left = insert(t->left, key);
    else if (key > t->key)
        t->right = insert(t->right, key);
    return t;
}

static void walk(const struct tree *t, void (*visit)(int, void *), void *context)
{
    if (t) {
        walk(t->left, visit, context);
        visit(t->key, context);
        walk(t->right, visit, context);
    }
}

static int destroy(struct tree *t)
{
    int nodes = t ? 1 + destroy(t->left) + destroy(t->right) : 0;
    release(t);
    return nodes;
}

static void collect(int key, void *context)
{
    u32 *sum = context;
    *sum = *sum * 7 + key;
}

int main(void)
{
    void *pieces[20] = {0};
    struct tree *root = 0;
    u32 x = 1, sum = 0;
    free_list = (struct block *)arena;
    free_list->size = sizeof arena;
    for (int i = 0; i < 100; i++) {
        x = x * 1103515245 + 12345;
        root = insert(root, x >> 16 & 255);
    }
    walk(root, collect, &sum);
    show("sum", sum);
    for (int i = 0; i < 500; i++) {
        x = x * 1103515245 + 12345;
        release(pieces[x >> 20 & 15]);
        pieces[x >> 20 & 15] = allocate(x >> 8 & 255);
    }
    show("in use", in_use);
    show("too much", allocate(1 << 20) == 0);
    for (int i = 0; i < 20; i++)
        release(pieces[i]);
    show("nodes", destroy(root));
    show("in use", in_use);
    show("one piece again", free_list->size == sizeof arena && !free_list->next);
    return free_list->size >> 8;
}
