/* modules_two.c - the other half of modules_one.c. */
#define NO_START
#include "modules.h"

static int hidden = 2;
__attribute__((common)) int common_between;

static const char *whoami(void) { return "two"; }
const char *other_name(void) { return whoami(); }
int other_hidden(void) { return hidden; }
int answer(void) { return 42; }
int read_common(void) { return common_between; }
void bump(void) { shared += hidden; }

static int twice(int x) { return 2 * x; }
static int square(int x) { return x * x; }
int (*const module_table[])(int) = {twice, square};
const struct constants constants = {0xf0f0f0f0, 0x0ff00ff0};
