/* Tensors of any size stand in a file in their order: small ones go through a buffer, large ones past it. */
#define _XOPEN_SOURCE 700
#include <bowline/bowline.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST = 200000,
    COUNT = 6
};

static unsigned char values[COUNT][MOST];

/* Writes tensors of some bytes and reads them back. */
static void expect_back(bl_context *context, const char *path, const int64_t sizes[COUNT])
{
    static const char *const names[COUNT] = {"a", "b", "c", "d", "e", "f"};
    bl_stored_tensor tensors[COUNT], found;
    for (int i = 0; i < COUNT; i++) {
        memset(values[i], i + 1, (size_t)sizes[i]);
        tensors[i] = (bl_stored_tensor){names[i], BL_STORED_U8, BL_SHAPE(sizes[i]), values[i]};
    }
    cr_assert_eq(bl_tensor_file_write(context, path, tensors, COUNT, NULL), BL_OK);
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    cr_assert(file, "%s", bl_context_error(context)->message);
    for (int i = 0; i < COUNT; i++) {
        cr_assert(bl_tensor_file_find(file, names[i], &found));
        cr_assert_eq(memcmp(found.data, values[i], (size_t)sizes[i]), 0, "tensor %d", i);
    }
    bl_tensor_file_close(file);
}

Test(write_order, sizes_about_the_buffer)
{
    char path[] = "/tmp/bowline-write-order-XXXXXX";
    int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0);
    close(descriptor);
    bl_context *context = bl_context_new(NULL);
    static const int64_t steps[] = {1, 100, 32767, 32768, 32769, 40000, 65535, 65536, 65537, 131072, 200000};
    enum {
        STEPS = sizeof steps / sizeof *steps
    };
    for (int i = 0; i < STEPS; i++)
        for (int j = 0; j < STEPS; j++)
            expect_back(context, path, (int64_t[]){3, steps[i], steps[j], 5, steps[j], steps[i]});
    bl_context_free(context);
    unlink(path);
}
