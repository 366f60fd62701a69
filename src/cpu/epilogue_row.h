/* Private. A row that is added to a product before all else (the bias of a linear layer): a small product
 * adds it as it stores, and the group behind it does without. */
#ifndef BOWLINE_CPU_EPILOGUE_ROW_H
#define BOWLINE_CPU_EPILOGUE_ROW_H

#include "cpu/epilogue.h"

/* The input of the epilogue's group, which is called with `group`, that it adds so and does not need
 * otherwise, where all that reads the product can read the sum in its place; -1 for none. */
int bl__epilogue_find_row(const bl__epilogue *epilogue, const bl__call *call, const bl__call *group);

/* Takes the first step and the row, its input `row`, out of a group's call, whose input `product` then stands
 * for their sum; false without memory. The group may have no step left. */
bool bl__epilogue_drop_row(bl__call *call, int row, int product, bl__arena *arena);

#endif
