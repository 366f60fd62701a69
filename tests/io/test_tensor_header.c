/* Malformed and unsupported tensor files: each is refused with its message, and nothing makes the reader
 * fall. */
#include "bowline/bowline.h"
#include "io/folder.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
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

TestSuite(tensor_header, .init = open_folder_too, .fini = close_folder_too);

/* Writes a file of a header, of `length` bytes or as long as it is, and `data` zero bytes. */
static const char *make(const char *header, uint64_t length, size_t data)
{
    const char *path = folder_path("made");
    size_t text = strlen(header), size = 8 + text + data;
    unsigned char *bytes = calloc(size, 1);
    length = length ? length : text;
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(length >> 8 * i);
    memcpy(bytes + 8, header, text);
    folder_write(path, bytes, size);
    free(bytes);
    return path;
}

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define B "\"b\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[8,11]}"

Test(tensor_header, what_is_allowed)
{
    static const struct {
        const char *header;
        size_t data, count;
    } files[] = {
        {"{}", 0, 0},
        {"{" A "}", 8, 1},
        {"{" A "," B "}", 11, 2},
        {"{" B "," A "}", 11, 2},
        {"{ " A " , " B " } \n ", 11, 2},
        {"{\"__metadata__\":{}," A "}", 8, 1},
        {"{" A ",\"__metadata__\":{\"k\":\"v\",\"\":\"\"}}", 8, 1},
        {"{\"a\" : { \"data_offsets\" : [ 0 , 8 ] ,\"shape\":[ 2 ], \"dtype\":\"F32\"} }", 8, 1},
        {"{\"s\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]}}", 8, 1},
        {"{\"e\":{\"dtype\":\"F64\",\"shape\":[0,9223372036854775807],\"data_offsets\":[0,0]}}", 0, 1},
        {"{\"e\":{\"dtype\":\"F64\",\"shape\":[4,0],\"data_offsets\":[8,8]}," A "}", 8, 2},
        {"{\"e\":{\"dtype\":\"F64\",\"shape\":[4,0],\"data_offsets\":[0,0]}," A "}", 8, 2},
        {"{\"r\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, 1},
        {"{\"\\u0061\\ud83d\\ude00\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, 1},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        bl_tensor_file *file = bl_tensor_file_open(context, make(files[i].header, 0, files[i].data));
        cr_expect(file && bl_tensor_file_count(file) == files[i].count, "%s: %s", files[i].header,
                  error_text(bl_context_error(context)));
        bl_tensor_file_close(file);
    }
}

Test(tensor_header, what_is_refused)
{
    static const struct {
        const char *header;
        uint64_t length; /* 0: as it is */
        size_t data;
        bl_status status;
        const char *part;
    } files[] = {
        {"", 0, 0, BL_ERR_FORMAT, "does not begin with {"},
        {"{}", 100, 0, BL_ERR_FORMAT, "the header has 100 bytes, the file only 2 after its length"},
        {"{}", 100000001, 0, BL_ERR_FORMAT, "longer than 100000000"},
        {"{}", UINT64_MAX, 0, BL_ERR_FORMAT, "longer than 100000000"},
        {" {}", 0, 0, BL_ERR_FORMAT, "does not begin with {"},
        {"[]", 0, 0, BL_ERR_FORMAT, "does not begin with {"},
        {"{", 0, 0, BL_ERR_FORMAT, "a name should begin at byte 1"},
        {"{}{}", 0, 0, BL_ERR_FORMAT, "something follows the JSON text"},
        {"{}", 0, 1, BL_ERR_FORMAT, "the tensors take 0 bytes, but the file has 1 for them"},
        {"{" A "}", 0, 7, BL_ERR_FORMAT, "the tensors take 8 bytes, but the file has 7"},
        {"{" A "}", 0, 9, BL_ERR_FORMAT, "the tensors take 8 bytes, but the file has 9"},
        {"{" A "," A "}", 0, 8, BL_ERR_FORMAT, "the name a stands there twice"},
        {"{" A ",\"b\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[9,12]}}", 0, 12, BL_ERR_FORMAT,
         "the values of b begin at 9, but those before them end at 8 (a hole)"},
        {"{" A ",\"b\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[7,10]}}", 0, 10, BL_ERR_FORMAT,
         "the values of b begin at 7, but those before them end at 8 (an overlap)"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 0, 8, BL_ERR_FORMAT,
         "(an overlap)"},
        {"{" B "}", 0, 11, BL_ERR_FORMAT,
         "the values of b begin at 8, but those before them end at 0 (a hole)"},
        {"{" A "", 0, 8, BL_ERR_FORMAT, "a comma or the object's end"},
        {"{" A " " B "}", 0, 11, BL_ERR_FORMAT, "a comma or the object's end"},
        {"{" A ",}", 0, 8, BL_ERR_FORMAT, "a name should begin"},
        {"{," A "}", 0, 8, BL_ERR_FORMAT, "a name should begin"},
        {"{a:1}", 0, 0, BL_ERR_FORMAT, "a name should begin"},
        {"{\"a\" 1}", 0, 0, BL_ERR_FORMAT, "a: a colon should follow"},
        {"{\"a\xff\":1}", 0, 0, BL_ERR_FORMAT, "unable to decode byte 0xff"},
        {"{\"a\\u0000\":1}", 0, 0, BL_ERR_FORMAT, "a name is no valid JSON"},
        {"{\"\\ud800\":1}", 0, 0, BL_ERR_FORMAT, "a name is no valid JSON"},
        {"{\"a\":1}", 0, 0, BL_ERR_FORMAT, "the description of a is not an object of dtype"},
        {"{\"a\":null}", 0, 0, BL_ERR_FORMAT, "the description of a is not an object of dtype"},
        {"{\"a\":{}}", 0, 0, BL_ERR_FORMAT, "the description of a is not an object of dtype"},
        {"{\"a\":}", 0, 0, BL_ERR_FORMAT, "the description of a is no valid JSON"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 0, 4,
         BL_ERR_FORMAT, "duplicate"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"offsets\":[0,4]}}", 0, 4, BL_ERR_FORMAT,
         "the data_offsets of a"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"x\":1}}", 0, 4, BL_ERR_FORMAT,
         "is not an object of dtype, shape and data_offsets"},
        {"{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,4]}}", 0, 4, BL_ERR_FORMAT, "a has no dtype"},
        {"{\"a\":{\"dtype\":\"f32\",\"shape\":[],\"data_offsets\":[0,4]}}", 0, 4, BL_ERR_FORMAT,
         "a has the unknown dtype f32"},
        {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}", 0, 4, BL_ERR_UNSUPPORTED,
         "a is F8_E4M3, a dtype that is not supported"},
        {"{\"a\":{\"dtype\":\"C64\",\"shape\":[],\"data_offsets\":[0,8]}}", 0, 8, BL_ERR_UNSUPPORTED,
         "a is C64"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,4]}}", 0, 4, BL_ERR_FORMAT,
         "a has no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 0, 4, BL_ERR_FORMAT,
         "size 0 of a is not a whole number"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1.0],\"data_offsets\":[0,4]}}", 0, 4, BL_ERR_FORMAT,
         "size 1 of a is not a whole number"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,4]}}", 0, 4,
         BL_ERR_FORMAT, "too big integer"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 0, 4,
         BL_ERR_FORMAT, "the elements of a [4294967296,4294967296] cannot be counted"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, 0,
         BL_ERR_FORMAT, "cannot be counted"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 0, 1,
         BL_ERR_UNSUPPORTED, "a has rank 9, more than 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 0, 8, BL_ERR_FORMAT,
         "a F32 [3] takes 12 bytes, but its data_offsets say 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 0, 8, BL_ERR_FORMAT,
         "the data_offsets of a are not two whole numbers in order"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 0, 8, BL_ERR_FORMAT,
         "the data_offsets of a"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 0, 8, BL_ERR_FORMAT,
         "the data_offsets of a"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 0, 8, BL_ERR_FORMAT,
         "the data_offsets of a"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[9223372036854775806,9223372036854775807]}"
         "}",
         0, 1, BL_ERR_FORMAT, "(a hole)"},
        {"{\"__metadata__\":[]}", 0, 0, BL_ERR_FORMAT, "__metadata__ is not an object"},
        {"{\"__metadata__\":{\"k\":1}}", 0, 0, BL_ERR_FORMAT, "the metadata k is no string"},
        {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, 0, BL_ERR_FORMAT,
         "the metadata k stands there twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, 0, BL_ERR_FORMAT, "__metadata__ stands there twice"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        const char *path = make(files[i].header, files[i].length, files[i].data);
        bl_tensor_file *file = bl_tensor_file_open(context, path);
        cr_expect_null(file, "%s", files[i].header);
        cr_expect(error_says(bl_context_error(context), files[i].status,
                             "bl_tensor_file_open: ", "made: ", files[i].part, NULL),
                  "%s: wanted \"%s\", got %s", files[i].header, files[i].part,
                  error_text(bl_context_error(context)));
        bl_tensor_file_close(file);
        bl_context_clear_error(context);
    }
}

/* Values that are longer than anything sensible are not even parsed. */
Test(tensor_header, what_is_too_long)
{
    char *header = malloc(100000);
    memset(header, ' ', 99999);
    header[99999] = '\0';
    memcpy(header, "{\"a\":{\"dtype\":\"U8\",\"shape\":[", 28);
    for (size_t i = 28; i < 99990; i += 2)
        memcpy(header + i, "0,", 2);
    cr_expect_null(bl_tensor_file_open(context, make(header, 0, 0)));
    cr_expect(error_says(bl_context_error(context), BL_ERR_FORMAT, "the description of a", "longer than 4096",
                         NULL),
              "%s", error_text(bl_context_error(context)));
    memcpy(header, "{\"", 2);
    memset(header + 2, 'n', 99990);
    cr_expect_null(bl_tensor_file_open(context, make(header, 0, 0)));
    cr_expect(error_says(bl_context_error(context), BL_ERR_FORMAT, "a name", "longer than 16384", NULL), "%s",
              error_text(bl_context_error(context)));
    free(header);
}

Test(tensor_header, what_is_no_file)
{
    char nothing[7] = {0};
    folder_write(folder_path("short"), nothing, sizeof(nothing));
    folder_write(folder_path("empty"), nothing, 0);
    cr_expect_null(bl_tensor_file_open(NULL, "short"));
    cr_expect_null(bl_tensor_file_open(context, NULL));
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "the path is NULL or empty", NULL));
    cr_expect_null(bl_tensor_file_open(context, ""));
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "the path is NULL or empty", NULL));
    cr_expect_null(bl_tensor_file_open(context, folder_path("none")));
    cr_expect(error_says(bl_context_error(context), BL_ERR_IO, "none: cannot be opened: No such file", NULL),
              "%s", error_text(bl_context_error(context)));
    cr_expect_null(bl_tensor_file_open(context, folder_path("")));
    cr_expect(error_says(bl_context_error(context), BL_ERR_IO, "no regular file", NULL));
    cr_expect_null(bl_tensor_file_open(context, "/dev/zero"));
    cr_expect(error_says(bl_context_error(context), BL_ERR_IO, "no regular file", NULL));
    cr_expect_null(bl_tensor_file_open(context, folder_path("short")));
    cr_expect(error_says(bl_context_error(context), BL_ERR_FORMAT, "7 bytes are too few", NULL));
    cr_expect_null(bl_tensor_file_open(context, folder_path("empty")));
    cr_expect(error_says(bl_context_error(context), BL_ERR_FORMAT, "0 bytes are too few", NULL));
    bl_tensor_file_close(NULL);
    cr_expect_eq(bl_tensor_file_count(NULL), 0);
    cr_expect_not(bl_tensor_file_at(NULL, 0, NULL));
    cr_expect_not(bl_tensor_file_find(NULL, "a", NULL));
    cr_expect_null(bl_tensor_file_metadata(NULL, "a"));
    cr_expect_eq(bl_tensor_file_metadata_count(NULL), 0);
}

/* ---- damage ---- */

#define HEADER "{\"__metadata__\":{\"x\":\"a\"}," A "," B "}"

/* Opens a file, if it can be opened, and reads all that it says there is. */
static bool go_through(const char *path)
{
    unsigned sum = 0;
    bl_stored_tensor tensor;
    bl_metadata entry;
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    for (size_t i = 0; file && bl_tensor_file_at(file, i, &tensor); i++) {
        for (size_t k = 0; k < bl_stored_bytes(&tensor); k++)
            sum += ((const unsigned char *)tensor.data)[k];
        sum += (unsigned)strlen(tensor.name);
    }
    for (size_t i = 0; file && bl_tensor_file_metadata_at(file, i, &entry); i++)
        sum += (unsigned)(strlen(entry.key) + strlen(entry.value));
    bl_tensor_file_close(file);
    cr_assert(file || bl_context_error(context)->code != BL_OK);
    bl_context_clear_error(context);
    return file && sum < UINT32_MAX;
}

Test(tensor_header, no_part_of_a_file_is_taken_for_the_whole)
{
    size_t size;
    unsigned char *bytes = folder_read(make(HEADER, 0, 11), &size);
    for (size_t cut = 0; cut <= size; cut++) {
        folder_write(folder_path("cut"), bytes, cut);
        cr_expect_eq(go_through(folder_path("cut")), cut == size, "cut at %zu", cut);
    }
    free(bytes);
}

Test(tensor_header, damaged_bytes)
{
    size_t size;
    unsigned char *bytes = folder_read(make(HEADER, 0, 11), &size), *damaged = malloc(size);
    uint32_t random = 12345;
    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) { /* every bit by itself */
            memcpy(damaged, bytes, size);
            damaged[i] ^= (unsigned char)(1 << bit);
            folder_write(folder_path("damaged"), damaged, size);
            go_through(folder_path("damaged"));
        }
    }
    for (int round = 0; round < 3000; round++) {
        memcpy(damaged, bytes, size);
        for (int k = 0; k < 1 + round % 4; k++) {
            random = random * 1664525u + 1013904223u;
            damaged[random / 256 % (size - 8) + 8] = (unsigned char)(random >> 24);
            if (round % 3 == 0) /* from the bytes of the file itself: more of them are JSON */
                damaged[random / 256 % (size - 8) + 8] = bytes[8 + (random >> 20) % (size - 8)];
        }
        folder_write(folder_path("damaged"), damaged, size);
        go_through(folder_path("damaged"));
    }
    free(damaged);
    free(bytes);
}

/* ---- memory ---- */

Test(tensor_header, without_memory)
{
    const char *path = make(HEADER, 0, 11);
    char left[128];
    bool opened = false;
    for (long k = 1; !opened; k++) {
        failing_allocator allocator;
        failing_allocator_init(&allocator);
        bl_context *poor = failing_allocator_context(&allocator);
        failing_allocator_fail(&allocator, k, k % 2);
        bl_tensor_file *file = bl_tensor_file_open(poor, path);
        opened = file;
        cr_assert(opened || bl_context_error(poor)->code == BL_ERR_MEMORY, "%s",
                  error_text(bl_context_error(poor)));
        cr_assert(opened != failing_allocator_has_failed(&allocator));
        bl_tensor_file_close(file);
        bl_context_free(poor);
        cr_assert(failing_allocator_clean(&allocator, left, sizeof(left)), "%ld: %s", k, left);
        cr_assert(k > 4 || !opened, "it takes its memory from the allocator");
    }
}

/* What a header takes in memory is about what it takes in its file. */
Test(tensor_header, memory_for_many_tensors)
{
    enum {
        COUNT = 20000
    };
    char *header = malloc((size_t)COUNT * 120), *at = header;
    *at++ = '{';
    for (int i = 0; i < COUNT; i++)
        at +=
            sprintf(at, "%s\"layers.%d.weight\":{\"dtype\":\"U8\",\"shape\":[1,2],\"data_offsets\":[%d,%d]}",
                    i ? "," : "", i, 2 * i, 2 * i + 2);
    memcpy(at, "}", 2);
    const char *path = make(header, 0, 2 * COUNT);
    failing_allocator allocator;
    failing_allocator_init(&allocator);
    bl_context *counting = failing_allocator_context(&allocator);
    bl_tensor_file *file = bl_tensor_file_open(counting, path);
    cr_assert_not_null(file, "%s", error_text(bl_context_error(counting)));
    cr_expect(bl_tensor_file_find(file, "layers.19999.weight", NULL));
    cr_expect_leq(allocator.most_bytes, strlen(header) + (1 << 20));
    bl_tensor_file_close(file);
    bl_context_free(counting);
    free(header);
}
