/* Sampling: which token is drawn, and that a cache gives what the whole text gives. */
#include "help.h"
#include "sampler.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the next token ---- */

/* Probabilities 0.1, 0.4, 0.2, 0.3 at temperature 1. */
static const double probabilities[4] = {0.1, 0.4, 0.2, 0.3};

static int32_t draw(double temperature, int64_t top_k, double top_p, double uniform)
{
    float scores[4];
    int32_t room[4];
    for (int i = 0; i < 4; i++)
        scores[i] = (float)log(probabilities[i]) + 7;
    return sample_token(scores, 4, &(sampling_options){temperature, top_k, top_p}, uniform, room);
}

Test(sampler, next_token)
{
    /* The likeliest first: 1 up to 0.4, 3 up to 0.7, 2 up to 0.9, then 0. */
    const double edges[] = {0, 0.39, 0.41, 0.69, 0.71, 0.89, 0.91, 0.9999};
    const int32_t all[] = {1, 1, 3, 3, 2, 2, 0, 0};
    for (int i = 0; i < 8; i++)
        cr_assert_eq(draw(1, 0, 1, edges[i]), all[i], "%g", edges[i]);
    cr_assert_eq(draw(0, 0, 1, 0.99), 1, "temperature 0 takes the likeliest");
    cr_assert_eq(draw(1, 1, 1, 0.99), 1);
    /* Two tokens: 4/7 and 3/7. */
    cr_assert_eq(draw(1, 2, 1, 0.57), 1);
    cr_assert_eq(draw(1, 2, 1, 0.58), 3);
    cr_assert_eq(draw(1, 2, 1, 0.9999), 3);
    cr_assert_eq(draw(1, 9, 1, 0.9999), 0, "more than there are");
    /* 0.4 is too little, 0.4 + 0.3 enough. */
    cr_assert_eq(draw(1, 0, 0.5, 0.9999), 3);
    cr_assert_eq(draw(1, 0, 0.5, 0.57), 1);
    cr_assert_eq(draw(1, 0, 0.3, 0.9999), 1);
    cr_assert_eq(draw(1, 0, 0, 0.9999), 1, "one at least is left");
    cr_assert_eq(draw(1, 0, 0.75, 0.9999), 2);
    /* Of the two that top_k leaves, the first alone is 4/7. */
    cr_assert_eq(draw(1, 2, 0.55, 0.9999), 1);
    cr_assert_eq(draw(1, 2, 0.6, 0.9999), 3);
    /* At temperature 1/2 probabilities are as 1 : 16 : 4 : 9. */
    cr_assert_eq(draw(0.5, 0, 1, 0.53), 1);
    cr_assert_eq(draw(0.5, 0, 1, 0.54), 3);
    cr_assert_eq(draw(0.5, 0, 1, 0.97), 0);
}

Test(sampler, odd_scores)
{
    int32_t room[3];
    sampling_options options = {1, 0, 1};
    cr_assert_eq(sample_token((float[]){0, NAN, 0}, 3, &options, 0.5, room), -1);
    cr_assert_eq(sample_token((float[]){0, INFINITY, 0}, 3, &options, 0.99, room), 1);
    cr_assert_eq(sample_token((float[]){-INFINITY, 2, -INFINITY}, 3, &options, 0.99, room), 1);
    cr_assert_eq(sample_token((float[]){1, 1, 1}, 3, &options, 0.5, room), 1,
                 "of equal ones the lower first");
    cr_assert_eq(sample_token((float[]){1e30f, -1e30f, 0}, 3, &options, 0.99, room), 0);
    cr_assert_eq(sample_token((float[]){5}, 1, &options, 0.99, room), 0);
}

Test(sampler, as_often_as_likely)
{
    bl_context *context = bl_context_new(NULL);
    bl_rng *rng = bl_rng_new(context, 5);
    int counts[4] = {0};
    for (int i = 0; i < 10000; i++) {
        double uniform = 0;
        cr_assert_eq(bl_rng_uniform_f64(rng, 0, 1, &uniform, 1), BL_OK);
        counts[draw(1, 0, 1, uniform)]++;
    }
    for (int i = 0; i < 4; i++)
        cr_assert_float_eq(counts[i] / 1e4, probabilities[i], 0.02);
    bl_rng_free(rng);
    bl_context_free(context);
}

/* ---- the cache ---- */

enum {
    LENGTH = 12,
    VOCABULARY = 11
};

static const int64_t text[LENGTH] = {1, 4, 4, 0, 10, 7, 2, 3, 9, 5, 5, 6};

static void expect_same_logits(bl_context *context, model_options options)
{
    static float expected[LENGTH][VOCABULARY];
    model m;
    sampler used;
    cr_assert_eq(model_make(&m, context, &options, 1), BL_OK);
    bl_graph *graph = bl_graph_new(context);
    application applied = {.tokens = bl_constant(graph, BL_I64, BL_SHAPE(1, LENGTH), text)};
    cr_assert_eq(
        bl_eval(model_logits(graph, &m, model_forward(graph, &m, &applied)), expected, sizeof expected),
        BL_OK);
    cr_assert_eq(sampler_make(&used, &m), BL_OK, "%s", bl_context_error(context)->message);
    for (int again = 0; again < 2; again++) {
        for (int i = 0; i < LENGTH; i++) {
            const float *scores = NULL;
            cr_assert_eq(sampler_take(&used, (int32_t)text[i], &scores), BL_OK);
            for (int j = 0; j < VOCABULARY; j++)
                cr_assert_float_eq(scores[j], expected[i][j], 2e-5f, "place %d, token %d: %g, not %g", i, j,
                                   (double)scores[j], (double)expected[i][j]);
        }
        cr_assert_eq(sampler_restart(&used), BL_OK);
    }
    sampler_free(&used);
    bl_graph_free(graph);
    model_free(&m);
}

Test(sampler, cached_logits_are_those_of_the_whole)
{
    bl_context *context = bl_context_new(NULL);
    model_options options = tiny_lstm();
    options.tying = TYING_TIED_PROJECTION;
    expect_same_logits(context, options);
    expect_same_logits(context, tiny_gpt());
    options = tiny_gpt();
    options.tying = TYING_TIED;
    options.width = 6;
    expect_same_logits(context, options);
    bl_context_free(context);
}

/* Beyond its positions a GPT sees the later half of what they held. */
Test(sampler, beyond_the_positions)
{
    bl_context *context = bl_context_new(NULL);
    model_options options = tiny_gpt();
    model m;
    sampler used;
    float expected[7][VOCABULARY];
    const float *scores = NULL;
    cr_assert_eq(model_make(&m, context, &options, 1), BL_OK);
    cr_assert_eq(sampler_make(&used, &m), BL_OK);
    for (int i = 0; i < LENGTH; i++)
        cr_assert_eq(sampler_take(&used, (int32_t)text[i], &scores), BL_OK);
    cr_assert_eq(sampler_take(&used, 8, &scores), BL_OK);
    int64_t seen[7] = {0, 0, 0, 0, 0, 0, 8};
    memcpy(seen, text + LENGTH / 2, LENGTH / 2 * sizeof *seen);
    bl_graph *graph = bl_graph_new(context);
    application applied = {.tokens = bl_constant(graph, BL_I64, BL_SHAPE(1, 7), seen)};
    cr_assert_eq(
        bl_eval(model_logits(graph, &m, model_forward(graph, &m, &applied)), expected, sizeof expected),
        BL_OK);
    for (int j = 0; j < VOCABULARY; j++)
        cr_assert_float_eq(scores[j], expected[6][j], 2e-5f);
    bl_graph_free(graph);
    sampler_free(&used);
    model_free(&m);
    bl_context_free(context);
}

/* The same seed, the same text; another, another; an end where one is asked for. */
Test(sampler, texts)
{
    bl_context *context = bl_context_new(NULL);
    model_options all[] = {tiny_lstm(), tiny_gpt()};
    for (int i = 0; i < 2; i++) {
        model m;
        sampler used;
        cr_assert_eq(model_make(&m, context, &all[i], 1), BL_OK);
        cr_assert_eq(sampler_make(&used, &m), BL_OK);
        ids prompt = {NULL, 0, 0}, drawn[4] = {{NULL, 0, 0}};
        cr_assert(ids_append(&prompt, 3) && ids_append(&prompt, 1));
        for (int j = 0; j < 4; j++) {
            bl_rng *rng = bl_rng_new(context, j == 2 ? 8 : 9);
            cr_assert_eq(sampler_restart(&used), BL_OK);
            int32_t last = j == 3 ? drawn[0].at[4] : -1;
            cr_assert_eq(
                sampler_continue(&used, &prompt, 40, last, &(sampling_options){1, 0, 1}, rng, &drawn[j]),
                BL_OK);
            bl_rng_free(rng);
        }
        cr_assert_eq(drawn[0].count, 40);
        cr_assert_eq(drawn[1].count, 40);
        cr_assert_eq(memcmp(drawn[0].at, drawn[1].at, 40 * sizeof(int32_t)), 0);
        cr_assert_neq(memcmp(drawn[0].at, drawn[2].at, 40 * sizeof(int32_t)), 0);
        cr_assert(drawn[3].count <= 5 && drawn[3].at[drawn[3].count - 1] == drawn[0].at[4]);
        for (int j = 0; j < 4; j++)
            ids_free(&drawn[j]);
        ids_free(&prompt);
        sampler_free(&used);
        model_free(&m);
    }
    bl_context_free(context);
}
