/* The table of kernels (cpu/kernel.h): which ops have a row. */
#include "cpu/kernel.h"
#include "ops/keys.h"

#include <criterion/criterion.h>

Test(table, every_op_that_computes_has_a_row)
{
    const int without[] = {BL__KEY_NONE,      BL__KEY_input,  BL__KEY_constant,     BL__KEY_full,
                           BL__KEY_parameter, BL__KEY_assign, BL__KEY_assign_slice, BL__KEY_group,
                           BL__KEY_mean,      BL__KEY_linear, BL__KEY_mse_loss,     BL__KEY_reshape,
                           BL__KEY_permute,   BL__KEY_expand, BL__KEY_slice,        BL__KEY_relu6,
                           BL__KEY_glu};
    for (int key = 0; key < BL__KEY_COUNT; key++) {
        bool expected = true;
        for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
            expected = expected && without[i] != key;
        const bl__kernel *kernel = bl__cpu_kernel(key);
        cr_assert_eq(kernel != NULL, expected, "key %d", key);
        cr_assert(!kernel || kernel->run, "key %d", key);
    }
    cr_assert_null(bl__cpu_kernel(-1));
    cr_assert_null(bl__cpu_kernel(BL__KEY_COUNT));
}
