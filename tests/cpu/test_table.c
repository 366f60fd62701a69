/* The table of kernels (cpu/kernel.h): which ops have a row. Looks at the table of entries (ops/registry.h).
 */
#include "cpu/kernel_set.h"
#include "graph/graph.h"
#include "ops/registry.h"

#include <criterion/criterion.h>

/* Leaves, effects, views and what is recorded as its decomposition need none. */
static bool computes(const bl_op *op)
{
    return !(op->flags & (BL_OP_LEAF | BL_OP_EFFECT | BL__OP_COMPOSITE)) && !op->view;
}

Test(table, every_op_that_computes_has_a_row)
{
    const bl__kernel_set *set = bl__kernel_set_of(BL_ISA_DEFAULT);
    for (int key = 1; key <= BL__OP_COUNT; key++) {
        const bl__kernel *kernel = bl__cpu_kernel(set, key);
        cr_assert_eq(kernel != NULL, computes(bl__ops[key - 1]), "%s", bl__ops[key - 1]->name);
        cr_assert(!kernel || (kernel->run && kernel->flops), "%s", bl__ops[key - 1]->name);
    }
    cr_assert_not_null(bl__cpu_kernel(set, BL__KEY_COPY));
    cr_assert_null(bl__cpu_kernel(set, BL__KEY_NONE));
    cr_assert_null(bl__cpu_kernel(set, -1));
    cr_assert_null(bl__cpu_kernel(set, BL__KEY_COUNT));
}
