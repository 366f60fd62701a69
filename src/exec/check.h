/* Private. Looking for NaN and infinity while a program runs. */
#ifndef BOWLINE_EXEC_CHECK_H
#define BOWLINE_EXEC_CHECK_H

#include "exec/program.h"

/* Whether an op was recorded with an infinite number, so that its values may be infinite. */
bool bl__recorded_infinite(const bl_op *op, const void *attributes);

/* Inputs, states and constants, before the first instruction. All of these report what they find, and return
 * BL_ERR_NOT_FINITE then. */
bl_status bl__check_leaves(bl_program *program);
/* What an instruction that has just run made. */
bl_status bl__check_results(bl_program *program, size_t instruction);
/* What is about to be committed. */
bl_status bl__check_effects(bl_program *program);

#endif
