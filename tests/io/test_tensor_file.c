/* Tensor files: what is written comes back, and how it stands in the file. */
#define _POSIX_C_SOURCE 200809L
#include "bowline/bowline.h"
#include "io/folder.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void open_folder_too(void)
{
    open_all();
    folder_open();
}

static void close_folder_too(void)
{
    folder_close();
    close_all();
}

TestSuite(tensor_file, .init = open_folder_too, .fini = close_folder_too);

/* Bytes that differ from tensor to tensor; of a bool 0 and 1. */
static void fill(bl_stored_dtype dtype, unsigned char *bytes, size_t count, size_t seed)
{
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (unsigned char)(seed * 37 + i * 11 + 5);
        bytes[i] = dtype == BL_STORED_BOOL ? bytes[i] & 1 : bytes[i];
    }
}

enum {
    MOST = 512
};

/* A tensor a dtype, and a scalar, an empty one and names that have to be escaped. */
static size_t samples(bl_stored_tensor *tensors, unsigned char data[][MOST])
{
    static const char *const names[] = {
        "b", "a.weight", "z", "layers.0.\"q\"", "\xc3\xa9t\xc3\xa9", "tab\t\\", "f", "g", "h", "i",
        "j", "k",        "l"};
    size_t count = 0;
    for (int i = 0; i < BL_STORED_COUNT; i++, count++)
        tensors[count] =
            (bl_stored_tensor){names[i], (bl_stored_dtype)i, BL_SHAPE(i % 3 + 1, 2, i % 4 + 1), data[count]};
    tensors[count] = (bl_stored_tensor){"scalar", BL_STORED_F32, BL_SCALAR, data[count]};
    count++;
    tensors[count++] = (bl_stored_tensor){"empty", BL_STORED_I64, BL_SHAPE(3, 0, 5), NULL};
    tensors[count++] = (bl_stored_tensor){"empty too", BL_STORED_BOOL, BL_SHAPE(0), NULL};
    for (size_t i = 0; i < count; i++) {
        if (tensors[i].data)
            fill(tensors[i].dtype, data[i], bl_stored_bytes(&tensors[i]), i);
    }
    return count;
}

static const bl_metadata metadata[] = {
    {"format", "pt"}, {"note", "two\nlines \"quoted\" \xe2\x82\xac"}, {"", ""}};

static void expect_same(const bl_tensor_file *file, const bl_stored_tensor *tensors, size_t count)
{
    cr_assert_eq(bl_tensor_file_count(file), count);
    for (size_t i = 0; i < count; i++) {
        bl_stored_tensor found;
        const bl_stored_tensor *t = &tensors[i];
        cr_assert(bl_tensor_file_find(file, t->name, &found), "%s", t->name);
        cr_expect_str_eq(found.name, t->name);
        cr_expect_eq(found.dtype, t->dtype, "%s", t->name);
        cr_expect(bl_shape_equal(found.shape, t->shape), "%s", t->name);
        size_t bytes = bl_stored_bytes(t);
        cr_expect(bytes == 0 || memcmp(found.data, t->data, bytes) == 0, "%s", t->name);
    }
}

Test(tensor_file, what_is_written_comes_back)
{
    unsigned char data[20][MOST];
    bl_stored_tensor tensors[20], found;
    bl_metadata entry;
    size_t count = samples(tensors, data);
    bl_tensor_file_options options = bl_tensor_file_defaults();
    options.metadata = metadata;
    options.metadata_count = 3;
    const char *path = folder_path("all.safetensors");
    cr_assert_eq(bl_tensor_file_write(context, path, tensors, count, &options), BL_OK, "%s",
                 error_text(bl_context_error(context)));
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    cr_assert_not_null(file, "%s", error_text(bl_context_error(context)));
    expect_same(file, tensors, count);
    cr_expect_eq(bl_tensor_file_metadata_count(file), 3);
    for (int i = 0; i < 3; i++)
        cr_expect_str_eq(bl_tensor_file_metadata(file, metadata[i].key), metadata[i].value);
    cr_expect(bl_tensor_file_metadata_at(file, 2, &entry));
    cr_expect_not(bl_tensor_file_metadata_at(file, 3, &entry));
    cr_expect_null(bl_tensor_file_metadata(file, "none"));
    cr_expect_null(bl_tensor_file_metadata(file, NULL));
    /* As safetensors lays it out: larger elements first, then by name, each value aligned to its element. */
    for (size_t i = 0; i < count; i++) {
        bl_stored_tensor next;
        cr_assert(bl_tensor_file_at(file, i, &found));
        cr_expect_eq((uintptr_t)found.data % bl_stored_dtype_size(found.dtype), 0, "%s", found.name);
        if (bl_tensor_file_at(file, i + 1, &next))
            cr_expect(found.dtype > next.dtype ||
                          (found.dtype == next.dtype && strcmp(found.name, next.name) < 0) ||
                          bl_stored_bytes(&found) == 0,
                      "%s before %s", found.name, next.name);
    }
    cr_expect_not(bl_tensor_file_at(file, count, &found));
    cr_expect_not(bl_tensor_file_find(file, "none", &found));
    cr_expect_not(bl_tensor_file_find(file, NULL, &found));
    bl_tensor_file_close(file);
    folder_expect_only("all.safetensors", NULL);
}

Test(tensor_file, the_bytes_of_a_small_file)
{
    const float values[2] = {1, -2};
    const uint8_t flags[1] = {1};
    const bl_stored_tensor tensors[] = {{"flag", BL_STORED_BOOL, BL_SCALAR, flags},
                                        {"w", BL_STORED_F32, BL_SHAPE(2), values}};
    static const char header[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                 "\"flag\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[8,9]}}";
    const char *path = folder_path("small");
    cr_assert_eq(bl_tensor_file_write(context, path, tensors, 2, NULL), BL_OK);
    size_t size, length = strlen(header), padded = (length + 7) / 8 * 8;
    unsigned char *bytes = folder_read(path, &size);
    cr_assert_eq(size, 8 + padded + 9);
    cr_expect_eq(bytes[0], padded);
    for (int i = 1; i < 8; i++)
        cr_expect_eq(bytes[i], 0);
    cr_expect_eq(memcmp(bytes + 8, header, length), 0, "%.*s", (int)padded, (char *)bytes + 8);
    for (size_t i = length; i < padded; i++)
        cr_expect_eq(bytes[8 + i], ' ');
    cr_expect_eq(memcmp(bytes + 8 + padded, values, 8), 0);
    cr_expect_eq(bytes[8 + padded + 8], 1);
    free(bytes);
}

Test(tensor_file, a_file_of_nothing)
{
    const char *path = folder_path("nothing.safetensors");
    cr_assert_eq(bl_tensor_file_write(context, path, NULL, 0, NULL), BL_OK);
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    cr_assert_not_null(file, "%s", error_text(bl_context_error(context)));
    cr_expect_eq(bl_tensor_file_count(file), 0);
    cr_expect_eq(bl_tensor_file_metadata_count(file), 0);
    bl_tensor_file_close(file);
}
