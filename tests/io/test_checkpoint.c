/* Saving and loading parameters: ties kept, every refusal with its message, and all or nothing. */
#include "bowline/bowline.h"
#include "io/folder.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
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

TestSuite(checkpoint, .init = open_folder_too, .fini = close_folder_too);

/* ---- models and files ---- */

/* A parameter whose values are first, first + 1, ... */
static bl_parameter *add(bl_params *to, const char *name, bl_dtype dtype, bl_shape shape, int first)
{
    bl_parameter *made = dtype == BL_F32 || dtype == BL_F64
                             ? bl_params_add(to, name, dtype, shape, bl_init_zeros(), NULL)
                             : bl_params_add_buffer(to, name, dtype, shape);
    int64_t count = bl_shape_count(shape);
    union {
        float f32[64];
        double f64[64];
        int32_t i32[64];
        int64_t i64[64];
        uint16_t half[64];
        uint8_t byte[64];
    } values;
    cr_assert(made && count <= 64, "%s", error_text(bl_params_error(to)));
    for (int i = 0; i < count; i++) {
        int value = first + i;
        if (dtype == BL_F32)
            values.f32[i] = (float)value;
        else if (dtype == BL_F64)
            values.f64[i] = value;
        else if (dtype == BL_I32)
            values.i32[i] = value;
        else if (dtype == BL_I64)
            values.i64[i] = value;
        else if (dtype == BL_BOOL)
            values.byte[i] = (uint8_t)(value & 1);
        else
            values.half[i] = (uint16_t)(value * 257);
    }
    cr_assert_eq(bl_parameter_write(made, &values, (size_t)count * bl_dtype_size(dtype)), BL_OK);
    return made;
}

/* A model of two names of a weight, one parameter or two. */
static bl_params *model(bool tied, int first)
{
    bl_params *made = bl_params_new(context);
    add(made, "head.weight", BL_F32, BL_SHAPE(4, 3), first);
    add(made, "head.bias", BL_F32, BL_SHAPE(4), first + 100);
    add(made, "embedding.weight", BL_F32, BL_SHAPE(4, 3), first + 200);
    if (tied)
        cr_assert_eq(bl_params_tie(made, "embedding.weight", "head.weight"), BL_OK);
    return made;
}

static float first_of(bl_params *in, const char *name)
{
    const float *data = bl_parameter_data(bl_params_find(in, name));
    cr_assert_not_null(data, "%s", name);
    return data[0];
}

/* Writes F32 [4,3] tensors of the names, tensor i with the values first[i], ... */
static const char *weights(const char *file, size_t count, const char *const *names, const int *first,
                           const bl_metadata *metadata, size_t metadata_count)
{
    float values[8][12];
    bl_stored_tensor tensors[8];
    const char *path = folder_path(file);
    bl_tensor_file_options options = bl_tensor_file_defaults();
    options.metadata = metadata;
    options.metadata_count = metadata_count;
    for (size_t i = 0; i < count; i++) {
        for (int k = 0; k < 12; k++)
            values[i][k] = (float)(first[i] + k);
        bool bias = strstr(names[i], "bias");
        tensors[i] =
            (bl_stored_tensor){names[i], BL_STORED_F32, bias ? BL_SHAPE(4) : BL_SHAPE(4, 3), values[i]};
    }
    cr_assert_eq(bl_tensor_file_write(context, path, tensors, count, &options), BL_OK);
    return path;
}

/* ---- what the report is told ---- */

typedef struct told {
    int count;
    int refused;
    bl_load_problem_kind kinds[16];
    char names[16][64];
    char others[16][64];
} told;

static void note(void *user, const bl_load_problem *problem)
{
    told *t = user;
    cr_assert(problem->name && problem->message && t->count < 16);
    t->kinds[t->count] = problem->kind;
    snprintf(t->names[t->count], 64, "%s", problem->name);
    snprintf(t->others[t->count], 64, "%s", problem->other ? problem->other : "");
    t->count++;
    t->refused += problem->refused;
}

static bl_load_options options_of(told *t, bool strict)
{
    bl_load_options options = bl_load_defaults();
    *t = (told){.count = 0};
    options.strict = strict;
    options.report = note;
    options.user = t;
    return options;
}

/* ---- ties ---- */

Test(checkpoint, a_tied_model)
{
    const char *path = folder_path("tied.safetensors");
    bl_params *saved = model(true, 1), *loaded = model(true, 5);
    cr_assert_eq(bl_params_save(saved, path, NULL), BL_OK, "%s", error_text(bl_params_error(saved)));
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    cr_expect_eq(bl_tensor_file_count(file), 2, "the tied weight is stored once");
    cr_expect(bl_tensor_file_find(file, "head.weight", NULL));
    cr_expect_str_eq(bl_tensor_file_metadata(file, "embedding.weight"), "head.weight");
    cr_expect_str_eq(bl_tensor_file_metadata(file, "format"), "pt");
    cr_expect_eq(bl_tensor_file_metadata_count(file), 2);
    bl_tensor_file_close(file);
    bl_parameter *weight = bl_params_find(loaded, "head.weight");
    cr_assert_eq(bl_params_load(loaded, path, NULL), BL_OK, "%s", error_text(bl_params_error(loaded)));
    cr_expect_eq(bl_params_find(loaded, "head.weight"), weight, "identity stays");
    cr_expect_eq(bl_params_find(loaded, "embedding.weight"), weight);
    cr_expect_eq(first_of(loaded, "embedding.weight"), 1);
    cr_expect_eq(first_of(loaded, "head.bias"), 101);
    bl_params_free(saved);
    bl_params_free(loaded);
}

Test(checkpoint, both_names_in_the_file)
{
    static const char *const names[] = {"embedding.weight", "head.bias", "head.weight"};
    static const int same[] = {7, 9, 7}, other[] = {7, 9, 8};
    told t;
    bl_load_options options = options_of(&t, false);
    bl_params *tied = model(true, 1);
    cr_expect_eq(bl_params_load(tied, weights("same", 3, names, same, NULL, 0), NULL), BL_OK, "%s",
                 error_text(bl_params_error(tied)));
    cr_expect_eq(first_of(tied, "head.weight"), 7);
    cr_expect_eq(bl_params_load(tied, weights("other", 3, names, other, NULL, 0), &options), BL_ERR_STATE,
                 "whether strict or not");
    cr_expect(error_says(bl_params_error(tied), BL_ERR_STATE,
                         "bl_params_load: other does not fit: head.weight and embedding.weight are one "
                         "parameter, but differ in the file",
                         NULL),
              "%s", error_text(bl_params_error(tied)));
    cr_expect_eq(first_of(tied, "head.weight"), 7);
    cr_expect_eq(first_of(tied, "head.bias"), 9);
    cr_assert(t.count == 1 && t.refused == 1 && t.kinds[0] == BL_LOAD_UNEQUAL);
    cr_expect_str_eq(t.names[0], "head.weight");
    cr_expect_str_eq(t.others[0], "embedding.weight");
    bl_params_free(tied);
}

Test(checkpoint, only_one_of_the_names)
{
    static const char *const alias[] = {"embedding.weight", "head.bias"},
                             *const canonical[] = {"head.weight", "head.bias"},
                             *const third[] = {"shared", "head.bias"};
    static const bl_metadata ties[] = {{"embedding.weight", "shared"}, {"other", "shared"}};
    static const int first[] = {30, 40}, again[] = {50, 60};
    bl_params *tied = model(true, 1);
    cr_expect_eq(bl_params_load(tied, weights("alias", 2, alias, first, NULL, 0), NULL), BL_OK, "%s",
                 error_text(bl_params_error(tied)));
    cr_expect_eq(first_of(tied, "head.weight"), 30);
    cr_expect_eq(bl_params_load(tied, weights("canonical", 2, canonical, again, NULL, 0), NULL), BL_OK);
    cr_expect_eq(first_of(tied, "embedding.weight"), 50);
    /* A name that the file stores under one that the model does not know. */
    cr_expect_eq(bl_params_load(tied, weights("third", 2, third, first, ties, 2), NULL), BL_OK, "%s",
                 error_text(bl_params_error(tied)));
    cr_expect_eq(first_of(tied, "embedding.weight"), 30);
    bl_params_free(tied);
}

Test(checkpoint, names_that_the_file_ties_to_others)
{
    /* Here embedding and head are one parameter; in the file the embedding is tied to something else. */
    static const char *const names[] = {"head.weight", "head.bias", "other.weight"};
    static const bl_metadata ties[] = {{"embedding.weight", "other.weight"}};
    static const int same[] = {7, 9, 7}, other[] = {7, 9, 8};
    bl_params *tied = model(true, 1);
    cr_expect_eq(bl_params_load(tied, weights("same", 3, names, same, ties, 1), NULL), BL_OK, "%s",
                 error_text(bl_params_error(tied)));
    cr_expect_eq(bl_params_load(tied, weights("other", 3, names, other, ties, 1), NULL), BL_ERR_STATE);
    cr_expect(error_says(bl_params_error(tied), BL_ERR_STATE,
                         "head.weight and other.weight are one parameter", NULL),
              "%s", error_text(bl_params_error(tied)));
    bl_params_free(tied);
}

Test(checkpoint, a_tied_file_into_an_untied_model)
{
    const char *path = folder_path("tied.safetensors");
    told t;
    bl_load_options options = options_of(&t, false);
    bl_params *tied = model(true, 1), *untied = model(false, 5);
    cr_assert_eq(bl_params_save(tied, path, NULL), BL_OK);
    cr_expect_eq(bl_params_load(untied, path, NULL), BL_ERR_STATE);
    cr_expect(error_says(bl_params_error(untied), BL_ERR_STATE, "embedding.weight and head.weight",
                         "two parameters, but one tensor of the file", "bl_params_tie", "strict off", NULL),
              "%s", error_text(bl_params_error(untied)));
    cr_expect_eq(first_of(untied, "head.bias"), 105, "nothing has changed");
    cr_expect_eq(first_of(untied, "embedding.weight"), 205);
    cr_expect_eq(bl_params_load(untied, path, &options), BL_OK);
    cr_expect(t.count == 1 && t.refused == 0 && t.kinds[0] == BL_LOAD_UNTIED);
    cr_expect_eq(first_of(untied, "head.weight"), 1);
    cr_expect_eq(first_of(untied, "embedding.weight"), 1);
    cr_expect_neq(bl_params_find(untied, "head.weight"), bl_params_find(untied, "embedding.weight"));
    /* And an untied file into a tied model, which it does not fit. */
    bl_params *apart = model(false, 5);
    cr_assert_eq(bl_params_save(apart, path, NULL), BL_OK);
    cr_expect_eq(bl_params_load(tied, path, NULL), BL_ERR_STATE);
    cr_expect_eq(bl_params_load(apart, path, NULL), BL_OK);
    bl_params_free(apart);
    bl_params_free(tied);
    bl_params_free(untied);
}

/* ---- what does not fit ---- */

Test(checkpoint, everything_that_does_not_fit_is_listed)
{
    static const char *const names[] = {"head.weight", "mystery", "zebra"};
    static const int first[] = {30, 40, 50};
    const char *path = weights("some", 3, names, first, NULL, 0);
    bl_params *other = bl_params_new(context);
    told t;
    bl_load_options options = options_of(&t, true);
    add(other, "head.weight", BL_F64, BL_SHAPE(4, 4), 1);
    add(other, "head.bias", BL_F32, BL_SHAPE(4), 1);
    add(other, "steps", BL_I64, BL_SCALAR, 1);
    cr_expect_eq(bl_params_load(other, path, &options), BL_ERR_NOT_FOUND);
    cr_expect(error_says(
                  bl_params_error(other), BL_ERR_NOT_FOUND,
                  "bl_params_load: some does not fit: head.bias f32 [4] is missing; steps i64 [] is missing; "
                  "head.weight is [4,3] in the file, not [4,4]; head.weight is F32 in the file, not f64; ",
                  " more", NULL),
              "%s", error_text(bl_params_error(other)));
    static const bl_load_problem_kind kinds[] = {BL_LOAD_MISSING, BL_LOAD_MISSING,    BL_LOAD_SHAPE,
                                                 BL_LOAD_DTYPE,   BL_LOAD_UNEXPECTED, BL_LOAD_UNEXPECTED};
    static const char *const told_names[] = {"head.bias",   "steps",   "head.weight",
                                             "head.weight", "mystery", "zebra"};
    cr_assert_eq(t.count, 6);
    cr_expect_eq(t.refused, 6);
    for (int i = 0; i < 6; i++) {
        cr_expect_eq(t.kinds[i], kinds[i], "%d", i);
        cr_expect_str_eq(t.names[i], told_names[i]);
    }
    /* With strict off what is missing and unexpected is told only; shape and dtype stay errors. */
    options = options_of(&t, false);
    bl_params_clear_error(other);
    cr_expect_eq(bl_params_load(other, path, &options), BL_ERR_SHAPE);
    cr_expect(t.count == 6 && t.refused == 2);
    cr_expect(error_says(bl_params_error(other), BL_ERR_SHAPE, "not [4,4]; ", "not f64", NULL));
    cr_expect_null(strstr(bl_params_error(other)->message, "missing"));
    cr_expect_eq(first_of(other, "head.bias"), 1);
    bl_params_free(other);
    /* What fits is loaded then. */
    bl_params *part = model(false, 1);
    cr_expect_eq(bl_params_load(part, path, &options), BL_OK);
    cr_expect_eq(first_of(part, "head.weight"), 30);
    cr_expect_eq(first_of(part, "embedding.weight"), 201);
    bl_params_free(part);
}

Test(checkpoint, more_problems_than_a_message_has_room_for)
{
    bl_params *many = bl_params_new(context);
    char name[64];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "layers.%d.a_name_of_some_length.weight", i);
        add(many, name, BL_F32, BL_SHAPE(2), 1);
    }
    const char *path = folder_path("empty.safetensors");
    cr_assert_eq(bl_tensor_file_write(context, path, NULL, 0, NULL), BL_OK);
    cr_expect_eq(bl_params_load(many, path, NULL), BL_ERR_NOT_FOUND);
    const char *message = bl_params_error(many)->message;
    int listed = 0, more = 0;
    for (const char *at = strstr(message, " is missing"); at; at = strstr(at + 1, " is missing"))
        listed++;
    const char *tail = strstr(message, "; and ");
    cr_assert(tail && sscanf(tail, "; and %d more", &more) == 1, "%s", message);
    cr_expect_eq(listed + more, 500, "%s", message);
    cr_expect_gt(listed, 1);
    cr_expect_str_eq(message + strlen(message) - 5, " more");
    bl_params_free(many);
}

Test(checkpoint, values_that_do_not_fit)
{
    static const uint8_t flags[] = {0, 1, 2};
    static const int64_t large[] = {1, INT64_C(1) << 40};
    static const uint64_t larger[] = {1, UINT64_MAX};
    const bl_stored_tensor tensors[] = {{"flags", BL_STORED_BOOL, BL_SHAPE(3), flags},
                                        {"count", BL_STORED_I64, BL_SHAPE(2), large},
                                        {"more", BL_STORED_U64, BL_SHAPE(2), larger}};
    bl_load_options options = bl_load_defaults();
    options.convert = true;
    bl_params *p = bl_params_new(context);
    add(p, "count", BL_I32, BL_SHAPE(2), 5);
    add(p, "more", BL_I64, BL_SHAPE(2), 5);
    cr_expect_eq(bl_tensor_file_write(context, folder_path("x"), tensors, 3, NULL), BL_ERR_FORMAT);
    cr_expect(
        error_says(bl_context_error(context), BL_ERR_FORMAT, "element 2 of flags is 2, not 0 or 1", NULL));
    cr_assert_eq(bl_tensor_file_write(context, folder_path("x"), tensors + 1, 2, NULL), BL_OK);
    cr_expect_eq(bl_params_load(p, folder_path("x"), &options), BL_ERR_OVERFLOW);
    cr_expect(error_says(bl_params_error(p), BL_ERR_OVERFLOW,
                         "element 1 of count is 1099511627776, which I32 does not hold",
                         "element 1 of more is beyond what I64 holds", NULL),
              "%s", error_text(bl_params_error(p)));
    cr_expect_eq(*(const int32_t *)bl_parameter_data(bl_params_find(p, "count")), 5);
    bl_params_free(p);
}

/* ---- dtypes ---- */

Test(checkpoint, every_dtype)
{
    bl_params *saved = bl_params_new(context), *loaded = bl_params_new(context);
    for (int i = 0; i < BL_DTYPE_COUNT; i++) {
        add(saved, bl_dtype_name((bl_dtype)i), (bl_dtype)i, BL_SHAPE(2, 3), 20 + i);
        add(loaded, bl_dtype_name((bl_dtype)i), (bl_dtype)i, BL_SHAPE(2, 3), 0);
    }
    add(saved, "empty", BL_F32, BL_SHAPE(0, 3), 0);
    add(loaded, "empty", BL_F32, BL_SHAPE(0, 3), 0);
    bl_params_add_random(saved, "random", 77);
    bl_params_add_random(loaded, "random", 1);
    cr_assert_eq(bl_params_save(saved, folder_path("all"), NULL), BL_OK);
    cr_assert_eq(bl_params_load(loaded, folder_path("all"), NULL), BL_OK, "%s",
                 error_text(bl_params_error(loaded)));
    for (size_t i = 0; i < bl_params_count(saved); i++) {
        bl_parameter *a = bl_params_at(saved, i), *b = bl_params_at(loaded, i);
        size_t bytes = (size_t)bl_shape_count(bl_parameter_shape(a)) * bl_dtype_size(bl_parameter_dtype(a));
        cr_expect(bytes == 0 || memcmp(bl_parameter_data(a), bl_parameter_data(b), bytes) == 0, "%s",
                  bl_parameter_name(a));
    }
    bl_params_free(saved);
    bl_params_free(loaded);
}

Test(checkpoint, conversions)
{
    static const float floats[] = {1, -2.5f, 65520, 1e-8f, 3.14159274f};
    static const struct {
        bl_dtype stored;
        float expected[5];
    } forms[] = {{BL_F16, {1, -2.5f, INFINITY, 0, 3.140625f}},
                 {BL_BF16, {1, -2.5f, 65536, 1.001171767711639404296875e-8f, 3.140625f}},
                 {BL_F64, {1, -2.5f, 65520, 1e-8f, 3.14159274f}},
                 {BL_F32, {1, -2.5f, 65520, 1e-8f, 3.14159274f}}};
    bl_params *p = bl_params_new(context);
    bl_parameter *w = bl_params_add(p, "w", BL_F32, BL_SHAPE(5), bl_init_zeros(), NULL);
    add(p, "n", BL_I64, BL_SHAPE(2), 7);
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        bl_save_options save = bl_save_defaults();
        bl_load_options load = bl_load_defaults();
        bl_stored_tensor stored;
        save.floats = forms[i].stored;
        load.convert = true;
        bl_parameter_write(w, floats, sizeof(floats));
        cr_assert_eq(bl_params_save(p, folder_path("w"), &save), BL_OK);
        bl_tensor_file *file = bl_tensor_file_open(context, folder_path("w"));
        cr_assert(bl_tensor_file_find(file, "w", &stored));
        cr_expect_eq(stored.dtype, bl_stored_dtype_of(forms[i].stored));
        cr_assert(bl_tensor_file_find(file, "n", &stored));
        cr_expect_eq(stored.dtype, BL_STORED_I64, "only floats are stored otherwise");
        bl_tensor_file_close(file);
        if (forms[i].stored != BL_F32) {
            cr_expect_eq(bl_params_load(p, folder_path("w"), NULL), BL_ERR_DTYPE);
            cr_expect(
                error_says(bl_context_error(context), BL_ERR_DTYPE, "w is ", " in the file, not f32", NULL));
        }
        cr_assert_eq(bl_params_load(p, folder_path("w"), &load), BL_OK);
        cr_expect_eq(memcmp(bl_parameter_data(w), forms[i].expected, sizeof(floats)), 0, "%s",
                     bl_dtype_name(forms[i].stored));
    }
    bl_params_free(p);
}

/* Every pair of dtypes, for the values that all hold. */
Test(checkpoint, stored_read)
{
    static const bl_stored_dtype from[] = {BL_STORED_BOOL, BL_STORED_U8,  BL_STORED_I8,  BL_STORED_I16,
                                           BL_STORED_U16,  BL_STORED_I32, BL_STORED_U32, BL_STORED_I64,
                                           BL_STORED_U64,  BL_STORED_F32, BL_STORED_F64};
    for (size_t i = 0; i < sizeof(from) / sizeof(*from); i++) {
        bool is_float = from[i] == BL_STORED_F32 || from[i] == BL_STORED_F64;
        unsigned char bytes[3 * 8 + 1] = {0}, *odd = bytes + 1; /* of no alignment */
        const float f32[] = {0, 1, 1};
        const double f64[] = {0, 1, 1};
        size_t size = bl_stored_dtype_size(from[i]);
        for (size_t k = 0; k < 3; k++)
            odd[k * size] = k > 0;
        if (is_float)
            memcpy(odd, size == 4 ? (const void *)f32 : (const void *)f64, 3 * size);
        bl_stored_tensor tensor = {"t", from[i], BL_SHAPE(3), odd};
        for (int to = 0; to < BL_DTYPE_COUNT; to++) {
            unsigned char data[24], wanted[24] = {0};
            bool same = bl_stored_dtype_same(from[i]) == (bl_dtype)to;
            bool integer = to == BL_I32 || to == BL_I64;
            bool can = same || (to != BL_BOOL && !(is_float && integer));
            size_t bytes_to = 3 * bl_dtype_size((bl_dtype)to);
            bl_status status = bl_stored_read(context, &tensor, (bl_dtype)to, true, data, bytes_to);
            cr_expect_eq(status, can ? BL_OK : BL_ERR_DTYPE, "%s to %s", bl_stored_dtype_name(from[i]),
                         bl_dtype_name((bl_dtype)to));
            status = bl_stored_read(context, &tensor, (bl_dtype)to, false, data, bytes_to);
            cr_expect_eq(status, same ? BL_OK : BL_ERR_DTYPE);
            if (!can)
                continue;
            bl_stored_read(context, &tensor, (bl_dtype)to, true, data, bytes_to);
            for (size_t k = 1; k < 3; k++) {
                unsigned char *at = wanted + k * bl_dtype_size((bl_dtype)to);
                const uint16_t half = to == BL_F16 ? 0x3c00 : 0x3f80;
                if (to == BL_F32)
                    memcpy(at, &f32[1], 4);
                else if (to == BL_F64)
                    memcpy(at, &f64[1], 8);
                else if (to == BL_F16 || to == BL_BF16)
                    memcpy(at, &half, 2);
                else
                    *at = 1;
            }
            cr_expect_eq(memcmp(data, wanted, bytes_to), 0, "%s to %s", bl_stored_dtype_name(from[i]),
                         bl_dtype_name((bl_dtype)to));
        }
    }
    /* Integers are rounded once on their way to f32. */
    const int64_t exact = INT64_C(16777217) << 30 | 1;
    float rounded;
    bl_stored_tensor tensor = {"t", BL_STORED_I64, BL_SCALAR, &exact};
    cr_expect_eq(bl_stored_read(context, &tensor, BL_F32, true, &rounded, 4), BL_OK);
    cr_expect_eq(rounded, (float)exact);
    cr_expect_eq(bl_stored_read(context, &tensor, BL_I64, false, &rounded, 4), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_stored_read(context, NULL, BL_I64, false, &rounded, 4), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_stored_read(context, &tensor, BL_I64, false, NULL, 8), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_stored_read(NULL, &tensor, BL_I64, false, &rounded, 8), BL_ERR_ARGUMENT);
}

/* ---- parts of models ---- */

Test(checkpoint, prefixes_and_scopes)
{
    const char *path = folder_path("whole.safetensors"), *part = folder_path("part.safetensors");
    bl_params *whole = bl_params_new(context), *inner = model(true, 50);
    bl_params_scope_push(whole, "encoder");
    add(whole, "head.weight", BL_F32, BL_SHAPE(4, 3), 1);
    add(whole, "head.bias", BL_F32, BL_SHAPE(4), 101);
    bl_params_register(whole, "embedding.weight", bl_params_find(whole, "head.weight"));
    bl_params_scope_pop(whole);
    add(whole, "other", BL_F32, BL_SHAPE(2), 70);
    cr_assert_eq(bl_params_save(whole, path, NULL), BL_OK);
    /* A sub-model from a whole file. */
    bl_load_options load = bl_load_defaults();
    load.prefix = "encoder.";
    cr_assert_eq(bl_params_load(inner, path, &load), BL_OK, "%s", error_text(bl_params_error(inner)));
    cr_expect_eq(first_of(inner, "embedding.weight"), 1);
    cr_expect_eq(first_of(inner, "head.bias"), 101);
    /* A part of the registry, below its scope, to a file and from one. */
    bl_params_scope_push(whole, "encoder");
    cr_assert_eq(bl_params_save(whole, part, NULL), BL_OK);
    bl_params_scope_pop(whole);
    bl_tensor_file *file = bl_tensor_file_open(context, part);
    cr_expect_eq(bl_tensor_file_count(file), 2);
    cr_expect(bl_tensor_file_find(file, "head.bias", NULL));
    cr_expect_str_eq(bl_tensor_file_metadata(file, "embedding.weight"), "head.weight");
    bl_tensor_file_close(file);
    bl_params *changed = model(true, 300);
    cr_assert_eq(bl_params_save(changed, part, NULL), BL_OK);
    bl_params_scope_push(whole, "encoder");
    cr_assert_eq(bl_params_load(whole, part, NULL), BL_OK, "%s", error_text(bl_params_error(whole)));
    bl_params_scope_pop(whole);
    cr_expect_eq(first_of(whole, "encoder.head.weight"), 300);
    cr_expect_eq(first_of(whole, "other"), 70);
    /* A prefix in the file, for what is kept besides. */
    bl_save_options save = bl_save_defaults();
    save.prefix = "model.";
    cr_assert_eq(bl_params_save(changed, part, &save), BL_OK);
    file = bl_tensor_file_open(context, part);
    cr_expect(bl_tensor_file_find(file, "model.head.bias", NULL));
    cr_expect_str_eq(bl_tensor_file_metadata(file, "model.embedding.weight"), "model.head.weight");
    bl_tensor_file_close(file);
    load.prefix = "model.";
    cr_expect_eq(bl_params_load(inner, part, &load), BL_OK);
    cr_expect_eq(first_of(inner, "head.weight"), 300);
    bl_params_free(changed);
    bl_params_free(inner);
    bl_params_free(whole);
}

Test(checkpoint, a_parameter_of_another_registry)
{
    bl_params *first = model(false, 1), *second = bl_params_new(context);
    bl_params_register(second, "decoder.weight", bl_params_find(first, "head.weight"));
    bl_params_register(second, "tied.weight", bl_params_find(first, "head.weight"));
    cr_assert_eq(bl_params_save(second, folder_path("second"), NULL), BL_OK);
    bl_tensor_file *file = bl_tensor_file_open(context, folder_path("second"));
    cr_expect_eq(bl_tensor_file_count(file), 1);
    cr_expect(bl_tensor_file_find(file, "decoder.weight", NULL), "the first name that this registry has");
    cr_expect_str_eq(bl_tensor_file_metadata(file, "tied.weight"), "decoder.weight");
    bl_tensor_file_close(file);
    cr_expect_eq(bl_params_load(second, folder_path("second"), NULL), BL_OK);
    bl_params_free(second);
    bl_params_free(first);
}

/* ---- metadata and errors ---- */

Test(checkpoint, metadata_besides)
{
    static const bl_metadata given[] = {{"format", "mine"}, {"note", "x"}},
                             clash[] = {{"embedding.weight", "x"}};
    bl_params *tied = model(true, 1);
    bl_save_options save = bl_save_defaults();
    save.file.metadata = given;
    save.file.metadata_count = 2;
    cr_assert_eq(bl_params_save(tied, folder_path("m"), &save), BL_OK);
    bl_tensor_file *file = bl_tensor_file_open(context, folder_path("m"));
    cr_expect_str_eq(bl_tensor_file_metadata(file, "format"), "mine");
    cr_expect_str_eq(bl_tensor_file_metadata(file, "note"), "x");
    bl_tensor_file_close(file);
    save.file.metadata = clash;
    save.file.metadata_count = 1;
    cr_expect_eq(bl_params_save(tied, folder_path("m"), &save), BL_ERR_EXISTS);
    cr_expect(error_says(bl_params_error(tied), BL_ERR_EXISTS,
                         "bl_params_save: embedding.weight is a key of the", "a second name of head.weight",
                         NULL),
              "%s", error_text(bl_params_error(tied)));
    bl_params_free(tied);
}

Test(checkpoint, errors)
{
    bl_params *p = model(true, 1);
    bl_save_options save = bl_save_defaults();
    bl_load_options load = bl_load_defaults();
    cr_expect_eq(bl_params_save(NULL, "x", NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_params_load(NULL, "x", NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_params_save(p, NULL, NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_params_load(p, NULL, NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_params_save(p, "", NULL), BL_ERR_ARGUMENT);
    save.prefix = NULL;
    load.prefix = NULL;
    cr_expect_eq(bl_params_save(p, folder_path("x"), &save), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_params_load(p, folder_path("x"), &load), BL_ERR_ARGUMENT);
    save = bl_save_defaults();
    save.floats = BL_I32;
    cr_expect_eq(bl_params_save(p, folder_path("x"), &save), BL_ERR_DTYPE);
    cr_expect(error_says(bl_context_error(context), BL_ERR_DTYPE, "floats cannot be stored as i32", NULL));
    cr_expect_eq(bl_params_load(p, folder_path("none"), NULL), BL_ERR_IO);
    cr_expect(
        error_says(bl_context_error(context), BL_ERR_IO, "bl_params_load: ", "none: cannot be opened", NULL));
    folder_write(folder_path("bad"), "0123456789", 10);
    cr_expect_eq(bl_params_load(p, folder_path("bad"), NULL), BL_ERR_FORMAT);
    cr_expect_eq(bl_params_save(p, folder_path("bad.json"), NULL), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_context_error(context), BL_ERR_ARGUMENT, "an index ends in .index.json", NULL));
    bl_params_free(p);
}

/* Names that no file can have: the registry takes any bytes. */
Test(checkpoint, names_that_are_no_utf8)
{
    bl_params *p = bl_params_new(context);
    add(p, "a\xff", BL_F32, BL_SHAPE(1), 1);
    cr_expect_eq(bl_params_save(p, folder_path("x"), NULL), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_params_error(p), BL_ERR_ARGUMENT, "is not UTF-8", NULL), "%s",
              error_text(bl_params_error(p)));
    folder_expect_only(NULL);
    bl_params_free(p);
    p = bl_params_new(context);
    add(p, "__metadata__", BL_F32, BL_SHAPE(1), 1);
    cr_expect_eq(bl_params_save(p, folder_path("x"), NULL), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_params_error(p), BL_ERR_ARGUMENT, "no tensor can be named __metadata__", NULL));
    bl_params_free(p);
}

Test(checkpoint, without_memory)
{
    const char *path = folder_path("model");
    bl_params *good = model(true, 9);
    bl_save_options save = bl_save_defaults();
    bl_load_options load = bl_load_defaults();
    char left[128];
    save.prefix = load.prefix = "p.";
    cr_assert_eq(bl_params_save(good, path, &save), BL_OK);
    for (int loading = 0; loading < 2; loading++) {
        bool well = false;
        for (long k = 1; !well; k++) {
            failing_allocator allocator;
            failing_allocator_init(&allocator);
            bl_context *kept = context;
            context = failing_allocator_context(&allocator);
            bl_params *p = model(true, 1);
            failing_allocator_fail(&allocator, k, false);
            bl_status status =
                loading ? bl_params_load(p, path, &load) : bl_params_save(p, folder_path("x"), &save);
            well = status == BL_OK;
            cr_assert(well || status == BL_ERR_MEMORY, "%s", error_text(bl_params_error(p)));
            cr_assert(well != failing_allocator_has_failed(&allocator));
            cr_expect_eq(first_of(p, "head.weight"), loading && well ? 9 : 1);
            bl_params_free(p);
            bl_context_free(context);
            context = kept;
            cr_assert(failing_allocator_clean(&allocator, left, sizeof(left)), "%ld: %s", k, left);
            cr_assert(k > 5 || !well);
        }
    }
    bl_params_free(good);
}
