// Console, input, a file that is not there, memory and an exit status, all by semihosting.
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    int c, n = 0;
    char *p = malloc(1000);
    printf("hello %d %s\n", 42, p ? "memory" : "none");
    while ((c = getchar()) != '\n') n += c == 'x';
    fprintf(stderr, "to stderr\n");
    printf("%d x, file %s\n", n, fopen("/etc/passwd", "r") ? "open" : "not there");
    return 7;
}
