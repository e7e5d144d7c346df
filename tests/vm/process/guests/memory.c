// brk, mmap, munmap and mprotect.
#include "start.h"
int main(int argc, char **argv) {
    char *heap = (char *)call(214, 0, 0, 0);
    show("aligned", P(heap) % 4096);
    show("grow", call(214, heap + 100000, 0, 0) == P(heap + 100000));
    for (u i = 0; i < 100000; i += 1000) heap[i] = 1;
    show("shrink", call(214, heap + 10, 0, 0) == P(heap + 10));
    show("grow again", call(214, heap + 100000, 0, 0) == P(heap + 100000));
    show("zero again", heap[50000]);
    show("kept", heap[0]);
    show("refused", call(214, 16, 0, 0) == P(heap + 100000));
    char *p = (char *)call6(222, 0, 20000, 3, 0x22, -1, 0);
    show("page", P(p) % 4096);
    for (u i = 0; i < 20480; i++) if (p[i]) put("not zero\n");
    for (u i = 0; i < 20480; i++) p[i] = i;
    char *q = (char *)call6(222, 0, 4096, 3, 0x22, -1, 0);
    show("another", q + 4096 <= p || p + 20480 <= q);
    show("write", call(64, 1, "ok\n", 3));
    show("munmap", call(215, p + 4096, 4096, 0));
    show("hole", call(64, 1, p + 4096, 1));
    show("before", p[4095]); show("after", p[8193]);
    show("fixed", call6(222, P(p + 4096), 4096, 3, 0x32, -1, 0) == P(p + 4096));
    show("fresh", p[4096 + 5]);
    show("read only", call(226, p, 4096, 1));
    show("still there", p[17]);
    show("EFAULT", call(63, 0, p, 1));
    show("mprotect odd", call(226, p + 1, 4096, 1));
    show("munmap odd", call(215, p + 1, 4096, 0));
    show("munmap nothing", call(215, p, 0, 0));
    show("mmap nothing", call6(222, 0, 0, 3, 0x22, -1, 0));
    show("mmap neither", call6(222, 0, 4096, 3, 0x20, -1, 0));
    show("mmap bad fd", call6(222, 0, 4096, 3, 2, 77, 0));
    show("mmap too much", call6(222, 0, 0xf0000000, 3, 0x22, -1, 0) >= 0xfffff000);
    return 0;
}
