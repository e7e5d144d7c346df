/* modules_one.c - linked with modules_two.c: names that are shared, private to a file, weak or common. */
#include "modules.h"

static int hidden = 1;
int shared = 10;
__attribute__((weak)) int answer(void) { return 1; }
__attribute__((common)) int common_between;

static const char *whoami(void) { return "one"; }

int main(void)
{
    put(whoami());
    put(other_name());
    put_char('\n');
    show("hidden", hidden * 100 + other_hidden());
    show("answer", answer());
    common_between = 5;
    show("common", read_common());
    bump();
    show("shared", shared);
    show("table", module_table[1](20) + module_table[0](3));
    show_hex("constants", constants.first ^ constants.second);
    return shared;
}
