/* Parameters of recurrent layers: PyTorch's names, shapes and values, found again on a graph, and what is
 * refused.
 */
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

typedef struct reference {
    const char *name;
    bl_shape shape;
    const float *values;
} reference;

#include "recurrent_reference.h"

TestSuite(recurrent_params, .init = open_all, .fini = close_all);

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The registry holds exactly these below a name, in this order. */
static void expect_all(const char *name, size_t first, const reference *table, size_t count)
{
    char whole[100];
    cr_assert_eq(bl_params_count(params), first + count);
    for (size_t i = 0; i < count; i++) {
        const bl_parameter *parameter = bl_params_at(params, first + i);
        snprintf(whole, sizeof(whole), "%s.%s", name, table[i].name);
        cr_assert_str_eq(bl_parameter_name(parameter), whole);
        cr_assert(bl_shape_equal(bl_parameter_shape(parameter), table[i].shape), "%s", whole);
        cr_assert(bl_parameter_trainable(parameter));
        size_t bytes = (size_t)bl_shape_count(table[i].shape) * sizeof(float);
        cr_expect_eq(memcmp(bl_parameter_data(parameter), table[i].values, bytes), 0, "%s", whole);
    }
}

Test(recurrent_params, as_pytorch)
{
    bl_rng *rng = bl_rng_new(context, 11);
    bl_recurrent_options options = bl_recurrent_defaults();
    options.layers = 2;
    options.bidirectional = true;
    cr_assert_eq(bl_lstm_params(params, "encoder.lstm", 2, 3, &options, rng), BL_OK);
    expect_all("encoder.lstm", 0, lstm_reference, COUNT(lstm_reference));

    bl_rng_seed(rng, 11);
    options = bl_recurrent_defaults();
    options.bias = false;
    cr_assert_eq(bl_gru_params(params, "gru", 2, 3, &options, rng), BL_OK);
    expect_all("gru", COUNT(lstm_reference), gru_reference, COUNT(gru_reference));

    bl_rng_seed(rng, 11);
    options = bl_recurrent_defaults();
    options.layers = 2;
    cr_assert_eq(bl_rnn_params(params, "rnn", 2, 1, &options, rng), BL_OK);
    expect_all("rnn", COUNT(lstm_reference) + COUNT(gru_reference), rnn_reference, COUNT(rnn_reference));
    bl_rng_free(rng);
}

/* They are looked up below the open scope, cell by cell, the backward direction behind the forward one. */
Test(recurrent_params, named)
{
    bl_rng *rng = bl_rng_new(context, 11);
    bl_recurrent_options options = bl_recurrent_defaults();
    bl_recurrent_weights w[4];
    options.layers = 2;
    options.bidirectional = true;
    bl_params_scope_push(params, "encoder");
    cr_assert_eq(bl_lstm_params(params, "lstm", 2, 3, &options, rng), BL_OK);
    bl_params_scope_pop(params);
    bl_scope_push(graph, "encoder");
    cr_assert_eq(bl_recurrent_named(graph, params, "lstm", &options, w), BL_OK);
    for (size_t i = 0; i < 16; i++) {
        bl_tensor *const kinds[] = {w[i / 4].w_ih, w[i / 4].w_hh, w[i / 4].b_ih, w[i / 4].b_hh};
        cr_expect_eq(bl_tensor_parameter(kinds[i % 4]), bl_params_at(params, i));
    }
    options.bias = false;
    options.layers = 1;
    cr_assert_eq(bl_recurrent_named(graph, params, "lstm", &options, w), BL_OK);
    cr_expect(w[0].w_ih && w[1].w_hh && !w[0].b_ih && !w[1].b_hh);
    options.layers = 3;
    cr_expect_eq(bl_recurrent_named(graph, params, "lstm", &options, (bl_recurrent_weights[6]){{0}}),
                 BL_ERR_NOT_FOUND);
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_NOT_FOUND, "encoder.lstm.weight_ih_l2", NULL));
    bl_rng_free(rng);
}

/* A call that fails has added nothing and drawn nothing. */
static void refuse(bl_status status, bl_status expected, const char *message, size_t count, bl_rng *rng)
{
    bl_rng *fresh = bl_rng_new(context, 11);
    cr_expect_eq(status, expected);
    cr_expect(error_says(bl_params_error(params), expected, message, NULL), "%s",
              error_text(bl_params_error(params)));
    cr_expect_eq(bl_params_count(params), count);
    cr_expect_eq(bl_rng_next(rng), bl_rng_next(fresh));
    bl_params_clear_error(params);
    bl_rng_seed(rng, 11);
    bl_rng_free(fresh);
}

Test(recurrent_params, refused)
{
    bl_rng *rng = bl_rng_new(context, 11);
    bl_recurrent_options options = bl_recurrent_defaults();
    bl_recurrent_weights w[2];
    options.layers = 2;
    bl_params_add_buffer(params, "taken.bias_hh_l1", BL_F32, BL_SHAPE(1));
    refuse(bl_rnn_params(params, "taken", 2, 3, &options, rng), BL_ERR_EXISTS,
           "bl_rnn_params: taken.bias_hh_l1 is the name of a buffer", 1, rng);
    refuse(bl_gru_params(params, NULL, 2, 3, NULL, rng), BL_ERR_ARGUMENT, "bl_gru_params: the name is NULL",
           1, rng);
    refuse(bl_lstm_params(params, "x", 2, 3, NULL, NULL), BL_ERR_ARGUMENT, "the generator is NULL", 1, rng);
    refuse(bl_lstm_params(params, "x", -2, 3, NULL, rng), BL_ERR_SHAPE, "-2 inputs and 3 hidden units", 1,
           rng);
    refuse(bl_lstm_params(params, "x", 2, -3, NULL, rng), BL_ERR_SHAPE, "2 inputs and -3 hidden units", 1,
           rng);
    refuse(bl_lstm_params(params, "x", 2, INT64_MAX / 2, NULL, rng), BL_ERR_OVERFLOW, "are too many", 1, rng);
    options.layers = 0;
    refuse(bl_lstm_params(params, "x", 2, 3, &options, rng), BL_ERR_ARGUMENT, "0 layers are not 1 or more", 1,
           rng);
    cr_expect_eq(bl_lstm_params(NULL, "x", 2, 3, NULL, rng), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_recurrent_named(NULL, params, "x", NULL, w), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_recurrent_named(graph, params, NULL, NULL, w), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_recurrent_named(graph, params, "x", NULL, NULL), BL_ERR_ARGUMENT);
    cr_expect(error_says(bl_graph_error(graph), BL_ERR_ARGUMENT, "bl_recurrent_named", NULL));
    bl_graph_clear_error(graph);
    cr_expect_eq(bl_recurrent_named(graph, params, "x", &options, w), BL_ERR_ARGUMENT);
    bl_graph_clear_error(graph);
    cr_expect_eq(bl_recurrent_named(graph, NULL, "x", NULL, w), BL_ERR_ARGUMENT);
    bl_rng_free(rng);
}
