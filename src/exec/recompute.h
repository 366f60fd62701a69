/* Private. Programs that fit a budget of memory, because they compute some values twice. */
#ifndef BOWLINE_EXEC_RECOMPUTE_H
#define BOWLINE_EXEC_RECOMPUTE_H

#include "exec/lower.h"

/* Has values computed again until the plan, which the program has, fits into `budget` bytes together with the
 * scratch. Which values does not depend on the budget, only how many: a larger budget takes the first of the
 * same steps. False, reported, without memory, or when it does not fit in the end (BL_ERR_BUDGET). */
bool bl__fit(bl__lowering *l, size_t budget);

#endif
