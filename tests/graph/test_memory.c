/* Blocks, growing arrays, arenas and the context's life. Looks at graph/memory.h. */
#include "bowline/bowline.h"
#include "graph/memory.h"
#include "support/failing_allocator.h"

#include <criterion/criterion.h>
#include <string.h>

static char text[200];

Test(memory, products_of_sizes_are_checked)
{
    int64_t product = -7;
    cr_expect(bl__multiply(3, 5, &product) && product == 15);
    cr_expect(bl__multiply(INT64_MAX, 1, &product) && product == INT64_MAX);
    cr_expect(bl__multiply(0, INT64_MAX, &product) && product == 0);
    cr_expect(bl__multiply(INT64_MAX, 0, &product) && product == 0);
    product = -7;
    cr_expect(!bl__multiply(INT64_MAX / 2 + 1, 2, &product));
    cr_expect(!bl__multiply((int64_t)1 << 32, (int64_t)1 << 31, &product));
    cr_expect(!bl__multiply(-1, 1, &product));
    cr_expect(!bl__multiply(1, -1, &product));
    cr_expect_eq(product, -7, "a refused product must not be written");
    size_t size = 9;
    cr_expect(bl__multiply_size(SIZE_MAX, 1, &size) && size == SIZE_MAX);
    cr_expect(!bl__multiply_size(SIZE_MAX / 2 + 1, 2, &size) && size == SIZE_MAX);
}

Test(memory, blocks_are_zeroed_aligned_and_bounded)
{
    failing_allocator counting;
    failing_allocator_init(&counting);
    bl_allocator a = failing_allocator_options(&counting).allocator;
    unsigned char *block = bl__allocate(&a, 7, 11);
    cr_assert_not_null(block);
    for (size_t i = 0; i < 77; i++)
        cr_assert_eq(block[i], 0);
    cr_expect_eq((uintptr_t)block % _Alignof(max_align_t), 0);
    void *data = bl__allocate_data(&a, 100);
    cr_expect_eq((uintptr_t)data % BL__ALIGNMENT, 0);
    bl__release(&a, block, 7, 11);
    bl__release_data(&a, data, 100);
    bl__release(&a, NULL, 7, 11);
    bl__release_data(&a, NULL, 7);

    long calls = counting.calls;
    cr_expect_null(bl__allocate(&a, 0, 8));
    cr_expect_null(bl__allocate(&a, SIZE_MAX / 2, 3));
    cr_expect_null(bl__allocate(&a, SIZE_MAX - 3, 1));
    cr_expect_null(bl__allocate_data(&a, 0));
    cr_expect_null(bl__allocate_data(&a, SIZE_MAX - 3));
    cr_expect_eq(counting.calls, calls, "sizes that cannot be are refused before the allocator is asked");
    cr_expect(failing_allocator_clean(&counting, text, sizeof(text)), "%s", text);

    /* The C library's allocator is given sizes that rounding up would wrap around. */
    bl_allocator standard = bl__default_allocator();
    cr_expect_null(bl__allocate(&standard, SIZE_MAX - 3, 1));
    cr_expect_null(bl__allocate(&standard, SIZE_MAX / 16, 16));
    cr_expect_null(bl__allocate_data(&standard, (size_t)INT64_MAX));
}

Test(memory, arrays_grow_and_keep_their_elements)
{
    failing_allocator counting;
    failing_allocator_init(&counting);
    bl_allocator a = failing_allocator_options(&counting).allocator;
    int *array = NULL;
    size_t capacity = 0;
    for (int i = 0; i < 1000; i++) {
        if ((size_t)i == capacity)
            cr_assert(bl__grow(&a, &array, &capacity, sizeof(*array)));
        array[i] = i * 3;
    }
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(array[i], i * 3);
    cr_expect_eq(capacity, 1024);
    int *before = array;
    failing_allocator_fail(&counting, 1, false);
    cr_expect(!bl__grow(&a, &array, &capacity, sizeof(*array)));
    cr_expect(array == before && capacity == 1024 && array[999] == 2997);
    bl__release(&a, array, capacity, sizeof(*array));
    cr_expect(failing_allocator_clean(&counting, text, sizeof(text)), "%s", text);

    void *huge = NULL;
    size_t most = SIZE_MAX / 2 + 1;
    cr_expect(!bl__grow(&a, &huge, &most, 1) && most == SIZE_MAX / 2 + 1);
}

/* Takes blocks of many sizes, fills each, and checks afterwards that none was overwritten. */
static void take_many(bl__arena *arena, int rounds)
{
    unsigned char *blocks[200];
    size_t sizes[200];
    cr_assert(rounds <= 200);
    for (int i = 0; i < rounds; i++) {
        sizes[i] = (size_t)(i * i * 37 % 9001);
        bool aligned = i % 3 == 0;
        blocks[i] = aligned ? bl__arena_take_aligned(arena, sizes[i]) : bl__arena_take(arena, sizes[i]);
        cr_assert_not_null(blocks[i]);
        cr_assert_eq((uintptr_t)blocks[i] % (aligned ? 64 : 16), 0);
        memset(blocks[i], i & 0xff, sizes[i]);
    }
    for (int i = 0; i < rounds; i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            cr_assert_eq(blocks[i][k], i & 0xff, "block %d was overwritten at %zu", i, k);
    }
}

Test(memory, arena)
{
    failing_allocator counting;
    failing_allocator_init(&counting);
    bl_allocator a = failing_allocator_options(&counting).allocator;
    bl__arena arena;
    bl__arena_init(&arena, &a);
    bl__arena_mark empty = bl__arena_position(&arena);
    take_many(&arena, 200);
    long calls = counting.calls;
    bl__arena_reset(&arena);
    take_many(&arena, 200);
    bl__arena_rewind(&arena, empty);
    take_many(&arena, 200);
    cr_expect_eq(counting.calls, calls, "what was taken once is taken again without the allocator");

    /* What stands before a mark survives going back to it, across chunks. */
    bl__arena_reset(&arena);
    char *kept = bl__arena_string(&arena, "kept");
    bl__arena_mark mark = bl__arena_position(&arena);
    take_many(&arena, 150);
    bl__arena_rewind(&arena, mark);
    take_many(&arena, 150);
    cr_expect_str_eq(kept, "kept");
    cr_expect_str_eq(bl__arena_string(&arena, ""), "");

    /* A refusal leaves the arena as it was. */
    mark = bl__arena_position(&arena);
    failing_allocator_fail(&counting, 1, false);
    cr_expect_null(bl__arena_take(&arena, (size_t)1 << 24));
    bl__arena_mark after = bl__arena_position(&arena);
    cr_expect(after.chunk == mark.chunk && after.used == mark.used);
    cr_expect_null(bl__arena_take(&arena, SIZE_MAX));
    cr_expect_null(bl__arena_take(&arena, SIZE_MAX - 15));
    cr_expect_not_null(bl__arena_take(&arena, (size_t)1 << 24));
    cr_expect_not_null(bl__arena_take(&arena, 0));
    bl__arena_free(&arena);
    cr_expect(failing_allocator_clean(&counting, text, sizeof(text)), "%s", text);
    bl__arena_free(&arena);
}

Test(memory, a_context_lives_as_long_as_what_was_made_from_it)
{
    failing_allocator counting;
    failing_allocator_init(&counting);
    bl_context *context = failing_allocator_context(&counting);
    cr_assert_not_null(context);
    cr_expect_eq(bl_context_error(context)->code, BL_OK);
    bl_graph *graph = bl_graph_new(context);
    bl_params *params = bl_params_new(context);
    bl_context_free(context);
    cr_expect_not_null(bl_params_add_buffer(params, "b", BL_F32, BL_SHAPE(2)));
    cr_expect(bl_tensor_valid(bl_scalar(graph, BL_F32, 1.5)));
    cr_expect_gt(counting.live_blocks, 2);
    bl_graph_free(graph);
    bl_params_free(params);
    cr_expect(failing_allocator_clean(&counting, text, sizeof(text)), "%s", text);
}

Test(memory, a_context_that_cannot_be)
{
    bl_context_options options = bl_context_defaults();
    options.allocator.allocate = NULL;
    cr_expect_null(bl_context_new(&options));
    options = bl_context_defaults();
    options.allocator.release = NULL;
    cr_expect_null(bl_context_new(&options));
    failing_allocator counting;
    failing_allocator_init(&counting);
    failing_allocator_fail(&counting, 1, false);
    cr_expect_null(failing_allocator_context(&counting));
    bl_context_free(NULL);
    bl_context_clear_error(NULL);
    cr_expect_eq(bl_context_error(NULL)->code, BL_ERR_ARGUMENT);

    failing_allocator_init(&counting);
    bl_context *context = failing_allocator_context(&counting);
    failing_allocator_fail(&counting, 1, false);
    cr_expect_null(bl_graph_new(context));
    cr_expect_eq(bl_context_error(context)->code, BL_ERR_MEMORY);
    bl_context_clear_error(context);
    cr_expect_eq(bl_context_error(context)->code, BL_OK);
    cr_expect_null(bl_graph_new(NULL));
    cr_expect_null(bl_params_new(NULL));
    cr_expect_null(bl_rng_new(NULL, 1));
    bl_context_free(context);
    cr_expect(failing_allocator_clean(&counting, text, sizeof(text)), "%s", text);
}
