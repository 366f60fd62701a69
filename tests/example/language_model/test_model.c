/* The models: their parameters, what tying changes and what it does not, state from window to window. */
#include "help.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static model make(bl_context *context, model_options options, tying how)
{
    model made;
    options.tying = how;
    cr_assert_eq(model_options_wrong(&options), NULL);
    cr_assert_eq(model_make(&made, context, &options, 3), BL_OK);
    return made;
}

Test(model, counts)
{
    bl_context *context = bl_context_new(NULL);
    model_options small = model_small_lstm();
    small.vocabulary = 1000;
    int64_t layers = 2 * (800 * 200 + 800 * 200 + 2 * 800), table = 1000 * 200;
    const int64_t unique[TYINGS] = {2 * table + layers + 1000, table + layers + 1000,
                                    table + layers + 1000 + 200 * 200};
    for (int i = 0; i < TYINGS; i++) {
        model m = make(context, small, (tying)i);
        cr_assert_eq(bl_params_unique_elements(m.params), unique[i], "%s", tying_names[i]);
        cr_assert_eq(bl_params_named_elements(m.params), i == TYING_UNTIED ? unique[i] : unique[i] + table);
        model_free(&m);
    }
    model_options gpt = model_gpt();
    gpt.vocabulary = 1000;
    model m = make(context, gpt, TYING_TIED);
    int64_t block = 4 * 256 * 256 + 4 * 256 + 8 * 256 * 256 + 5 * 256 + 4 * 256;
    cr_assert_eq(bl_params_unique_elements(m.params), 1000 * 256 + 256 * 256 + 4 * block + 2 * 256);
    model_free(&m);
    bl_context_free(context);
}

/* What models of different tying have in common begins with the same numbers. */
static void expect_same_beginning(bl_context *context, model_options options)
{
    model models[TYINGS];
    for (int i = 0; i < TYINGS; i++)
        models[i] = make(context, options, (tying)i);
    bl_parameter *untied = NULL;
    const char *name = NULL;
    for (size_t n = 0; (name = bl_params_name_at(models[TYING_UNTIED].params, n, &untied)); n++) {
        if (strcmp(name, "head.weight") == 0)
            continue;
        size_t bytes =
            (size_t)bl_shape_count(bl_parameter_shape(untied)) * bl_dtype_size(bl_parameter_dtype(untied));
        for (int i = 1; i < TYINGS; i++) {
            bl_parameter *other = bl_params_find(models[i].params, name);
            bool bias = strcmp(name, "head.bias") == 0 && i == TYING_TIED_PROJECTION;
            cr_assert(other, "%s", name);
            cr_assert(bias || memcmp(bl_parameter_data(other), bl_parameter_data(untied), bytes) == 0, "%s",
                      name);
        }
    }
    for (int i = 0; i < TYINGS; i++) {
        bl_parameter *embedding = bl_params_find(models[i].params, "embedding.weight");
        cr_assert_eq(embedding == bl_params_find(models[i].params, "head.weight"), i != TYING_UNTIED);
        model_free(&models[i]);
    }
}

Test(model, same_beginning)
{
    bl_context *context = bl_context_new(NULL);
    expect_same_beginning(context, tiny_lstm());
    expect_same_beginning(context, tiny_gpt());
    bl_context_free(context);
}

Test(model, first_values)
{
    bl_context *context = bl_context_new(NULL);
    model m = make(context, tiny_lstm(), TYING_TIED_PROJECTION);
    for (size_t i = 0; i < bl_params_count(m.params); i++) {
        bl_parameter *one = bl_params_at(m.params, i);
        const float *values = bl_parameter_data(one);
        float most = 0;
        if (bl_parameter_is_buffer(one))
            continue;
        for (int64_t j = 0; j < bl_shape_count(bl_parameter_shape(one)); j++)
            most = fmaxf(most, fabsf(values[j]));
        cr_assert(most > 0.04f && most <= 0.1f, "%s: %g", bl_parameter_name(one), (double)most);
    }
    model_free(&m);
    bl_context_free(context);
}

Test(model, wrong_options)
{
    model_options good = tiny_gpt(), wrong = good;
    cr_assert_eq(model_options_wrong(&good), NULL);
    wrong.heads = 3;
    cr_assert(model_options_wrong(&wrong));
    wrong = good;
    wrong.layers = LAYERS_MOST + 1;
    cr_assert(model_options_wrong(&wrong));
    wrong = good;
    wrong.dropout = 1;
    cr_assert(model_options_wrong(&wrong));
    wrong.dropout = NAN;
    cr_assert(model_options_wrong(&wrong));
    wrong = good;
    wrong.vocabulary = 0;
    cr_assert(model_options_wrong(&wrong));
    wrong = good;
    wrong.context = 0;
    cr_assert(model_options_wrong(&wrong));
    wrong.body = BODY_LSTM;
    cr_assert_eq(model_options_wrong(&wrong), NULL, "an LSTM has no positions");
}

/* ---- the loss ---- */

enum {
    BATCH = 2,
    LENGTH = 5
};

static const int64_t tokens[BATCH * LENGTH] = {1, 4, 4, 0, 10, 7, 2, 3, 9, 5};
static const int64_t targets[BATCH * LENGTH] = {4, 4, 0, 10, 7, 2, 3, 9, 5, 5};

static bl_tensor *record_loss(bl_graph *graph, const model *m, bool training)
{
    application applied = {.tokens = bl_constant(graph, BL_I64, BL_SHAPE(BATCH, LENGTH), tokens),
                           .training = training};
    bl_tensor *target = bl_constant(graph, BL_I64, BL_SHAPE(BATCH, LENGTH), targets);
    bl_tensor *loss = model_loss(graph, m, model_forward(graph, m, &applied), target, BL_REDUCE_MEAN);
    bl_tensor *penalty = model_penalty(graph, m);
    return penalty ? bl_add(loss, penalty) : loss;
}

/* The derivatives by every parameter, tied or not, wide or narrow, against differences in f64. */
static void expect_gradients(bl_context *context, model_options options)
{
    for (int i = 0; i < TYINGS; i++) {
        model m = make(context, options, (tying)i);
        bl_graph *graph = bl_graph_new(context);
        bl_tensor *loss = record_loss(graph, &m, false);
        bl_gradcheck_result found;
        char text[256];
        bl_gradcheck(loss, NULL, 0, NULL, 0, NULL, &found);
        bl_gradcheck_format(&found, text, sizeof text);
        cr_assert(found.passed, "%s: %s", tying_names[i], text);
        bl_graph_free(graph);
        model_free(&m);
    }
}

Test(model, gradients)
{
    bl_context *context = bl_context_new(NULL);
    model_options options = tiny_lstm();
    expect_gradients(context, options);
    options.width = 4; /* narrower than the body: a tied model has a projection */
    expect_gradients(context, options);
    options = tiny_gpt();
    options.layers = 1;
    expect_gradients(context, options);
    options.width = 4;
    expect_gradients(context, options);
    bl_context_free(context);
}

/* loss = that without the penalty + 0.15 times the projection's length. */
Test(model, penalty)
{
    bl_context *context = bl_context_new(NULL);
    model m = make(context, tiny_lstm(), TYING_TIED_PROJECTION);
    bl_graph *graph = bl_graph_new(context);
    float with = 0, without = 0;
    cr_assert_eq(bl_eval(record_loss(graph, &m, false), &with, sizeof with), BL_OK);
    m.options.penalty = 0;
    cr_assert_eq(bl_eval(record_loss(graph, &m, false), &without, sizeof without), BL_OK);
    const float *values = bl_parameter_data(bl_params_find(m.params, "projection.weight"));
    double square = 0;
    for (int i = 0; i < 36; i++)
        square += (double)values[i] * (double)values[i];
    cr_assert_float_eq((double)(with - without), 0.15 * sqrt(square), 1e-6);
    bl_graph_free(graph);
    model_free(&m);
    bl_context_free(context);
}

/* Training with dropout is another number each run; without, the same. */
Test(model, dropout)
{
    bl_context *context = bl_context_new(NULL);
    model_options all[] = {tiny_lstm(), tiny_gpt()};
    for (int i = 0; i < 2; i++) {
        all[i].dropout = 0.4;
        model m = make(context, all[i], TYING_TIED);
        bl_graph *graph = bl_graph_new(context);
        float losses[4];
        for (int j = 0; j < 4; j++)
            cr_assert_eq(bl_eval(record_loss(graph, &m, j < 2), &losses[j], sizeof losses[j]), BL_OK);
        cr_assert(losses[0] != losses[1] && losses[0] != losses[2] && losses[2] == losses[3]);
        bl_graph_free(graph);
        model_free(&m);
    }
    bl_context_free(context);
}

/* Two windows one after the other are one window of both, where the state is carried. */
Test(model, carried_state)
{
    enum {
        WINDOW = 3,
        VOCABULARY = 11,
        HALF = WINDOW * VOCABULARY
    };
    bl_context *context = bl_context_new(NULL);
    model m = make(context, tiny_lstm(), TYING_UNTIED);
    bl_params *owner = bl_params_new(context);
    carried state;
    cr_assert_eq(carried_make(&state, owner, &m.options, BATCH, false), BL_OK);
    const int64_t whole[BATCH][2 * WINDOW] = {{1, 2, 3, 4, 5, 6}, {10, 9, 8, 7, 0, 1}};
    static float expected[BATCH][2][HALF], found[BATCH][HALF];

    bl_graph *graph = bl_graph_new(context);
    application long_one = {.tokens = bl_constant(graph, BL_I64, BL_SHAPE(BATCH, 2 * WINDOW), whole)};
    bl_tensor *logits = model_logits(graph, &m, model_forward(graph, &m, &long_one));
    cr_assert_eq(bl_eval(logits, expected, sizeof expected), BL_OK);

    application window = {.tokens = bl_input(graph, "tokens", BL_I64, BL_SHAPE(BATCH, WINDOW)),
                          .state = &state};
    logits = model_logits(graph, &m, model_forward(graph, &m, &window));
    bl_program *program = bl_compile(context, logits, bl_group(graph, window.effects, window.effect_count));
    for (int again = 0; again < 2; again++) {
        for (int half = 0; half < 2; half++) {
            int64_t part[BATCH][WINDOW];
            for (int row = 0; row < BATCH; row++)
                memcpy(part[row], whole[row] + WINDOW * half, sizeof part[row]);
            cr_assert_eq(bl_set_input(program, window.tokens, part, sizeof part), BL_OK);
            cr_assert_eq(bl_run(program), BL_OK);
            cr_assert_eq(bl_read(program, logits, found, sizeof found), BL_OK);
            for (int row = 0; row < BATCH; row++)
                for (int i = 0; i < HALF; i++)
                    cr_assert_float_eq(found[row][i], expected[row][half][i], 1e-5f);
        }
        cr_assert_eq(carried_reset(&state), BL_OK); /* and the same once more */
    }
    bl_program_free(program);
    bl_graph_free(graph);
    bl_params_free(owner);
    model_free(&m);
    bl_context_free(context);
}
