/* A run allocates nothing, not even by itself in BLIS, whose buffers are fetched at compile. Looks at
 * ops/keys.h, which says whether LAPACK is built in. */
#include "bowline/bowline.h"
#include "ops/keys.h"

#include <criterion/criterion.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
/* Bytes that the process has from the C library. */
static size_t bytes_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

Test(allocation, a_run_allocates_nothing)
{
    bl_context *context = bl_context_new(NULL);
    bl_graph *graph = bl_graph_new(context);
    size_t start = bytes_in_use();
    bl_tensor *x = bl_full(graph, BL_F32, BL_SHAPE(300, 400), 0.5);
    bl_tensor *y = bl_softmax(bl_matmul(bl_tanh(x), bl_transpose(x, 0, 1)), -1);
    bl_program *program = bl_compile(context, y, bl_gradient(y, x));
    size_t compiled = bytes_in_use();
    if (compiled == start)
        cr_skip_test("the C library does not count here, as under valgrind");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(bl_run(program), BL_OK);
    cr_assert_eq(bytes_in_use(), compiled);
    bl_program_free(program);
    bl_graph_free(graph);
    bl_context_free(context);
}

/* Nor do systems and factorizations, in BLIS and LAPACK. */
Test(allocation, factorizations_allocate_nothing)
{
    enum {
        N = 300
    };
    bl_context *context = bl_context_new(NULL);
    for (bl_dtype dtype = BL_F32; dtype <= BL_F64; dtype++) {
        bl_graph *graph = bl_graph_new(context);
        size_t start = bytes_in_use();
        bl_tensor *x = bl_tanh(bl_full(graph, dtype, BL_SHAPE(N, N), 0.5));
        bl_tensor *y = bl_solve_triangular(bl_tanh(x), x, true);
#if BL__LAPACK
        bl_tensor *far = bl_add(x, bl_matrix_power(x, 0));
        y = bl_add(bl_add(bl_cholesky(far), bl_inverse(far)), bl_add(y, bl_det(far)));
#endif
        bl_program *program = bl_compile(context, y);
        size_t compiled = bytes_in_use();
        if (compiled == start)
            cr_skip_test("the C library does not count here, as under valgrind");
        cr_assert_eq(bl_program_error(program)->code, BL_OK);
        for (int i = 0; i < 3; i++)
            cr_assert_eq(bl_run(program), BL_OK);
        cr_assert_eq(bytes_in_use(), compiled);
        bl_program_free(program);
        bl_graph_free(graph);
    }
    bl_context_free(context);
}
#endif
