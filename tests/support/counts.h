/* What the tests went through, added up for scripts/test to print: a line "NAME COUNT" a call in the file
 * that BOWLINE_COUNTS names, and nothing where it names none. */
#ifndef SUPPORT_COUNTS_H
#define SUPPORT_COUNTS_H

#include <stdint.h>

void counts_add(const char *name, int64_t count);

#endif
