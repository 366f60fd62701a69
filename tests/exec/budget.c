#include "exec/budget.h"
#include "support/errors.h"

#include <criterion/criterion.h>
#include <stdio.h>

bl_program *compile_within(bl_context *context, bl_tensor *const *outputs, size_t count, size_t budget)
{
    bl_compile_options options = bl_compile_defaults();
    options.memory_budget = budget;
    return bl_compile_list(context, outputs, count, &options);
}

size_t least_budget(bl_context *context, bl_tensor *const *outputs, size_t count)
{
    size_t least = 0, missing = 1;
    bl_program *program = compile_within(context, outputs, count, 0);
    const bl_error *error = bl_program_error(program);
    cr_assert_eq(error->code, BL_ERR_BUDGET, "%s", error_text(error));
    cr_assert_eq(sscanf(error->message, "bl_compile: the workspace takes %zu bytes at least, %zu more",
                        &least, &missing),
                 2, "%s", error->message);
    cr_assert_eq(missing, least);
    bl_program_free(program);
    bl_context_clear_error(context);
    return least;
}
