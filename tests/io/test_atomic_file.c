/* Writing that fails at each call: an error each time, the old file stands, and nothing is left over. */
#define _POSIX_C_SOURCE 200809L
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
#include <sys/stat.h>
#include <unistd.h>

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

TestSuite(atomic_file, .init = open_folder_too, .fini = close_folder_too);

enum {
    COUNT = 100000 /* values: enough for several writes */
};

static float values[COUNT];

/* Writes a file whose values are all `value`, under a few names. */
static bl_status save(bl_context *in, const char *path, float value)
{
    const bl_stored_tensor tensors[] = {{"a", BL_STORED_F32, BL_SHAPE(COUNT), values},
                                        {"b", BL_STORED_F32, BL_SHAPE(3), values},
                                        {"c", BL_STORED_U8, BL_SHAPE(COUNT), values}};
    for (int i = 0; i < COUNT; i++)
        values[i] = value;
    return bl_tensor_file_write(in, path, tensors, 3, NULL);
}

/* The value of which all of a whole file are. */
static float value_of(const char *path)
{
    bl_stored_tensor a, b;
    float first, one;
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    cr_assert(file && bl_tensor_file_find(file, "a", &a) && bl_tensor_file_find(file, "b", &b), "%s",
              error_text(bl_context_error(context)));
    memcpy(&first, b.data, sizeof(first));
    for (size_t i = 0; i < COUNT; i++) {
        memcpy(&one, (const unsigned char *)a.data + i * sizeof(one), sizeof(one));
        cr_assert_eq(one, first);
    }
    bl_tensor_file_close(file);
    return first;
}

Test(atomic_file, each_call_fails_in_turn)
{
    static const int codes[] = {EIO, ENOSPC};
    const char *path = folder_path("model.safetensors");
    int seen = 0;
    cr_assert_eq(save(context, path, 1), BL_OK);
    for (size_t c = 0; c < sizeof(codes) / sizeof(*codes); c++) {
        bool failed = true;
        for (long k = 1; failed; k++) {
            failing_files_begin(k, FAILING_ERROR, codes[c]);
            bl_status status = save(context, path, 2);
            failed = failing_files_end();
            const char *name = failing_files_name();
            folder_expect_only("model.safetensors", NULL);
            if (!failed) {
                cr_expect_eq(status, BL_OK);
                cr_expect_eq(value_of(path), 2);
                cr_expect_geq(k, 10, "there are so many calls");
                break;
            }
            seen |= strcmp(name, "open") == 0     ? 1
                    : strcmp(name, "write") == 0  ? 2
                    : strcmp(name, "fsync") == 0  ? 4
                    : strcmp(name, "close") == 0  ? 8
                    : strcmp(name, "rename") == 0 ? 16
                    : strcmp(name, "fchmod") == 0 ? 32
                                                  : 0;
            if (status == BL_OK) { /* the folder's descriptor could not be closed: nothing depends on it */
                cr_expect_str_eq(name, "close");
                cr_expect_eq(value_of(path), 2);
            } else {
                const bl_error *error = bl_context_error(context);
                cr_expect(error_says(error, BL_ERR_IO, "bl_tensor_file_write: ", "model.safetensors: ",
                                     strerror(codes[c]), NULL),
                          "%s", error_text(error));
                cr_expect_eq(value_of(path), 1, "%s: %s", name, error_text(error));
            }
            cr_assert_eq(save(context, path, 1), BL_OK);
        }
        cr_assert_eq(save(context, path, 1), BL_OK);
    }
    cr_expect_eq(seen, 63, "not all functions failed: %d", seen);
}

/* The same where nothing stood before: nothing stands there after a failure. */
Test(atomic_file, each_call_fails_in_turn_for_a_new_file)
{
    const char *path = folder_path("model.safetensors");
    bool failed = true;
    for (long k = 1; failed; k++) {
        failing_files_begin(k, FAILING_ERROR, EIO);
        bl_status status = save(context, path, 2);
        failed = failing_files_end();
        if (status == BL_OK)
            folder_expect_only("model.safetensors", NULL);
        else
            cr_expect_eq(access(path, F_OK), -1, "%s", failing_files_name());
        cr_expect(failed || status == BL_OK);
        unlink(path);
    }
}

Test(atomic_file, short_and_interrupted_calls_are_gone_on_with)
{
    static const failing_mode modes[] = {FAILING_SHORT, FAILING_INTERRUPTED};
    const char *path = folder_path("model.safetensors");
    for (size_t m = 0; m < 2; m++) {
        bool came = true;
        for (long k = 1; came; k++) {
            failing_files_begin(k, modes[m], 0);
            bl_status status = save(context, path, (float)k);
            came = failing_files_end();
            cr_assert_eq(status, BL_OK, "%s: %s", failing_files_name(),
                         error_text(bl_context_error(context)));
            cr_assert_eq(value_of(path), (float)k);
            folder_expect_only("model.safetensors", NULL);
        }
    }
}

Test(atomic_file, a_disk_that_becomes_full_in_the_middle_of_a_write)
{
    const char *path = folder_path("model.safetensors");
    bool came = true;
    int writes = 0;
    cr_assert_eq(save(context, path, 1), BL_OK);
    for (long k = 1; came; k++) {
        failing_files_begin(k, FAILING_SHORT_FULL, ENOSPC);
        bl_status status = save(context, path, 2);
        came = failing_files_end();
        if (came && strcmp(failing_files_name(), "write") == 0) {
            writes++;
            cr_expect_eq(status, BL_ERR_IO);
            cr_expect_eq(value_of(path), 1);
        } else {
            cr_expect_eq(status, BL_OK);
        }
        folder_expect_only("model.safetensors", NULL);
        cr_assert_eq(save(context, path, 1), BL_OK);
    }
    cr_expect_gt(writes, 0);
}

Test(atomic_file, without_memory)
{
    const char *path = folder_path("model.safetensors");
    char left[128];
    bool written = false;
    cr_assert_eq(save(context, path, 1), BL_OK);
    for (long k = 1; !written; k++) {
        failing_allocator allocator;
        failing_allocator_init(&allocator);
        bl_context *poor = failing_allocator_context(&allocator);
        failing_allocator_fail(&allocator, k, true);
        bl_status status = save(poor, path, 2);
        written = status == BL_OK;
        cr_assert(written || status == BL_ERR_MEMORY);
        cr_assert(written != failing_allocator_has_failed(&allocator));
        bl_context_free(poor);
        cr_assert(failing_allocator_clean(&allocator, left, sizeof(left)), "%ld: %s", k, left);
        cr_expect_eq(value_of(path), written ? 2 : 1);
        folder_expect_only("model.safetensors", NULL);
    }
}

Test(atomic_file, links_and_permissions)
{
    struct stat found;
    const char *path = folder_path("model"), *link = folder_path("latest"),
               *dangling = folder_path("nowhere");
    cr_assert_eq(save(context, path, 1), BL_OK);
    cr_assert_eq(chmod(path, 0640), 0);
    cr_assert_eq(symlink("model", link), 0);
    cr_assert_eq(save(context, link, 2), BL_OK, "%s", error_text(bl_context_error(context)));
    cr_expect_eq(value_of(path), 2, "what the link leads to is written");
    cr_expect(lstat(link, &found) == 0 && S_ISLNK(found.st_mode));
    cr_expect(stat(path, &found) == 0 && (found.st_mode & 07777) == 0640, "permissions stay");
    cr_assert_eq(symlink("missing", dangling), 0);
    cr_expect_eq(save(context, dangling, 1), BL_ERR_IO);
    cr_expect(error_says(bl_context_error(context), BL_ERR_IO, "the symbolic link cannot be followed", NULL));
}

Test(atomic_file, what_is_no_file)
{
    cr_expect_eq(save(context, folder_path(""), 1), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "no regular file", NULL), "%s",
              error_text(bl_context_error(context)));
    cr_expect_eq(save(context, "/dev/null", 1), BL_ERR_ARGUMENT, "a rename would replace the device");
    cr_expect_eq(save(context, folder_path("none/model"), 1), BL_ERR_IO);
    cr_expect(error_says(bl_context_error(context), BL_ERR_IO,
                         "a temporary file beside it cannot be made: No", NULL),
              "%s", error_text(bl_context_error(context)));
    cr_expect_eq(save(context, "", 1), BL_ERR_ARGUMENT);
    cr_expect_eq(save(context, NULL, 1), BL_ERR_ARGUMENT);
    cr_expect_eq(save(NULL, "x", 1), BL_ERR_ARGUMENT);
}
