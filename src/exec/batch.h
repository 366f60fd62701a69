/* Private. Element-wise instructions of the same steps made one, over several tensors. */
#ifndef BOWLINE_EXEC_BATCH_H
#define BOWLINE_EXEC_BATCH_H

#include "exec/lower.h"

/* Whether any may be made one. */
bool bl__notes_steps(const bl__lowering *l);

/* Notes that the last instruction, of kernel bl__kernel_group or of a single element-wise op, has these
 * steps. False without memory. */
bool bl__note_steps(bl__lowering *l, const bl__group *steps);

/* Has instructions of the same steps run as one, where the first of them stands, as far as the others may run
 * there: as the updates of a model's parameters. False without memory. */
bool bl__batch(bl__lowering *l);

#endif
