/* A run allocates nothing, not even by itself in BLIS, whose buffers are fetched at compile. */
#include "bowline/bowline.h"

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
#endif
