// System calls, decimal output and the start of a program without a C library.
typedef unsigned u;
static u call6(u n, u a, u b, u c, u d, u e, u f) {
    register u a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c, a3 asm("a3") = d;
    register u a4 asm("a4") = e, a5 asm("a5") = f;
    register u a7 asm("a7") = n;
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
    return a0;
}
#define P(x) ((u)(x))
#define call(n, a, b, c) call6(n, P(a), P(b), P(c), 0, 0, 0)
static u length(const char *s) { u n = 0; while (s[n]) n++; return n; }
static void put(const char *s) { call(64, 1, s, length(s)); }
static void number(int v) {
    char t[12]; int i = 12; u m = v < 0 ? -P(v) : P(v);
    do t[--i] = '0' + m % 10, m /= 10; while (m);
    if (v < 0) t[--i] = '-';
    call(64, 1, t + i, 12 - i);
}
static void show(const char *name, int v) { put(name); put(" = "); number(v); put("\n"); }
static void quit(int status) { call(93, status, 0, 0); for (;;); }
int main(int argc, char **argv);
void start(u *sp) { quit(main(sp[0], (char **)(sp + 1))); }
asm(".globl _start\n_start:\n"
    ".option push\n.option norelax\nla gp, __global_pointer$\n.option pop\n"
    "mv a0, sp\ntail start");
