/* Files in IDX format. */
#include "files.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(idx, .init = open_folder, .fini = close_folder);

#define FILE_OF(...)        \
    (const unsigned char[]) \
    {                       \
        __VA_ARGS__         \
    }
#define OPEN(...) \
    bl_idx_open(context, write_file("t.idx", FILE_OF(__VA_ARGS__), sizeof(FILE_OF(__VA_ARGS__))))

Test(idx, images)
{
    bl_idx *idx =
        OPEN(0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 2, 3, 10, 11, 12, 13, 252, 253, 254, 255);
    cr_assert_not_null(idx, "%s", error_text(bl_context_error(context)));
    cr_assert(bl_shape_equal(bl_idx_shape(idx), BL_SHAPE(3, 2, 2)) && bl_idx_type_of(idx) == BL_IDX_U8);
    float singles[8];
    cr_assert_eq(bl_idx_take(idx, (int64_t[]){2, 0}, 2, BL_F32, singles, sizeof singles), BL_OK);
    const float expected[] = {252, 253, 254, 255, 0, 1, 2, 3};
    cr_assert_eq(memcmp(singles, expected, sizeof expected), 0);
    int64_t wide[12];
    cr_assert_eq(bl_idx_take(idx, NULL, 3, BL_I64, wide, sizeof wide), BL_OK);
    cr_assert(wide[0] == 0 && wide[4] == 10 && wide[11] == 255);
    int32_t whole[4];
    cr_assert_eq(bl_idx_take(idx, (int64_t[]){1}, 1, BL_I32, whole, sizeof whole), BL_OK);
    cr_assert_eq(whole[3], 13);
    cr_assert_eq(bl_idx_take(idx, NULL, 0, BL_F32, NULL, 0), BL_OK);

    struct {
        int64_t examples[2];
        int64_t count;
        bl_dtype dtype;
        size_t bytes;
        bl_status status;
        const char *message;
    } cases[] = {
        {{0, 3}, 2, BL_F32, 32, BL_ERR_INDEX, "bl_idx_take: there is no example 3 among 3"},
        {{-1, 0}, 1, BL_F32, 16, BL_ERR_INDEX, "bl_idx_take: there is no example -1 among 3"},
        {{0, 1},
         2,
         BL_F32,
         31,
         BL_ERR_ARGUMENT,
         "bl_idx_take: 31 bytes are not those of 2 examples of 4 elements of f32"},
        {{0, 1}, 2, BL_BOOL, 8, BL_ERR_DTYPE, "bl_idx_take: the values are bool, not f32, f64, i32 or i64"},
        {{0, 1}, -1, BL_F32, 0, BL_ERR_ARGUMENT, "bytes are not those of -1 examples"},
    };
    memset(singles, 0, sizeof singles);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert_eq(
            bl_idx_take(idx, cases[i].examples, cases[i].count, cases[i].dtype, singles, cases[i].bytes),
            cases[i].status);
        cr_assert(error_says(bl_context_error(context), cases[i].status, cases[i].message, NULL), "%s",
                  error_text(bl_context_error(context)));
        cr_assert(singles[0] == 0 && singles[4] == 0, "nothing is written");
    }
    cr_assert_eq(bl_idx_take(idx, NULL, 4, BL_F32, singles, 64), BL_ERR_INDEX);
    cr_assert_eq(bl_idx_take(idx, NULL, 1, BL_F32, NULL, 16), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_idx_take(NULL, NULL, 1, BL_F32, singles, 16), BL_ERR_ARGUMENT);
    bl_idx_free(idx);
}

Test(idx, types)
{
    double got[3];
    bl_idx *idx = OPEN(0, 0, 9, 1, 0, 0, 0, 3, 0x80, 0xff, 0x7f);
    cr_assert_eq(bl_idx_take(idx, NULL, 3, BL_F64, got, sizeof got), BL_OK);
    cr_assert(got[0] == -128 && got[1] == -1 && got[2] == 127);
    bl_idx_free(idx);
    idx = OPEN(0, 0, 0xb, 1, 0, 0, 0, 3, 0x80, 0, 0xff, 0xfe, 0x12, 0x34);
    cr_assert_eq(bl_idx_take(idx, NULL, 3, BL_F64, got, sizeof got), BL_OK);
    cr_assert(got[0] == -32768 && got[1] == -2 && got[2] == 0x1234);
    bl_idx_free(idx);
    idx = OPEN(0, 0, 0xc, 1, 0, 0, 0, 2, 0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff);
    cr_assert_eq(bl_idx_take(idx, NULL, 2, BL_F64, got, 16), BL_OK);
    cr_assert(got[0] == -2147483648.0 && got[1] == 2147483647);
    bl_idx_free(idx);
    idx = OPEN(0, 0, 0xd, 1, 0, 0, 0, 2, 0x3f, 0xc0, 0, 0, 0xff, 0x80, 0, 0);
    cr_assert_eq(bl_idx_take(idx, NULL, 2, BL_F64, got, 16), BL_OK);
    cr_assert(got[0] == 1.5 && got[1] == -INFINITY);
    cr_assert_eq(bl_idx_take(idx, NULL, 2, BL_I64, got, 16), BL_ERR_DTYPE);
    cr_assert(
        error_says(bl_context_error(context), BL_ERR_DTYPE, "the file has floats, the values are i64", NULL));
    bl_idx_free(idx);
    idx = OPEN(0, 0, 0xe, 1, 0, 0, 0, 1, 0x3f, 0xf0, 0, 0, 0, 0, 0, 1);
    cr_assert_eq(bl_idx_take(idx, NULL, 1, BL_F64, got, 8), BL_OK);
    cr_assert_eq(got[0], 1 + 0x1p-52);
    bl_idx_free(idx);
    idx = OPEN(0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 5); /* nothing in it */
    cr_assert_not_null(idx);
    cr_assert_eq(bl_idx_take(idx, NULL, 0, BL_F64, NULL, 0), BL_OK);
    bl_idx_free(idx);
}

static void refuse(bl_idx *idx, const char *message)
{
    cr_assert_null(idx);
    cr_assert(error_says(bl_context_error(context), BL_ERR_IO, message, NULL), "%s",
              error_text(bl_context_error(context)));
}

Test(idx, refused_files)
{
    refuse(OPEN(0, 0, 8), "does not begin as an IDX file does");
    refuse(OPEN(1, 0, 8, 1, 0, 0, 0, 0), "does not begin as an IDX file does");
    refuse(OPEN(0x1f, 0x8b, 8, 0), "is compressed: gunzip it first");
    refuse(OPEN(0, 0, 10, 1, 0, 0, 0, 0), "has elements of type 0x0a, which there is not");
    refuse(OPEN(0, 0, 8, 0), "has 0 axes, not 1 to 8");
    refuse(OPEN(0, 0, 8, 9), "has 9 axes, not 1 to 8");
    refuse(OPEN(0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0), "ends within its header");
    refuse(OPEN(0, 0, 8, 1, 0, 0, 0, 2, 1), "has 1 bytes behind its header, not those of [2] elements of 1");
    refuse(OPEN(0, 0, 12, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5),
           "has 5 bytes behind its header, not those of [1] elements of 4");
    refuse(OPEN(0, 0, 14, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255),
           "has 0 bytes behind its header");
    refuse(bl_idx_open(context, path_of("none")), "none: No such file");
    cr_assert_null(bl_idx_open(context, NULL));
    cr_assert_null(bl_idx_open(NULL, "x"));
    bl_idx_free(NULL);
    cr_assert(bl_idx_shape(NULL).rank == -1 && bl_idx_type_of(NULL) == 0);
}
