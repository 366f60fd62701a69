/* Sharded sets: written, read, replaced, and refused where index and shards do not agree. */
#define _POSIX_C_SOURCE 200809L
#include "bowline/bowline.h"
#include "io/failing_files.h"
#include "io/folder.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

TestSuite(tensor_shards, .init = open_folder_too, .fini = close_folder_too);

/* Five tensors of 40 bytes, the third of 120, all values the same; in shards of at most 100 bytes. */
static bl_status save(const char *path, float value)
{
    static const bl_metadata metadata[] = {{"alias", "t.0"}, {"format", "pt"}};
    float values[30];
    bl_stored_tensor tensors[5];
    static const char *const names[] = {"t.0", "t.1", "t.2", "t.3", "t.4"};
    bl_tensor_file_options options = bl_tensor_file_defaults();
    options.max_shard_bytes = 100;
    options.metadata = metadata;
    options.metadata_count = 2;
    for (int i = 0; i < 30; i++)
        values[i] = value;
    for (int i = 0; i < 5; i++)
        tensors[i] = (bl_stored_tensor){names[i], BL_STORED_F32, BL_SHAPE(i == 2 ? 30 : 10), values};
    return bl_tensor_file_write(context, path, tensors, 5, &options);
}

/* The value of which all tensors are; 0 when the set cannot be opened. */
static float value_of(const char *path)
{
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    float first = 0, one;
    if (!file)
        return 0;
    cr_assert_eq(bl_tensor_file_count(file), 5);
    for (size_t i = 0; i < 5; i++) {
        bl_stored_tensor tensor;
        cr_assert(bl_tensor_file_at(file, i, &tensor));
        for (size_t k = 0; k < bl_stored_bytes(&tensor); k += 4) {
            memcpy(&one, (const char *)tensor.data + k, 4);
            first = first ? first : one;
            cr_assert_eq(one, first, "values of two saves");
        }
    }
    bl_tensor_file_close(file);
    return first;
}

#define INDEX  "model.safetensors.index.json"
#define FIRST  "model-00001-of-00003.safetensors"
#define SECOND "model-00002-of-00003.safetensors"
#define THIRD  "model-00003-of-00003.safetensors"

Test(tensor_shards, written_read_and_replaced)
{
    const char *path = folder_path(INDEX);
    bl_stored_tensor tensor;
    size_t size;
    cr_assert_eq(save(path, 1), BL_OK, "%s", error_text(bl_context_error(context)));
    folder_expect_only(INDEX, FIRST, SECOND, THIRD, NULL);
    cr_expect_eq(value_of(path), 1, "%s", error_text(bl_context_error(context)));
    char *text = (char *)folder_read(path, &size);
    text[size] = '\0';
    static const char wanted[] =
        "{\"metadata\":{\"alias\":\"t.0\",\"format\":\"pt\",\"total_size\":280},"
        "\"weight_map\":{\n\"t.0\":\"" FIRST "\",\n\"t.1\":\"" FIRST "\",\n\"t.2\":\"" SECOND
        "\",\n\"t.3\":\"" THIRD "\",\n\"t.4\":\"" THIRD "\"}}\n";
    cr_expect_str_eq(text, wanted);
    free(text);
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    cr_expect_str_eq(bl_tensor_file_metadata(file, "alias"), "t.0");
    cr_expect_null(bl_tensor_file_metadata(file, "total_size"), "which is no string");
    cr_expect(bl_tensor_file_find(file, "t.4", &tensor));
    cr_expect_eq(tensor.shape.size[0], 10);
    bl_tensor_file_close(file);
    file = bl_tensor_file_open(context, folder_path(SECOND));
    cr_expect_eq(bl_tensor_file_count(file), 1, "each shard is a file by itself");
    cr_expect_str_eq(bl_tensor_file_metadata(file, "format"), "pt");
    bl_tensor_file_close(file);
    cr_assert_eq(save(path, 2), BL_OK);
    folder_expect_only(INDEX, "model-2-00001-of-00003.safetensors", "model-2-00002-of-00003.safetensors",
                       "model-2-00003-of-00003.safetensors", NULL);
    cr_expect_eq(value_of(path), 2);
    cr_assert_eq(save(path, 3), BL_OK);
    folder_expect_only(INDEX, FIRST, SECOND, THIRD, NULL);
    cr_expect_eq(value_of(path), 3);
}

Test(tensor_shards, each_call_fails_in_turn)
{
    const char *path = folder_path(INDEX);
    bool failed = true;
    cr_assert_eq(save(path, 1), BL_OK);
    for (long k = 1; failed; k++) {
        failing_files_begin(k, FAILING_ERROR, ENOSPC);
        bl_status status = save(path, 2);
        failed = failing_files_end();
        float value = value_of(path);
        bool placed = strstr(bl_context_error(context)->message, INDEX ": was written, but its folder");
        cr_expect(status == BL_OK ? value == 2 : value == (placed ? 2 : 1), "%ld (%s): %s", k,
                  failing_files_name(), error_text(bl_context_error(context)));
        if (value == 1)
            folder_expect_only(INDEX, FIRST, SECOND, THIRD, NULL);
        /* Where the old set could not be looked at, it is not known which shards are its. */
        bool unknown = failed && status == BL_OK && strcmp(failing_files_name(), "open") == 0;
        int files = folder_clear();
        cr_expect(files == 4 || (unknown && files == 7), "%ld: %d files", k, files);
        cr_assert_eq(save(path, 1), BL_OK);
        bl_context_clear_error(context);
    }
}

Test(tensor_shards, parameters)
{
    const char *path = folder_path("p.safetensors.index.json");
    bl_save_options options = bl_save_defaults();
    options.file.max_shard_bytes = 64;
    bl_params_add(params, "a", BL_F32, BL_SHAPE(16), bl_init_constant(3), NULL);
    bl_params_add(params, "b", BL_F32, BL_SHAPE(16), bl_init_constant(4), NULL);
    bl_params_register(params, "tied", bl_params_find(params, "a"));
    cr_assert_eq(bl_params_save(params, path, &options), BL_OK, "%s", error_text(bl_context_error(context)));
    folder_expect_only("p.safetensors.index.json", "p-00001-of-00002.safetensors",
                       "p-00002-of-00002.safetensors", NULL);
    bl_params *loaded = bl_params_new(context);
    bl_parameter *tied = bl_params_add(loaded, "tied", BL_F32, BL_SHAPE(16), bl_init_zeros(), NULL);
    bl_params_add(loaded, "b", BL_F32, BL_SHAPE(16), bl_init_zeros(), NULL);
    cr_assert_eq(bl_params_load(loaded, path, NULL), BL_OK, "%s", error_text(bl_params_error(loaded)));
    cr_expect_eq(((const float *)bl_parameter_data(tied))[7], 3);
    bl_params_free(loaded);
}

Test(tensor_shards, what_is_refused)
{
    static const struct {
        const char *index, *part;
        bl_status status;
    } sets[] = {
        {"", "an object should begin at byte 0", BL_ERR_FORMAT},
        {"[]", "an object should begin at byte 0", BL_ERR_FORMAT},
        {"{}", "there is no weight_map", BL_ERR_FORMAT},
        {"{\"weight_map\":{}", "a comma or the object's end", BL_ERR_FORMAT},
        {"{\"weight_map\":{}} x", "something follows", BL_ERR_FORMAT},
        {"{\"weight_map\":[]}", "an object should begin", BL_ERR_FORMAT},
        {"{\"weight_map\":{\"a\":1}}", "the place of a is no string", BL_ERR_FORMAT},
        {"{\"weight_map\":{\"a\":\"../one\"}}", "../one is not the name of a file beside it", BL_ERR_FORMAT},
        {"{\"weight_map\":{\"a\":\"..\"}}", ".. is not the name", BL_ERR_FORMAT},
        {"{\"weight_map\":{\"a\":\"\"}}", " is not the name", BL_ERR_FORMAT},
        {"{\"weight_map\":{\"a\":\"none\"}}", "none: cannot be opened", BL_ERR_IO},
        {"{\"weight_map\":{\"a\":\"bad\"}}", "bad: 3 bytes are too few", BL_ERR_FORMAT},
        {"{\"weight_map\":{\"a\":\"one\"}}", "b is in one, but not in the weight_map", BL_ERR_FORMAT},
        {"{\"weight_map\":{\"a\":\"one\",\"c\":\"one\"}}", "c is not in one", BL_ERR_FORMAT},
        {"{\"weight_map\":{\"a\":\"one\",\"b\":\"one\",\"a\":\"one\"}}", "the name a stands there twice",
         BL_ERR_FORMAT},
        {"{\"weight_map\":{\"a\":\"one\",\"b\":\"one\",\"a\":\"two\"}}", "a is not in two", BL_ERR_FORMAT},
        {"{\"weight_map\":{},\"weight_map\":{}}", "weight_map stands there twice", BL_ERR_FORMAT},
        {"{\"metadata\":{\"k\":\"1\",\"k\":\"1\"},\"weight_map\":{}}", "the metadata k stands there twice",
         BL_ERR_FORMAT},
    };
    const float values[1] = {0};
    const bl_stored_tensor one[] = {{"a", BL_STORED_F32, BL_SCALAR, values},
                                    {"b", BL_STORED_F32, BL_SCALAR, values}},
                           two[] = {{"c", BL_STORED_F32, BL_SCALAR, values}};
    cr_assert_eq(bl_tensor_file_write(context, folder_path("one"), one, 2, NULL), BL_OK);
    cr_assert_eq(bl_tensor_file_write(context, folder_path("two"), two, 1, NULL), BL_OK);
    folder_write(folder_path("bad"), "bad", 3);
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        folder_write(folder_path("i.json"), sets[i].index, strlen(sets[i].index));
        cr_expect_null(bl_tensor_file_open(context, folder_path("i.json")));
        cr_expect(error_says(bl_context_error(context), sets[i].status, sets[i].part, NULL),
                  "%s: wanted \"%s\", got %s", sets[i].index, sets[i].part,
                  error_text(bl_context_error(context)));
    }
    static const char good[] = "{\"weight_map\":{\"c\":\"two\",\"a\":\"one\",\"b\":\"one\"},\"metadata\":"
                               "{\"total_size\":12,\"x\":\"y\",\"list\":[1]},\"more\":{\"of\":[1,{}]}}";
    folder_write(folder_path("i.json"), good, strlen(good));
    bl_tensor_file *file = bl_tensor_file_open(context, folder_path("i.json"));
    cr_assert_not_null(file, "%s", error_text(bl_context_error(context)));
    cr_expect_eq(bl_tensor_file_count(file), 3);
    cr_expect_eq(bl_tensor_file_metadata_count(file), 1);
    cr_expect_str_eq(bl_tensor_file_metadata(file, "x"), "y");
    bl_tensor_file_close(file);
}

Test(tensor_shards, errors)
{
    const bl_metadata own[] = {{"total_size", "1"}};
    bl_tensor_file_options options = bl_tensor_file_defaults();
    options.max_shard_bytes = 0;
    cr_expect_eq(bl_tensor_file_write(context, folder_path(INDEX), NULL, 0, &options), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "shards of at most 0 bytes", NULL));
    options = bl_tensor_file_defaults();
    options.metadata = own;
    options.metadata_count = 1;
    cr_expect_eq(bl_tensor_file_write(context, folder_path(INDEX), NULL, 0, &options), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "total_size", NULL));
    cr_expect_eq(bl_tensor_file_write(context, folder_path(INDEX), NULL, 0, NULL), BL_OK);
    bl_tensor_file *file = bl_tensor_file_open(context, folder_path(INDEX));
    cr_assert_not_null(file, "%s", error_text(bl_context_error(context)));
    cr_expect_eq(bl_tensor_file_count(file), 0);
    bl_tensor_file_close(file);
}
