// The most frequent words of the input, then number formatting and memory.
#include "picolibc_linux.h"
struct word { char text[32]; int count; } *words;
static int by_count(const void *a, const void *b) {
    const struct word *x = a, *y = b;
    return y->count != x->count ? y->count - x->count : strcmp(x->text, y->text);
}
static void at_end(void) { printf("goodbye\n"); }
int main(int argc, char **argv, char **envp) {
    int n = 0, room = 0, c; char text[32]; unsigned length = 0;
    atexit(at_end);
    printf("%d arguments:", argc); for (int i = 1; i < argc; i++) printf(" [%s]", argv[i]); printf("\n");
    for (; *envp; envp++) printf("env %s\n", *envp);
    do {
        c = getchar();
        if (isalpha(c) && length < 31) text[length++] = tolower(c);
        else if (length) {
            text[length] = 0; length = 0;
            int i = 0; while (i < n && strcmp(words[i].text, text)) i++;
            if (i == room) { room = room ? 2 * room : 2; words = realloc(words, room * sizeof *words); }
            if (i == n) { n++; strcpy(words[i].text, text); words[i].count = 0; }
            words[i].count++;
        }
    } while (c != EOF);
    qsort(words, n, sizeof *words, by_count);
    for (int i = 0; i < n && i < 5; i++) printf("%-10s|%4d|%#x\n", words[i].text, words[i].count, words[i].count);
    double sum = 0; for (int i = 1; i <= 1000; i++) sum += 1.0 / i / i;
    printf("%.10f %g %e %lld %llu\n", sum, 1e-5, 12345.678, -1LL << 40, ~0ULL);
    printf("%ld %d %d\n", strtol("-0x7b", NULL, 16), atoi(" 42x"), (int)(strtod("2.5e3", NULL) * 2));
    char *big = malloc(3000000); memset(big, 'x', 3000000); printf("%d %d\n", big[0], big[2999999]); free(big);
    errno = 0; void *none = malloc(2000000000); printf("%d %d\n", none == NULL, errno == ENOMEM);
    return argc * 10;
}
