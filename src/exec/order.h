/* Private. Orders of a program's instructions. */
#ifndef BOWLINE_EXEC_ORDER_H
#define BOWLINE_EXEC_ORDER_H

#include "exec/lower.h"

/* Has the instructions run in an order in which less is alive at once, where one is found, before anything
 * is planned; else they stay as they are. Only what cannot fail moves, and nothing in a program that is
 * checked: what a run that fails says is the same. False without memory. */
bool bl__order(bl__lowering *l);

#endif
