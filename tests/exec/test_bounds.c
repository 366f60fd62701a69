/* Kernels read nothing behind the end of what they are given: inputs are bound right before a page that
 * cannot be read. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <sys/mman.h>
#include <unistd.h>

TestSuite(bounds, .init = open_all, .fini = close_all);

/* `count` floats of 1 that end where a page ends. */
static const float *before_a_wall(int64_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (size_t)count * sizeof(float);
    size_t pages = (bytes + page - 1) / page;
    unsigned char *block =
        mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(block != MAP_FAILED);
    cr_assert_eq(mprotect(block + pages * page, page, PROT_NONE), 0);
    float *values = (float *)(void *)(block + pages * page - bytes);
    for (int64_t i = 0; i < count; i++)
        values[i] = 1;
    return values;
}

static void bind(bl_program *program, const bl_tensor *input)
{
    int64_t count = bl_tensor_count(input);
    cr_assert_eq(bl_bind_input(program, input, before_a_wall(count), (size_t)count * sizeof(float)), BL_OK);
}

/* [m,k] x [k,n] of ones, with each factor lying as it is or turned over; products large enough for BLIS too.
 */
static void multiply(int64_t m, int64_t n, int64_t k, bool turn_a, bool turn_b)
{
    bl_tensor *a = bl_input(graph, "a", BL_F32, turn_a ? BL_SHAPE(k, m) : BL_SHAPE(m, k));
    bl_tensor *b = bl_input(graph, "b", BL_F32, turn_b ? BL_SHAPE(n, k) : BL_SHAPE(k, n));
    bl_tensor *y = bl_matmul(turn_a ? bl_transpose(a, 0, 1) : a, turn_b ? bl_transpose(b, 0, 1) : b);
    bl_program *program = bl_compile(context, y);
    bind(program, a);
    bind(program, b);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    const float *values = bl_output_data(program, y);
    for (int64_t i = 0; i < m * n; i++)
        cr_assert(values[i] == (float)k);
    bl_program_free(program);
}

Test(bounds, matrix_products)
{
    static const int64_t sizes[] = {1, 2, 3, 5, 6, 8, 9, 17, 33, 70};
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < 10; j++) {
            bl_graph_reset(graph);
            for (int turns = 0; turns < 4; turns++) {
                multiply(sizes[i], sizes[j], 90, turns & 1, turns & 2);
                multiply(sizes[i], sizes[j], 301, turns & 1, turns & 2);
            }
        }
    }
}

Test(bounds, other_kernels)
{
    for (int64_t n = 1; n < 70; n++) {
        bl_graph_reset(graph);
        bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(3, n));
        bl_tensor *turned = bl_exp(bl_transpose(x, 0, 1)), *shares = bl_softmax(x, -1);
        bl_tensor *largest = bl_max(x, BL_AXES(0), false), *total = bl_sum(bl_add(x, x), BL_ALL_AXES, false);
        bl_program *program = bl_compile(context, turned, shares, largest, total);
        bind(program, x);
        cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
        cr_assert_eq(bl_item(program, total), (double)(6 * n));
        bl_program_free(program);
    }
}
