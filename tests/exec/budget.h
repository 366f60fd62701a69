/* Compiling with a budget of memory. */
#ifndef TESTS_EXEC_BUDGET_H
#define TESTS_EXEC_BUDGET_H

#include "bowline/bowline.h"

/* Compiles with a budget for the workspace. */
bl_program *compile_within(bl_context *context, bl_tensor *const *outputs, size_t count, size_t budget);

/* The least budget that compile says it can do with; fails the test when it does not say. */
size_t least_budget(bl_context *context, bl_tensor *const *outputs, size_t count);

#endif
