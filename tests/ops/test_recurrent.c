/* Recurrent cells and layers: against each other and against differences, dropout, memory, what is refused.
 * The values themselves are compared with PyTorch's in tests/pytorch. */
#include "check.h"
#include "support/failing_allocator.h"

#include <string.h>

static bl_rng *rng;

static void open_rng(void)
{
    open_all();
    rng = bl_rng_new(context, 5);
}

static void close_rng(void)
{
    bl_rng_free(rng);
    close_all();
}

TestSuite(recurrent, .init = open_rng, .fini = close_rng);

enum {
    MOST_CELLS = 8
};

static bl_tensor *drawn(bl_shape shape)
{
    double values[512];
    bl_rng_uniform_f64(rng, -1, 1, values, 512);
    return bl_constant(graph, BL_F64, shape, values);
}

static bl_recurrent_weights drawn_weights(int64_t gates, int64_t in, int64_t hidden)
{
    return (bl_recurrent_weights){drawn(BL_SHAPE(gates * hidden, in)),
                                  drawn(BL_SHAPE(gates * hidden, hidden)), drawn(BL_SHAPE(gates * hidden)),
                                  drawn(BL_SHAPE(gates * hidden))};
}

static double largest(bl_tensor *tensor)
{
    double value = (double)NAN;
    cr_assert(bl_tensor_valid(tensor), "%s", error_text(bl_graph_error(graph)));
    cr_assert_eq(bl_eval(bl_max(bl_abs(tensor), BL_ALL_AXES, false), &value, sizeof(value)), BL_OK);
    return value;
}

/* A layer is its cell, step by step; the last output is the last state. */
Test(recurrent, a_layer_is_its_cells)
{
    bl_recurrent_weights w[] = {drawn_weights(1, 3, 2), drawn_weights(4, 3, 2), drawn_weights(3, 3, 2)};
    bl_tensor *x = drawn(BL_SHAPE(5, 2, 3)), *last[3], *c_n, *outputs[3];
    outputs[0] = bl_rnn(x, &w[0], NULL, NULL, &last[0]);
    outputs[1] = bl_lstm(x, &w[1], NULL, NULL, NULL, &last[1], &c_n);
    outputs[2] = bl_gru(x, &w[2], NULL, NULL, &last[2]);
    for (int kind = 0; kind < 3; kind++) {
        bl_tensor *h = bl_full(graph, BL_F64, BL_SHAPE(2, 2), 0), *c = h;
        for (int64_t t = 0; t < 5; t++) {
            bl_tensor *step = bl_reshape(bl_slice(x, 0, t, t + 1, 1), BL_SHAPE(2, 3));
            h = kind == 0   ? bl_rnn_cell(step, h, &w[0], BL_NONLINEARITY_TANH)
                : kind == 1 ? bl_lstm_cell(step, h, c, &w[1], &c)
                            : bl_gru_cell(step, h, &w[2]);
            bl_tensor *output = bl_reshape(bl_slice(outputs[kind], 0, t, t + 1, 1), BL_SHAPE(2, 2));
            cr_expect_leq(largest(bl_sub(output, h)), 1e-14);
        }
        EXPECT_TYPE(last[kind], BL_F64, BL_SHAPE(1, 2, 2));
        cr_expect_leq(largest(bl_sub(last[kind], h)), 1e-14);
        if (kind == 1)
            cr_expect_leq(largest(bl_sub(c_n, c)), 1e-14);
    }
}

/* A sequence cut in two, the state handed on, is the whole; a reversed one is the other direction. */
Test(recurrent, states_are_handed_on)
{
    bl_recurrent_weights w = drawn_weights(4, 3, 2), both[2] = {w, w};
    bl_tensor *x = drawn(BL_SHAPE(6, 2, 3)), *h, *c, *h_n, *c_n;
    bl_tensor *whole = bl_lstm(x, &w, NULL, NULL, NULL, &h_n, &c_n);
    bl_tensor *first = bl_lstm(bl_slice(x, 0, 0, 4, 1), &w, NULL, NULL, NULL, &h, &c);
    bl_tensor *second = bl_lstm(bl_slice(x, 0, 4, 6, 1), &w, h, c, NULL, &h, &c);
    bl_tensor *parts[] = {first, second};
    cr_expect_leq(largest(bl_sub(bl_concat(parts, 2, 0), whole)), 1e-14);
    cr_expect_leq(largest(bl_sub(h, h_n)), 1e-14);
    cr_expect_leq(largest(bl_sub(c, c_n)), 1e-14);
    bl_tensor *only_h = bl_lstm(x, &w, bl_full(graph, BL_F64, BL_SHAPE(1, 2, 2), 0), NULL, NULL, NULL, NULL);
    cr_expect_leq(largest(bl_sub(only_h, whole)), 1e-14);

    bl_tensor *steps[6];
    for (int64_t t = 0; t < 6; t++)
        steps[t] = bl_slice(x, 0, 5 - t, 6 - t, 1);
    bl_recurrent_options options = bl_recurrent_defaults();
    options.bidirectional = true;
    bl_tensor *two_ways = bl_lstm(x, both, NULL, NULL, &options, NULL, NULL);
    bl_tensor *turned = bl_lstm(bl_concat(steps, 6, 0), &w, NULL, NULL, NULL, NULL, NULL);
    EXPECT_TYPE(two_ways, BL_F64, BL_SHAPE(6, 2, 4));
    cr_expect_leq(largest(bl_sub(bl_slice(two_ways, 2, 0, 2, 1), whole)), 1e-14);
    for (int64_t t = 0; t < 6; t++)
        cr_expect_leq(largest(bl_sub(bl_slice(bl_slice(two_ways, 0, t, t + 1, 1), 2, 2, 4, 1),
                                     bl_slice(turned, 0, 5 - t, 6 - t, 1))),
                      1e-14);
}

/* Gradients and second gradients of two bidirectional layers with dropout between them, by all parameters. */
Test(recurrent, derivatives)
{
    bl_parameter *random = bl_params_add_random(params, "random", 1);
    bl_recurrent_options options = bl_recurrent_defaults();
    options.layers = 2;
    options.bidirectional = options.training = true;
    options.dropout = 0.4;
    options.random = random;
    for (int kind = 0; kind < 3; kind++) {
        static const char *const names[] = {"rnn", "lstm", "gru"};
        bl_recurrent_weights w[4];
        bl_tensor *x = bl_cast(drawn(BL_SHAPE(3, 2, 2)), BL_F32), *h_n, *c_n = NULL, *y;
        bl_status (*make)(bl_params *, const char *, int64_t, int64_t, const bl_recurrent_options *,
                          bl_rng *) = kind == 0   ? bl_rnn_params
                                      : kind == 1 ? bl_lstm_params
                                                  : bl_gru_params;
        cr_assert_eq(make(params, names[kind], 2, 2, &options, rng), BL_OK);
        cr_assert_eq(bl_recurrent_named(graph, params, names[kind], &options, w), BL_OK);
        y = kind == 0   ? bl_rnn(x, w, NULL, &options, &h_n)
            : kind == 1 ? bl_lstm(x, w, NULL, NULL, &options, &h_n, &c_n)
                        : bl_gru(x, w, NULL, &options, &h_n);
        bl_tensor *loss = bl_add(bl_sum(bl_square(y), BL_ALL_AXES, false), bl_sum(h_n, BL_ALL_AXES, false));
        loss = c_n ? bl_add(loss, bl_sum(bl_square(c_n), BL_ALL_AXES, false)) : loss;
        bl_tensor *slope = bl_sum(bl_square(bl_gradient(loss, w[0].w_hh)), BL_ALL_AXES, false);
        bl_tensor *const checked[] = {loss, slope};
        for (int k = 0; k < 2; k++) {
            bl_gradcheck_result result;
            char text[256];
            cr_assert_eq(bl_gradcheck(checked[k], NULL, 0, NULL, 0, NULL, &result), BL_OK, "%s",
                         result.error.message);
            bl_gradcheck_format(&result, text, sizeof(text));
            cr_expect(result.passed, "%s: %s", names[kind], text);
            cr_expect_geq(result.checked, 4 * (1 + 3 * (kind != 0)));
        }
    }
    cr_expect_eq(((const int64_t *)bl_parameter_data(random))[1], 0);
}

/* Dropout lies between layers only, and only in training. */
Test(recurrent, dropout)
{
    bl_recurrent_weights w[2] = {drawn_weights(1, 3, 4), drawn_weights(1, 4, 4)};
    bl_recurrent_options options = bl_recurrent_defaults(), plain;
    bl_tensor *x = drawn(BL_SHAPE(3, 2, 3));
    options.layers = 2;
    plain = options;
    options.dropout = 1;
    bl_tensor *expected = bl_rnn(x, w, NULL, &plain, NULL);
    cr_expect_eq(largest(bl_sub(bl_rnn(x, w, NULL, &options, NULL), expected)), 0);
    options.training = true;
    EXPECT_ERROR(bl_rnn(x, w, NULL, &options, NULL), BL_ERR_ARGUMENT, "bl_rnn: the random state is NULL");
    options.random = bl_params_add_random(params, "random", 1);
    /* all is dropped: the second layer sees zeros, and its own outputs are not dropped */
    bl_tensor *zeros = bl_full(graph, BL_F64, BL_SHAPE(3, 2, 4), 0);
    bl_tensor *second = bl_rnn(zeros, &w[1], NULL, NULL, NULL);
    cr_expect_leq(largest(bl_sub(bl_rnn(x, w, NULL, &options, NULL), second)), 1e-14);
    options.layers = 1;
    options.random = NULL;
    cr_expect_eq(largest(bl_sub(bl_rnn(x, w, NULL, &options, NULL), bl_rnn(x, w, NULL, NULL, NULL))), 0);
}

/* The tape of a long sequence is differentiated in work that grows with T: no step's cotangent is a whole
 * sequence or a whole matrix. */
Test(recurrent, long_sequences)
{
    bl_recurrent_weights w = drawn_weights(4, 3, 4);
    bl_tensor *x = bl_full(graph, BL_F64, BL_SHAPE(128, 2, 3), 0.5);
    bl_tensor *y = bl_lstm(x, &w, NULL, NULL, NULL, NULL, NULL), *g = bl_gradient(y, w.w_ih);
    int64_t joined = 0;
    bl_program *p = bl_compile(context, g);
    cr_assert_eq(bl_run(p), BL_OK, "%s", error_text(bl_program_error(p)));
    static char text[1 << 20];
    bl_program_format(p, text, sizeof(text));
    for (const char *at = text; (at = strstr(at, "concat             f64 [128,2,16]")); at++)
        joined++;
    cr_expect_eq(joined, 1);
    cr_expect_null(strstr(text, "slice_backward"));
    bl_program_free(p);
}

/* A state of zeros is not multiplied, but all weights are reached, by one step too. */
Test(recurrent, zero_state_reaches_the_weights)
{
    bl_recurrent_weights w[] = {drawn_weights(1, 3, 2), drawn_weights(4, 3, 2), drawn_weights(3, 3, 2)};
    for (int64_t length = 1; length <= 2; length++) {
        bl_tensor *x = drawn(BL_SHAPE(length, 2, 3));
        bl_tensor *y[] = {bl_rnn(x, &w[0], NULL, NULL, NULL), bl_lstm(x, &w[1], NULL, NULL, NULL, NULL, NULL),
                          bl_gru(x, &w[2], NULL, NULL, NULL)};
        for (int kind = 0; kind < 3; kind++) {
            bl_tensor *by_weight = bl_gradient(y[kind], w[kind].w_hh);
            cr_expect(!bl_is_unreached(by_weight));
            cr_expect_eq(largest(by_weight) == 0, length == 1);
            cr_expect(!bl_is_unreached(bl_gradient(y[kind], w[kind].b_hh)));
        }
    }
    bl_recurrent_weights plain = {w[2].w_ih, w[2].w_hh, NULL, NULL}; /* without biases */
    bl_tensor *x = drawn(BL_SHAPE(2, 2, 3)), *zeros = bl_full(graph, BL_F64, BL_SHAPE(1, 2, 2), 0);
    cr_expect_leq(largest(bl_sub(bl_gru(x, &plain, NULL, NULL, NULL), bl_gru(x, &plain, zeros, NULL, NULL))),
                  1e-14);
}

Test(recurrent, shapes)
{
    bl_recurrent_weights w = drawn_weights(4, 3, 2);
    bl_tensor *h_n, *c_n;
    bl_recurrent_options options = bl_recurrent_defaults();
    options.batch_first = true;
    EXPECT_TYPE(bl_lstm(drawn(BL_SHAPE(5, 4, 3)), &w, NULL, NULL, &options, &h_n, &c_n), BL_F64,
                BL_SHAPE(5, 4, 2));
    EXPECT_TYPE(h_n, BL_F64, BL_SHAPE(1, 5, 2));
    EXPECT_TYPE(c_n, BL_F64, BL_SHAPE(1, 5, 2));
    EXPECT_TYPE(bl_lstm(drawn(BL_SHAPE(5, 3)), &w, NULL, NULL, &options, &h_n, &c_n), BL_F64, BL_SHAPE(5, 2));
    EXPECT_TYPE(c_n, BL_F64, BL_SHAPE(1, 2));
    bl_tensor *none = bl_lstm(EMPTY(BL_SHAPE(0, 4, 3)), &w, NULL, NULL, &options, &h_n, NULL);
    EXPECT_TYPE(none, BL_F64, BL_SHAPE(0, 4, 2));
    cr_expect_eq(bl_eval(none, NULL, 0), BL_OK);
    EXPECT_TYPE(
        bl_gru_cell(EMPTY(BL_SHAPE(0, 3)), EMPTY(BL_SHAPE(0, 2)),
                    &(bl_recurrent_weights){drawn(BL_SHAPE(6, 3)), drawn(BL_SHAPE(6, 2)), NULL, NULL}),
        BL_F64, BL_SHAPE(0, 2));
}

Test(recurrent, cells_refused)
{
    bl_recurrent_weights w = drawn_weights(4, 3, 2), bad;
    bl_tensor *x = drawn(BL_SHAPE(5, 3)), *h = drawn(BL_SHAPE(5, 2)), *c_n = x;
    EXPECT_ERROR(bl_lstm_cell(x, h, h, NULL, NULL), BL_ERR_ARGUMENT, "bl_lstm_cell: the weights are NULL");
    EXPECT_ERROR(bl_lstm_cell(x, NULL, h, &w, &c_n), BL_ERR_ARGUMENT, "bl_lstm_cell: h is NULL");
    cr_expect(!bl_tensor_valid(c_n));
    EXPECT_ERROR(bl_lstm_cell(x, h, NULL, &w, NULL), BL_ERR_ARGUMENT, "bl_lstm_cell: c is NULL");
    EXPECT_ERROR(bl_lstm_cell(x, x, h, &w, NULL), BL_ERR_SHAPE, "bl_lstm_cell: h is [5,3], not [5,2]");
    EXPECT_ERROR(bl_lstm_cell(drawn(BL_SHAPE(5)), h, h, &w, NULL), BL_ERR_SHAPE,
                 "the input is [5], not [N, in]");
    EXPECT_ERROR(bl_lstm_cell(bl_cast(x, BL_I64), h, h, &w, NULL), BL_ERR_DTYPE, "the input is i64");
    EXPECT_ERROR(bl_lstm_cell(bl_cast(x, BL_F32), h, h, &w, NULL), BL_ERR_DTYPE,
                 "w_ih is f64, the input is f32");
    EXPECT_ERROR(bl_gru_cell(x, h, &w), BL_ERR_SHAPE, "bl_gru_cell: w_hh is [8,2], not [3 * hidden, hidden]");
    EXPECT_ERROR(bl_rnn_cell(x, h, &w, (bl_nonlinearity)2), BL_ERR_ARGUMENT, "there is no nonlinearity 2");
    bad = w;
    bad.w_hh = NULL;
    EXPECT_ERROR(bl_lstm_cell(x, h, h, &bad, NULL), BL_ERR_ARGUMENT, "w_hh is NULL");
    bad.w_hh = h;
    EXPECT_ERROR(bl_lstm_cell(x, h, h, &bad, NULL), BL_ERR_SHAPE, "w_hh is [5,2]");
    bad = w;
    bad.w_ih = w.w_hh;
    EXPECT_ERROR(bl_lstm_cell(x, h, h, &bad, NULL), BL_ERR_SHAPE, "w_ih is [8,2], not [8,3]");
    bad = w;
    bad.b_hh = NULL;
    EXPECT_ERROR(bl_lstm_cell(x, h, h, &bad, NULL), BL_ERR_ARGUMENT, "one of the two biases is NULL");
    bad.b_hh = drawn(BL_SHAPE(7));
    EXPECT_ERROR(bl_lstm_cell(x, h, h, &bad, NULL), BL_ERR_SHAPE, "b_hh is [7], not [8]");
    cr_expect_null(bl_lstm_cell(NULL, h, h, &w, NULL));
    cr_expect_null(bl_rnn_cell(NULL, h, &w, BL_NONLINEARITY_TANH));
    cr_expect_null(bl_gru_cell(NULL, h, &w));
}

Test(recurrent, layers_refused)
{
    bl_recurrent_weights w[2] = {drawn_weights(4, 3, 2), drawn_weights(4, 2, 3)};
    bl_recurrent_options options = bl_recurrent_defaults();
    bl_tensor *x = drawn(BL_SHAPE(4, 5, 3)), *h_n = x, *c_n = x;
    EXPECT_ERROR(bl_lstm(drawn(BL_SHAPE(3)), w, NULL, NULL, NULL, &h_n, &c_n), BL_ERR_SHAPE,
                 "bl_lstm: the input is [3], not [T, N, in] or [T, in]");
    cr_expect(!bl_tensor_valid(h_n) && !bl_tensor_valid(c_n));
    EXPECT_ERROR(bl_lstm(EMPTY(BL_SHAPE(0, 5, 3)), w, NULL, NULL, NULL, NULL, NULL), BL_ERR_SHAPE,
                 "the input [0,5,3] has no steps");
    EXPECT_ERROR(bl_lstm(x, w, drawn(BL_SHAPE(5, 2)), NULL, NULL, NULL, NULL), BL_ERR_SHAPE,
                 "h0 is [5,2], not [1,5,2]");
    EXPECT_ERROR(bl_lstm(x, w, NULL, drawn(BL_SHAPE(2, 5, 2)), NULL, NULL, NULL), BL_ERR_SHAPE,
                 "c0 is [2,5,2]");
    EXPECT_ERROR(bl_lstm(x, NULL, NULL, NULL, NULL, NULL, NULL), BL_ERR_ARGUMENT, "the weights are NULL");
    EXPECT_ERROR(bl_gru(bl_cast(x, BL_BOOL), w, NULL, NULL, NULL), BL_ERR_DTYPE, "bl_gru: the input is bool");
    EXPECT_ERROR(bl_rnn(x, w, NULL, NULL, NULL), BL_ERR_SHAPE, "bl_rnn: w_hh is [8,2]");
    options.layers = 2;
    EXPECT_ERROR(bl_lstm(x, w, NULL, NULL, &options, NULL, NULL), BL_ERR_SHAPE,
                 "cell 1 has 3 hidden units, those before it 2");
    options.layers = 0;
    EXPECT_ERROR(bl_lstm(x, w, NULL, NULL, &options, NULL, NULL), BL_ERR_ARGUMENT,
                 "0 layers are not 1 or more");
    options.layers = 1;
    options.dropout = -1;
    EXPECT_ERROR(bl_lstm(x, w, NULL, NULL, &options, NULL, NULL), BL_ERR_ARGUMENT, "p = -1");
    options = bl_recurrent_defaults();
    options.nonlinearity = (bl_nonlinearity)-1;
    EXPECT_ERROR(bl_rnn(x, w, NULL, &options, NULL), BL_ERR_ARGUMENT, "there is no nonlinearity");
    cr_expect_null(bl_lstm(NULL, w, NULL, NULL, NULL, NULL, NULL));
}

/* Two bidirectional layers and their gradient in a context of their own; the code of the first error. */
static bl_status record_all(failing_allocator *allocator)
{
    bl_context *own = failing_allocator_context(allocator);
    bl_params *registry = bl_params_new(own);
    bl_graph *tape = bl_graph_new(own);
    bl_rng *generator = bl_rng_new(own, 1);
    bl_recurrent_options options = bl_recurrent_defaults();
    bl_recurrent_weights weights[4];
    bl_status status = BL_ERR_MEMORY;
    options.layers = 2;
    options.bidirectional = true;
    if (registry && tape && generator)
        status = bl_lstm_params(registry, "lstm", 3, 2, &options, generator);
    if (status == BL_OK)
        status = bl_recurrent_named(tape, registry, "lstm", &options, weights);
    if (status == BL_OK) {
        bl_tensor *x = bl_full(tape, BL_F32, BL_SHAPE(3, 2, 3), 1);
        bl_gradient(bl_lstm(x, weights, NULL, NULL, &options, NULL, NULL), weights[0].w_ih);
        status = bl_graph_error(tape)->code;
    } else if (registry) {
        cr_assert_eq(bl_params_count(registry),
                     status == BL_ERR_MEMORY && bl_params_find(registry, "lstm.weight_ih_l0") ? 16 : 0);
    }
    bl_rng_free(generator);
    bl_graph_free(tape);
    bl_params_free(registry);
    bl_context_free(own);
    return status;
}

Test(recurrent, memory)
{
    bl_status status = BL_ERR_MEMORY;
    for (long k = 1; status != BL_OK; k++) {
        failing_allocator allocator;
        char text[200];
        failing_allocator_init(&allocator);
        failing_allocator_fail(&allocator, k, true);
        status = record_all(&allocator);
        cr_assert(failing_allocator_clean(&allocator, text, sizeof(text)), "call %ld: %s", k, text);
        cr_assert(status == BL_ERR_MEMORY || !failing_allocator_has_failed(&allocator));
        cr_assert_lt(k, 1000);
    }
}
