/* The table of kernels (cpu/kernel.h): which ops (ops/registry.h) have a row. */
#include "cpu/kernel.h"
#include "graph/graph.h"
#include "ops/registry.h"

#include <criterion/criterion.h>

Test(table, every_op_that_computes_has_a_row)
{
    for (int key = 1; key <= BL__OP_COUNT; key++) {
        const bl_op *op = bl__ops[key - 1];
        bool expected = !op->view && !(op->flags & (BL_OP_LEAF | BL_OP_EFFECT | BL__OP_COMPOSITE));
        const bl__kernel *kernel = bl__cpu_kernel(key);
        cr_assert_eq(kernel != NULL, expected, "%s", op->name);
        cr_assert(!kernel || kernel->run, "%s", op->name);
    }
    cr_assert_null(bl__cpu_kernel(BL__KEY_NONE));
    cr_assert_not_null(bl__cpu_kernel(BL__KEY_COPY));
    cr_assert_null(bl__cpu_kernel(-1));
    cr_assert_null(bl__cpu_kernel(BL__KEY_COUNT));
}
