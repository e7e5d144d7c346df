// What picolibc needs of the system, over Linux system calls: a console, memory, exit and a start.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ctype.h>
#include <time.h>

static long call(long n, long a, long b, long c) {
    register long a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c, a7 asm("a7") = n;
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}
static int put_char(char c, FILE *file) { return call(64, 1, (long)&c, 1) == 1 ? 0 : _FDEV_ERR; }
static int get_char(FILE *file) { unsigned char c; return call(63, 0, (long)&c, 1) == 1 ? c : _FDEV_EOF; }
static FILE console = FDEV_SETUP_STREAM(put_char, get_char, NULL, _FDEV_SETUP_RW);
FILE *const stdin = &console, *const stdout = &console, *const stderr = &console;
void *sbrk(ptrdiff_t more) {
    static char *end;
    if (!end) end = (char *)call(214, 0, 0, 0);
    char *old = end;
    if (call(214, (long)(end + more), 0, 0) != (long)(end + more)) { errno = ENOMEM; return (void *)-1; }
    end += more;
    return old;
}
void _exit(int status) { call(93, status, 0, 0); for (;;); }
void __libc_init_array(void);
int main(int argc, char **argv, char **envp);
extern char __tls_base[], __bss_start[], __bss_size[];
void begin(long *sp) {
    memset(__bss_start, 0, (size_t)__bss_size);  /* its segments share a page: QEMU leaves file contents there */
    asm volatile("mv tp, %0" :: "r"(__tls_base));
    __libc_init_array();
    exit(main(sp[0], (char **)(sp + 1), (char **)(sp + 2 + sp[0])));
}
asm(".globl _start\n_start:\n"
    ".option push\n.option norelax\nla gp, __global_pointer$\n.option pop\n"
    "mv a0, sp\ntail begin");
