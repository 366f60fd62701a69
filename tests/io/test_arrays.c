/* NumPy's files: what is written comes back, forms that only NumPy writes, and every refusal.
 * (tests/interchange goes to NumPy and back.) */
#include "bowline/bowline.h"
#include "io/failing_files.h"
#include "io/folder.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
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

TestSuite(arrays, .init = open_folder_too, .fini = close_folder_too);

/* Writes a .npy file of version 1.0 with a header and values. */
static const char *make(const char *header, const void *values, size_t bytes)
{
    size_t length = strlen(header);
    unsigned char *file = malloc(10 + length + bytes);
    memcpy(file, "\x93NUMPY\x01", 8);
    file[8] = (unsigned char)(length & 255);
    file[9] = (unsigned char)(length >> 8);
    memcpy(file + 10, header, length);
    if (bytes > 0)
        memcpy(file + 10 + length, values, bytes);
    folder_write(folder_path("made.npy"), file, 10 + length + bytes);
    free(file);
    return folder_path("made.npy");
}

Test(arrays, npy_comes_back)
{
    unsigned char values[24];
    bl_stored_tensor found;
    for (size_t i = 0; i < sizeof(values); i++)
        values[i] = (unsigned char)(i * 11 & 1);
    for (int dtype = 0; dtype < BL_STORED_COUNT; dtype++) {
        static const bl_shape shapes[] = {{0, {0}}, {1, {3}}, {2, {3, 1}}, {3, {1, 0, 7}}};
        for (size_t s = 0; s < 4; s++) {
            bl_stored_tensor array = {"ignored", (bl_stored_dtype)dtype, shapes[s], values};
            bl_status status = bl_npy_write(context, folder_path("a.npy"), &array);
            if (dtype == BL_STORED_BF16) {
                cr_expect(error_says(bl_context_error(context), BL_ERR_DTYPE,
                                     "bl_npy_write: ignored is BF16, which NumPy does not have", NULL));
                continue;
            }
            cr_assert_eq(status, BL_OK, "%s", error_text(bl_context_error(context)));
            bl_arrays *arrays = bl_arrays_read(context, folder_path("a.npy"));
            cr_assert(arrays && bl_arrays_count(arrays) == 1 && bl_arrays_at(arrays, 0, &found), "%s",
                      error_text(bl_context_error(context)));
            cr_expect_str_eq(found.name, "");
            cr_expect_eq(found.dtype, dtype);
            cr_expect(bl_shape_equal(found.shape, shapes[s]));
            size_t bytes = bl_stored_bytes(&found);
            cr_expect(bytes == 0 || memcmp(found.data, values, bytes) == 0);
            cr_expect_eq((uintptr_t)found.data % 64, 0);
            cr_expect(bl_arrays_find(arrays, "", NULL));
            cr_expect_not(bl_arrays_find(arrays, "a", NULL));
            cr_expect_not(bl_arrays_at(arrays, 1, NULL));
            bl_arrays_free(arrays);
        }
    }
    size_t size;
    const float two[2] = {1, 2};
    bl_stored_tensor array = {NULL, BL_STORED_F32, BL_SHAPE(2), two};
    static const char header[] =
        "\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    cr_assert_eq(bl_npy_write(context, folder_path("a.npy"), &array), BL_OK);
    char *bytes = (char *)folder_read(folder_path("a.npy"), &size);
    cr_expect_eq(size, 128 + 8);
    cr_expect_eq(memcmp(bytes, header, sizeof(header) - 1), 0);
    cr_expect_eq(bytes[127], '\n');
    free(bytes);
}

Test(arrays, forms_that_numpy_writes)
{
    static const unsigned char large[6] = {0, 1, 2, 3, 4, 5};
    static const struct {
        const char *header;
        unsigned char expected[6];
    } forms[] = {
        {"{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", {0, 2, 4, 1, 3, 5}},
        {"{'descr': '|u1', 'fortran_order': True, 'shape': (1, 3, 2)}", {0, 3, 1, 4, 2, 5}},
        {"{'descr': '>i2', 'fortran_order': False, 'shape': (3,)}   \n", {1, 0, 3, 2, 5, 4}},
        {"{\"shape\": (3L,), \"descr\": \"<u2\", \"fortran_order\": True}", {0, 1, 2, 3, 4, 5}},
        {"{'shape':(3,1),'fortran_order':True,'descr':'>f2'}", {1, 0, 3, 2, 5, 4}},
        {"{'shape':(1,3),'fortran_order':True,'descr':'=f2',}", {0, 1, 2, 3, 4, 5}},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        bl_stored_tensor found;
        bl_arrays *arrays = bl_arrays_read(context, make(forms[i].header, large, 6));
        cr_assert(bl_arrays_at(arrays, 0, &found), "%s: %s", forms[i].header,
                  error_text(bl_context_error(context)));
        cr_expect_eq(memcmp(found.data, forms[i].expected, 6), 0, "%s", forms[i].header);
        bl_arrays_free(arrays);
    }
}

Test(arrays, npy_refusals)
{
    static const struct {
        const char *header, *part;
        bl_status status;
    } files[] = {
        {"", "the header is no dictionary", BL_ERR_FORMAT},
        {"[]", "the header is no dictionary", BL_ERR_FORMAT},
        {"{", "the header is no dictionary", BL_ERR_FORMAT},
        {"{'descr': '<f4'", "the header is no dictionary", BL_ERR_FORMAT},
        {"{'descr: '<f4'}", "the header is no dictionary", BL_ERR_FORMAT},
        {"{}", "descr, fortran_order or shape is missing", BL_ERR_FORMAT},
        {"{'descr': '<f4', 'shape': (1,)}", "descr, fortran_order or shape is missing", BL_ERR_FORMAT},
        {"{'descr': '<f4', 'descr': '<f4'}", "a key is there twice or unknown", BL_ERR_FORMAT},
        {"{'other': 1}", "a key is there twice or unknown", BL_ERR_FORMAT},
        {"{'descr': 4}", "descr is no string", BL_ERR_FORMAT},
        {"{'fortran_order': 0}", "fortran_order is neither True nor False", BL_ERR_FORMAT},
        {"{'shape': 4}", "the shape is no tuple", BL_ERR_FORMAT},
        {"{'shape': (-1,)}", "the shape is no tuple of whole numbers", BL_ERR_FORMAT},
        {"{'shape': (1", "the shape is no tuple of whole numbers", BL_ERR_FORMAT},
        {"{'shape': (9223372036854775808,)}", "the shape is no tuple of whole numbers", BL_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "something follows", BL_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "F32 [2] takes 8 bytes, but there are 4",
         BL_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}", "takes 0 bytes, but there are 4",
         BL_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", "cannot be counted",
         BL_ERR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "more than 8 axes",
         BL_ERR_UNSUPPORTED},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "structured arrays",
         BL_ERR_UNSUPPORTED},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "NumPy's dtype |O is not supported",
         BL_ERR_UNSUPPORTED},
        {"{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}", "<U1", BL_ERR_UNSUPPORTED},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "<c8", BL_ERR_UNSUPPORTED},
        {"{'descr': '<V2', 'fortran_order': False, 'shape': (2,)}", "<V2", BL_ERR_UNSUPPORTED},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}", "|f4", BL_ERR_UNSUPPORTED},
        {"{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", "<f16", BL_ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        cr_expect_null(bl_arrays_read(context, make(files[i].header, "four", 4)), "%s", files[i].header);
        cr_expect(error_says(bl_context_error(context), files[i].status,
                             "bl_arrays_read: ", "made.npy: ", files[i].part, NULL),
                  "%s: wanted \"%s\", got %s", files[i].header, files[i].part,
                  error_text(bl_context_error(context)));
        bl_context_clear_error(context);
    }
    static const struct {
        const char *bytes, *part;
        size_t size;
        bl_status status;
    } frames[] = {
        {"", "does not begin as a .npy file", 0, BL_ERR_FORMAT},
        {"\x93NUMPX\x01\0\0\0", "does not begin as a .npy file", 10, BL_ERR_FORMAT},
        {"\x93NUMPY\x04\0\0\0", "version 4.0", 10, BL_ERR_UNSUPPORTED},
        {"\x93NUMPY\x01\1\0\0", "version 1.1", 10, BL_ERR_UNSUPPORTED},
        {"\x93NUMPY\x01\0\1\0", "a header of 1 bytes does not fit into the file's 10", 10, BL_ERR_FORMAT},
        {"\x93NUMPY\x02\0\1\0", "does not fit", 10, BL_ERR_FORMAT},
        {"\x93NUMPY\x03\0\xff\xff\xff\xff", "a header of 4294967295 bytes", 12, BL_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++) {
        folder_write(folder_path("frame"), frames[i].bytes, frames[i].size);
        cr_expect_null(bl_arrays_read(context, folder_path("frame")));
        cr_expect(error_says(bl_context_error(context), frames[i].status, frames[i].part, NULL), "%s",
                  error_text(bl_context_error(context)));
    }
    bl_stored_tensor array = {"a", BL_STORED_F32, {-1, {0}}, NULL};
    cr_expect_eq(bl_npy_write(context, folder_path("x"), &array), BL_ERR_SHAPE);
    array.shape = BL_SHAPE(2);
    cr_expect_eq(bl_npy_write(context, folder_path("x"), &array), BL_ERR_ARGUMENT);
    array.shape = BL_SHAPE(-2);
    cr_expect_eq(bl_npy_write(context, folder_path("x"), &array), BL_ERR_OVERFLOW);
    cr_expect_eq(bl_npy_write(context, folder_path("x"), NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_npy_write(context, NULL, &array), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_npy_write(NULL, "x", &array), BL_ERR_ARGUMENT);
    cr_expect_null(bl_arrays_read(NULL, "x"));
    cr_expect_null(bl_arrays_read(context, NULL));
    cr_expect_null(bl_arrays_read(context, folder_path("none")));
    cr_expect_eq(bl_context_error(context)->code, BL_ERR_IO);
    bl_arrays_free(NULL);
    cr_expect_eq(bl_arrays_count(NULL), 0);
}

/* ---- .npz ---- */

static float numbers[3000];

/* Three arrays; the large one can be compressed. */
static void three(bl_stored_tensor arrays[3])
{
    for (int i = 0; i < 3000; i++)
        numbers[i] = (float)(i / 7);
    arrays[0] = (bl_stored_tensor){"large", BL_STORED_F32, BL_SHAPE(30, 100), numbers};
    arrays[1] = (bl_stored_tensor){"scalar", BL_STORED_F64, BL_SCALAR, numbers};
    arrays[2] = (bl_stored_tensor){"block.0/\xc3\xa9", BL_STORED_I64, BL_SHAPE(0, 3), NULL};
}

#if BL__ZLIB

/* Reads a file: whether these three are in it. */
static bool has_three(bl_context *in, const char *path, const bl_stored_tensor arrays[3])
{
    bl_arrays *found = bl_arrays_read(in, path);
    bool good = found && bl_arrays_count(found) == 3;
    for (int i = 0; i < 3 && good; i++) {
        bl_stored_tensor one;
        size_t bytes = bl_stored_bytes(&arrays[i]);
        good = bl_arrays_find(found, arrays[i].name, &one) && one.dtype == arrays[i].dtype &&
               bl_shape_equal(one.shape, arrays[i].shape) &&
               (bytes == 0 || memcmp(one.data, arrays[i].data, bytes) == 0);
    }
    bl_arrays_free(found);
    return good;
}

Test(arrays, npz_comes_back)
{
    bl_stored_tensor arrays[3];
    size_t size[2];
    three(arrays);
    for (int compress = 0; compress < 2; compress++) {
        const char *path = folder_path("three.npz");
        cr_assert_eq(bl_npz_write(context, path, arrays, 3, compress), BL_OK, "%s",
                     error_text(bl_context_error(context)));
        cr_expect(has_three(context, path, arrays), "%s", error_text(bl_context_error(context)));
        free(folder_read(path, &size[compress]));
    }
    cr_expect_gt(size[0], 12000);
    cr_expect_lt(size[1], 6000, "compressed to %zu", size[1]);
    cr_assert_eq(bl_npz_write(context, folder_path("none.npz"), NULL, 0, true), BL_OK);
    bl_arrays *none = bl_arrays_read(context, folder_path("none.npz"));
    cr_expect(none && bl_arrays_count(none) == 0, "%s", error_text(bl_context_error(context)));
    bl_arrays_free(none);
    folder_expect_only("three.npz", "none.npz", NULL);
}

/* Nothing but the whole file is taken, and no damage makes the reader fall. */
Test(arrays, npz_cut_and_damaged)
{
    bl_stored_tensor arrays[3];
    size_t size;
    uint32_t random = 7;
    three(arrays);
    arrays[0].shape = BL_SHAPE(30);
    for (int compress = 0; compress < 2; compress++) {
        cr_assert_eq(bl_npz_write(context, folder_path("z"), arrays, 3, compress), BL_OK);
        unsigned char *bytes = folder_read(folder_path("z"), &size), *damaged = malloc(size);
        for (size_t cut = 0; cut < size; cut++) {
            folder_write(folder_path("cut"), bytes, cut);
            cr_expect_not(has_three(context, folder_path("cut"), arrays), "cut at %zu", cut);
        }
        for (int round = 0; round < 500; round++) {
            memcpy(damaged, bytes, size);
            for (int k = 0; k <= round % 3; k++) {
                random = random * 1664525u + 1013904223u;
                damaged[random / 256 % size] = (unsigned char)(random >> 24);
            }
            folder_write(folder_path("damaged"), damaged, size);
            bl_arrays *found = bl_arrays_read(context, folder_path("damaged"));
            bl_arrays_free(found);
        }
        /* A byte of the values: the checksum tells. */
        memcpy(damaged, bytes, size);
        damaged[30 + 9 + (compress ? 20 : 128 + 3)] ^= 1;
        folder_write(folder_path("damaged"), damaged, size);
        cr_expect_null(bl_arrays_read(context, folder_path("damaged")));
        cr_expect(error_says(bl_context_error(context), BL_ERR_FORMAT, "damaged: large.npy", NULL), "%s",
                  error_text(bl_context_error(context)));
        free(damaged);
        free(bytes);
    }
}

Test(arrays, npz_refusals)
{
    bl_stored_tensor arrays[3];
    size_t size;
    three(arrays);
    cr_assert_eq(bl_npz_write(context, folder_path("z"), arrays, 1, false), BL_OK);
    unsigned char *bytes = folder_read(folder_path("z"), &size);
    size_t directory = size - 22 - 46 - 9; /* of one member, large.npy */
    static const struct {
        size_t at; /* in the entry of the directory */
        unsigned char value;
        bl_status status;
        const char *part;
    } changes[] = {{8, 1, BL_ERR_UNSUPPORTED, "large.npy is encrypted"},
                   {10, 12, BL_ERR_UNSUPPORTED, "large.npy is compressed by method 12"},
                   {10, 8, BL_ERR_FORMAT, "large.npy is damaged"},
                   {16, 0, BL_ERR_FORMAT, "large.npy: the checksum is wrong"},
                   {20, 1, BL_ERR_FORMAT, "large.npy is stored, but in other bytes"},
                   {42, 1, BL_ERR_FORMAT, "large.npy does not lie in the file"},
                   {0, 0, BL_ERR_FORMAT, "an entry of the zip file's directory is damaged"},
                   {28, 255, BL_ERR_FORMAT, "an entry of the zip file's directory is cut off"},
                   {46 + 9 + 16, 0, BL_ERR_FORMAT, ""}};
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        unsigned char kept = bytes[directory + changes[i].at];
        bytes[directory + changes[i].at] = changes[i].value == kept ? (unsigned char)~kept : changes[i].value;
        folder_write(folder_path("changed"), bytes, size);
        bytes[directory + changes[i].at] = kept;
        cr_expect_null(bl_arrays_read(context, folder_path("changed")), "%zu", i);
        cr_expect(
            error_says(bl_context_error(context), changes[i].status, "changed: ", changes[i].part, NULL),
            "wanted \"%s\", got %s", changes[i].part, error_text(bl_context_error(context)));
    }
    memcpy(bytes + directory + 46 + 5, ".txt", 4); /* what is no .npy is passed over */
    folder_write(folder_path("changed"), bytes, size);
    bl_arrays *found = bl_arrays_read(context, folder_path("changed"));
    cr_expect(found && bl_arrays_count(found) == 0);
    bl_arrays_free(found);
    free(bytes);
    arrays[1].name = "large";
    cr_expect_eq(bl_npz_write(context, folder_path("z"), arrays, 2, false), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "the name large is given twice", NULL));
    arrays[1].name = "";
    cr_expect_eq(bl_npz_write(context, folder_path("z"), arrays, 2, false), BL_ERR_ARGUMENT);
    arrays[1].name = "a\xff";
    cr_expect_eq(bl_npz_write(context, folder_path("z"), arrays, 2, false), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "is not UTF-8", NULL));
    arrays[1].dtype = BL_STORED_BF16;
    arrays[1].name = "b";
    cr_expect_eq(bl_npz_write(context, folder_path("z"), arrays, 2, false), BL_ERR_DTYPE);
    cr_expect_eq(bl_npz_write(context, NULL, arrays, 1, false), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_npz_write(context, folder_path("z"), NULL, 1, false), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_npz_write(NULL, "z", arrays, 1, false), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_npz_write(context, folder_path("z"), arrays, 1, true), BL_OK, "the file was never open");
}

Test(arrays, npz_without_disk_or_memory)
{
    bl_stored_tensor arrays[3];
    char left[128];
    three(arrays);
    const char *path = folder_path("z");
    for (int compress = 0; compress < 2; compress++) {
        bool failed = true;
        cr_assert_eq(bl_npz_write(context, path, arrays, 3, compress), BL_OK);
        for (long k = 1; failed; k++) {
            failing_files_begin(k, FAILING_ERROR, ENOSPC);
            bl_status status = bl_npz_write(context, path, arrays, 3, compress);
            failed = failing_files_end();
            cr_expect(status == BL_ERR_IO || !failed || strcmp(failing_files_name(), "close") == 0);
            cr_expect(has_three(context, path, arrays));
            folder_expect_only("z", NULL);
        }
        for (int reading = 0; reading < 2; reading++) {
            bool well = false;
            for (long k = 1; !well; k++) {
                failing_allocator allocator;
                failing_allocator_init(&allocator);
                bl_context *poor = failing_allocator_context(&allocator);
                failing_allocator_fail(&allocator, k, false);
                well = reading ? has_three(poor, path, arrays)
                               : bl_npz_write(poor, path, arrays, 3, compress) == BL_OK;
                cr_assert(well || bl_context_error(poor)->code == BL_ERR_MEMORY, "%s",
                          error_text(bl_context_error(poor)));
                cr_assert(well != failing_allocator_has_failed(&allocator), "%ld", k);
                bl_context_free(poor);
                cr_assert(failing_allocator_clean(&allocator, left, sizeof(left)), "%ld: %s", k, left);
                folder_expect_only("z", NULL);
            }
        }
    }
}

#else

Test(arrays, npz_is_not_supported)
{
    bl_stored_tensor arrays[3];
    three(arrays);
    cr_expect_eq(bl_npz_write(context, folder_path("z"), arrays, 3, true), BL_ERR_UNSUPPORTED);
    cr_expect(error_says(bl_context_error(context), BL_ERR_UNSUPPORTED, "zlib1g-dev", NULL));
    folder_write(folder_path("z"), "PK\3\4", 4);
    cr_expect_null(bl_arrays_read(context, folder_path("z")));
    cr_expect_eq(bl_context_error(context)->code, BL_ERR_UNSUPPORTED);
}

#endif
