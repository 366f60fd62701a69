/* The registry and its parameters. Looks at src/graph/parameter.h for what a run in progress does. */
#include "graph/parameter.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define F32_ZEROS(params, name, ...) \
    bl_params_add(params, name, BL_F32, BL_SHAPE(__VA_ARGS__), bl_init_zeros(), NULL)

static void expect(bl_params *params, bl_status status, const char *message)
{
    cr_assert_eq(bl_params_error(params)->code, status);
    cr_assert_str_eq(bl_params_error(params)->message, message);
    bl_params_clear_error(params);
    cr_assert_eq(bl_params_error(params)->code, BL_OK);
}

Test(params, adding)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_parameter *w = F32_ZEROS(params, "head.weight", 10, 3);
    bl_parameter *n = bl_params_add_buffer(params, "seen", BL_I64, BL_SCALAR);
    cr_assert_not_null(w);
    cr_assert_not_null(n);
    cr_assert_str_eq(bl_parameter_name(w), "head.weight");
    cr_assert(bl_shape_equal(bl_parameter_shape(w), BL_SHAPE(10, 3)));
    cr_assert(bl_parameter_dtype(w) == BL_F32 && bl_parameter_dtype(n) == BL_I64);
    cr_assert(bl_parameter_id(w) > 0 && bl_parameter_id(n) > bl_parameter_id(w));
    cr_assert(!bl_parameter_is_buffer(w) && bl_parameter_is_buffer(n));
    cr_assert(bl_parameter_trainable(w) && !bl_parameter_trainable(n));
    cr_assert_eq(*(const int64_t *)bl_parameter_data(n), 0);
    cr_assert_eq((uintptr_t)bl_parameter_data(w) % 64, 0);
    cr_assert(bl_params_find(params, "head.weight") == w && bl_params_find(params, "/seen") == n);
    cr_assert_null(bl_params_find(params, "head"));
    cr_assert_null(bl_params_find(params, "a name that is longer than all of the names that there are here"));
    cr_assert_null(bl_params_find(params, NULL));

    bl_parameter_set_trainable(n, true);
    cr_assert_not(bl_parameter_trainable(n));
    bl_parameter_set_trainable(w, false);
    cr_assert_not(bl_parameter_trainable(w));
    cr_assert_eq(bl_params_unique_elements(params), 0);
    bl_parameter_set_trainable(w, true);
    cr_assert_eq(bl_params_unique_elements(params), 30);

    bl_parameter *empty = F32_ZEROS(params, "empty", 0, 3);
    cr_assert_null(bl_parameter_data(empty));
    cr_assert_eq(bl_parameter_read(empty, NULL, 0), BL_OK);
    cr_assert_eq(bl_params_count(params), 3);
    bl_params_free(params);
    bl_context_free(context);
}

Test(params, adding_refused)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    F32_ZEROS(params, "w", 2, 3);
    cr_assert_null(F32_ZEROS(params, "w", 4));
    expect(params, BL_ERR_EXISTS, "bl_params_add: w is the name of a parameter f32 [2,3] already");
    cr_assert_null(bl_params_add_buffer(params, "/w", BL_I32, BL_SHAPE(4)));
    expect(params, BL_ERR_EXISTS, "bl_params_add_buffer: w is the name of a parameter f32 [2,3] already");
    cr_assert_null(F32_ZEROS(params, NULL, 4));
    expect(params, BL_ERR_ARGUMENT, "bl_params_add: the name is NULL or empty");
    cr_assert_null(F32_ZEROS(params, "", 4));
    expect(params, BL_ERR_ARGUMENT, "bl_params_add: the name is NULL or empty");
    cr_assert_null(F32_ZEROS(params, "/", 4));
    expect(params, BL_ERR_ARGUMENT, "bl_params_add: the name is NULL or empty");
    cr_assert_null(bl_params_add(params, "i", BL_I64, BL_SHAPE(4), bl_init_zeros(), NULL));
    expect(params, BL_ERR_DTYPE, "bl_params_add: i is i64, not f32 or f64");
    cr_assert_null(bl_params_add_buffer(params, "i", BL_DTYPE_COUNT, BL_SHAPE(4)));
    expect(params, BL_ERR_DTYPE, "bl_params_add_buffer: i is ?, not of a known dtype");
    cr_assert_null(F32_ZEROS(params, "n", 4, -1));
    expect(params, BL_ERR_SHAPE, "bl_params_add: n cannot have the shape [4,-1]");
    cr_assert_null(bl_params_add(params, "n", BL_F32, bl_shape_of(9, NULL), bl_init_zeros(), NULL));
    expect(params, BL_ERR_SHAPE, "bl_params_add: n cannot have the shape [invalid]");
    cr_assert_null(F32_ZEROS(params, "n", INT64_MAX, 2));
    expect(params, BL_ERR_OVERFLOW,
           "bl_params_add: n: the elements of [9223372036854775807,2] cannot be counted");
    cr_assert_null(F32_ZEROS(params, "n", INT64_MAX / 4));
    expect(params, BL_ERR_OVERFLOW,
           "bl_params_add: n: the elements of [2305843009213693951] cannot be counted");
    cr_assert(bl_params_count(params) == 1 && bl_params_name_count(params) == 1);

    /* the first error stays, the context has the last */
    cr_assert_null(F32_ZEROS(params, "n", -1));
    cr_assert_null(F32_ZEROS(params, "w", 4));
    cr_assert_eq(bl_params_error(params)->code, BL_ERR_SHAPE);
    cr_assert_eq(bl_context_error(context)->code, BL_ERR_EXISTS);
    cr_assert_str_eq(bl_context_error(context)->op, "params_add");
    bl_params_free(params);
    bl_context_free(context);
}

Test(params, null_arguments)
{
    bl_params_free(NULL);
    bl_params_clear_error(NULL);
    bl_parameter_set_trainable(NULL, true);
    cr_assert_null(bl_params_new(NULL));
    cr_assert_eq(bl_params_error(NULL)->code, BL_ERR_ARGUMENT);
    cr_assert_null(F32_ZEROS(NULL, "w", 2));
    cr_assert_null(bl_params_add_buffer(NULL, "w", BL_F32, BL_SCALAR));
    cr_assert_eq(bl_params_register(NULL, "w", NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_params_tie(NULL, "a", "b"), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_params_untie(NULL, "a"), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_params_scope_push(NULL, "a"), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_params_scope_pop(NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_linear_params(NULL, "a", 1, 1, true, NULL), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_embedding_params(NULL, "a", 1, 1, NULL), BL_ERR_ARGUMENT);
    cr_assert_null(bl_params_find(NULL, "w"));
    cr_assert_null(bl_params_at(NULL, 0));
    cr_assert_null(bl_params_name_at(NULL, 0, NULL));
    cr_assert(bl_params_count(NULL) == 0 && bl_params_name_count(NULL) == 0);
    cr_assert(bl_params_unique_elements(NULL) == 0 && bl_params_named_elements(NULL) == 0);
    cr_assert_str_eq(bl_parameter_name(NULL), "");
    cr_assert_eq(bl_parameter_id(NULL), 0);
    cr_assert_eq(bl_parameter_shape(NULL).rank, -1);
    cr_assert_eq(bl_parameter_dtype(NULL), BL_DTYPE_COUNT);
    cr_assert_not(bl_parameter_is_buffer(NULL));
    cr_assert_not(bl_parameter_trainable(NULL));
    cr_assert_null(bl_parameter_data(NULL));
    cr_assert_eq(bl_parameter_read(NULL, NULL, 0), BL_ERR_ARGUMENT);
    cr_assert_eq(bl_parameter_write(NULL, NULL, 0), BL_ERR_ARGUMENT);
    cr_assert_null(bl_use(NULL, NULL));
    cr_assert_null(bl_param(NULL, NULL, NULL));
    cr_assert_null(bl_tensor_parameter(NULL));
}

Test(params, scopes)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    cr_assert_eq(bl_params_scope_push(params, "encoder"), BL_OK);
    cr_assert_eq(bl_params_scope_push(params, "block.0"), BL_OK);
    bl_parameter *w = F32_ZEROS(params, "attn.weight", 2);
    bl_parameter *top = F32_ZEROS(params, "/attn.weight", 2);
    cr_assert_str_eq(bl_parameter_name(w), "encoder.block.0.attn.weight");
    cr_assert_str_eq(bl_parameter_name(top), "attn.weight");
    cr_assert(bl_params_find(params, "attn.weight") == w && bl_params_find(params, "/attn.weight") == top);
    cr_assert_eq(bl_params_register(params, "other", w), BL_OK);
    cr_assert_eq(bl_params_scope_pop(params), BL_OK);
    cr_assert_eq(bl_params_find(params, "block.0.other"), w);
    cr_assert_eq(bl_params_scope_pop(params), BL_OK);
    cr_assert_eq(bl_params_find(params, "encoder.block.0.other"), w);
    cr_assert_eq(bl_params_find(params, "attn.weight"), top);

    cr_assert_eq(bl_params_scope_pop(params), BL_ERR_ARGUMENT);
    expect(params, BL_ERR_ARGUMENT, "bl_params_scope_pop: no scope is open");
    const char *bad[] = {NULL, "", "/a"};
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(bl_params_scope_push(params, bad[i]), BL_ERR_ARGUMENT);
        expect(params, BL_ERR_ARGUMENT,
               "bl_params_scope_push: a scope's name is not NULL, not empty and not absolute");
    }
    for (int i = 0; i < 100; i++)
        cr_assert_eq(bl_params_scope_push(params, "deep"), BL_OK);
    cr_assert_eq(strlen(bl_parameter_name(F32_ZEROS(params, "w", 1))), 501);
    bl_params_free(params);
    bl_context_free(context);
}

Test(params, names_and_counts)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context), *other = bl_params_new(context);
    bl_parameter *head = F32_ZEROS(params, "head.weight", 10, 3), *found;
    bl_parameter *bias = F32_ZEROS(params, "head.bias", 10);
    cr_assert_eq(bl_params_register(params, "embedding.weight", head), BL_OK);
    bl_params_add_buffer(params, "seen", BL_I64, BL_SHAPE(7));
    cr_assert(bl_params_count(params) == 3 && bl_params_name_count(params) == 4);
    cr_assert(bl_params_unique_elements(params) == 40 && bl_params_named_elements(params) == 70);
    cr_assert(bl_params_at(params, 0) == head && bl_params_at(params, 1) == bias);
    cr_assert_null(bl_params_at(params, 3));
    cr_assert_str_eq(bl_params_name_at(params, 0, &found), "head.weight");
    cr_assert_eq(found, head);
    cr_assert_str_eq(bl_params_name_at(params, 2, &found), "embedding.weight");
    cr_assert_eq(found, head);
    cr_assert_null(bl_params_name_at(params, 4, &found));
    cr_assert_null(found);
    cr_assert_str_eq(bl_parameter_name(head), "head.weight");

    cr_assert_eq(bl_params_register(params, "head.bias", head), BL_ERR_EXISTS);
    expect(params, BL_ERR_EXISTS,
           "bl_params_register: head.bias is the name of a parameter f32 [10] already");
    cr_assert_eq(bl_params_register(params, "x", NULL), BL_ERR_ARGUMENT);
    expect(params, BL_ERR_ARGUMENT, "bl_params_register: the parameter is NULL");
    cr_assert_eq(bl_params_register(params, NULL, head), BL_ERR_ARGUMENT);
    expect(params, BL_ERR_ARGUMENT, "bl_params_register: the name is NULL or empty");

    /* a second registry keeps the parameter alive, and its first name */
    cr_assert_eq(bl_params_register(other, "shared", head), BL_OK);
    bl_params_free(params);
    cr_assert_eq(bl_params_find(other, "shared"), head);
    cr_assert_str_eq(bl_parameter_name(head), "head.weight");

    bl_context *foreign = bl_context_new(NULL);
    bl_params *abroad = bl_params_new(foreign);
    cr_assert_eq(bl_params_register(abroad, "w", head), BL_ERR_ARGUMENT);
    expect(abroad, BL_ERR_ARGUMENT, "bl_params_register: head.weight belongs to another context");
    bl_params_free(abroad);
    bl_context_free(foreign);
    bl_context_free(context); /* the order of frees does not matter */
    bl_params_free(other);
}

Test(params, many)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    char name[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "layer.%d", i);
        cr_assert_not_null(F32_ZEROS(params, name, 1));
    }
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof(name), "layer.%d", i);
        cr_assert_str_eq(bl_params_name_at(params, (size_t)i, NULL), name);
        cr_assert_eq(bl_params_at(params, (size_t)i), bl_params_find(params, name));
    }
    bl_params_free(params);
    bl_context_free(context);
}

Test(params, reading_and_writing)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_parameter *w = F32_ZEROS(params, "w", 3);
    float in[3] = {1, 2, 3}, out[3] = {0};
    cr_assert_eq(bl_parameter_write(w, in, sizeof(in)), BL_OK);
    cr_assert_eq(bl_parameter_read(w, out, sizeof(out)), BL_OK);
    cr_assert_eq(memcmp(in, out, sizeof(in)), 0);
    cr_assert_eq(bl_parameter_write(w, in, 8), BL_ERR_ARGUMENT);
    cr_assert_str_eq(bl_context_error(context)->message, "bl_parameter_write: w has 12 bytes, not 8");
    cr_assert_eq(bl_parameter_read(w, NULL, 12), BL_ERR_ARGUMENT);
    cr_assert_str_eq(bl_context_error(context)->message, "bl_parameter_read: w: data is NULL");

    /* readers share, a writer is alone */
    cr_assert(bl__parameter_enter(w, false));
    cr_assert_eq(bl_parameter_read(w, out, sizeof(out)), BL_OK);
    cr_assert_eq(bl_parameter_write(w, in, sizeof(in)), BL_ERR_BUSY);
    cr_assert_str_eq(bl_context_error(context)->message, "bl_parameter_write: w is in use by a run");
    bl__parameter_leave(w, false);
    cr_assert(bl__parameter_enter(w, true));
    cr_assert_not(bl__parameter_enter(w, true));
    cr_assert_eq(bl_parameter_read(w, out, sizeof(out)), BL_ERR_BUSY);
    bl__parameter_leave(w, true);
    cr_assert_eq(bl_parameter_write(w, in, sizeof(in)), BL_OK);
    bl_params_free(params);
    bl_context_free(context);
}

Test(params, layers_refused)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_rng *rng = bl_rng_new(context, 1);
    uint32_t first = bl_rng_next(rng);
    bl_rng_seed(rng, 1);
    F32_ZEROS(params, "head.bias", 1);
    cr_assert_eq(bl_linear_params(params, "head", 3, 10, true, rng), BL_ERR_EXISTS);
    expect(params, BL_ERR_EXISTS, "bl_linear_params: head.bias is the name of a parameter f32 [1] already");
    cr_assert_eq(bl_linear_params(params, "a", 3, 10, true, NULL), BL_ERR_ARGUMENT);
    expect(params, BL_ERR_ARGUMENT,
           "bl_linear_params: a.weight: the initialiser draws, but the generator is NULL");
    cr_assert_eq(bl_linear_params(params, "a", -3, 10, true, rng), BL_ERR_SHAPE);
    expect(params, BL_ERR_SHAPE, "bl_linear_params: a.weight cannot have the shape [10,-3]");
    cr_assert_eq(bl_linear_params(params, NULL, 3, 10, true, rng), BL_ERR_ARGUMENT);
    expect(params, BL_ERR_ARGUMENT, "bl_linear_params: the name is NULL or empty");
    cr_assert_eq(bl_embedding_params(params, "a", 3, 10, NULL), BL_ERR_ARGUMENT);
    expect(params, BL_ERR_ARGUMENT,
           "bl_embedding_params: a.weight: the initialiser draws, but the generator is NULL");
    cr_assert_eq(bl_embedding_params(params, "a", INT64_MAX, 10, rng), BL_ERR_OVERFLOW);
    cr_assert(bl_params_count(params) == 1 && bl_params_name_count(params) == 1);
    cr_assert_eq(bl_rng_next(rng), first, "a refused layer has drawn");
    bl_rng_free(rng);
    bl_params_free(params);
    bl_context_free(context);
}
