// Print the arguments, count bytes, words and lines of the input.
#include "start.h"
static char buffer[100];
static u counts[256];
int main(int argc, char **argv) {
    int bytes = 0, lines = 0, words = 0, inside = 0, n, vowels = 0;
    for (int i = 1; i < argc; i++) { put(argv[i]); put(i + 1 < argc ? " " : "\n"); }
    while ((n = call(63, 0, buffer, sizeof buffer)) > 0)
        for (int i = 0; i < n; i++) {
            unsigned char c = buffer[i];
            counts[c]++; bytes++; lines += c == '\n';
            int space = c == ' ' || c == '\n' || c == '\t';
            words += !space && !inside; inside = !space;
        }
    show("bytes", bytes); show("words", words); show("lines", lines);
    u best = 0; for (u i = 0; i < 256; i++) if (counts[i] > counts[best]) best = i;
    show("most", best);
    return n ? 1 : bytes % 256;
}
