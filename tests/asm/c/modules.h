/* modules.h - what the two halves know of each other. */
#ifndef NO_START
#include "rt.h"
#endif

struct constants {
    unsigned first, second;
};
extern int shared, common_between;
extern int (*const module_table[])(int);
extern const struct constants constants;
const char *other_name(void);
int other_hidden(void);
int answer(void);
int read_common(void);
void bump(void);
