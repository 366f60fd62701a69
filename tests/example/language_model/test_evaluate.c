/* Evaluation: every token counts once, and what embeddings say of words. */
#include "embeddings.h"
#include "evaluate.h"
#include "help.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum {
    COUNT = 24,
    VOCABULARY = 11
};

static const int32_t text[COUNT] = {1, 4, 4, 0, 10, 7, 2, 3, 9, 5, 5, 6, 1, 1, 0, 2, 8, 7, 7, 3, 2, 9, 10, 4};

/* The sum of the losses of text[begin + 1 .. end] by what stands before from `begin` on. */
static double sum_of(bl_context *context, const model *m, int64_t begin, int64_t end)
{
    int64_t tokens[COUNT];
    float logits[COUNT * VOCABULARY];
    int64_t length = end - begin;
    double sum = 0;
    for (int64_t i = 0; i < length; i++)
        tokens[i] = text[begin + i];
    bl_graph *graph = bl_graph_new(context);
    application applied = {.tokens = bl_constant(graph, BL_I64, BL_SHAPE(1, length), tokens)};
    bl_tensor *scores = model_logits(graph, m, model_forward(graph, m, &applied));
    cr_assert_eq(bl_eval(scores, logits, (size_t)length * VOCABULARY * sizeof(float)), BL_OK);
    for (int64_t i = 0; i < length; i++) {
        double all = 0;
        for (int j = 0; j < VOCABULARY; j++)
            all += exp((double)logits[i * VOCABULARY + j]);
        sum += log(all) - (double)logits[i * VOCABULARY + text[begin + i + 1]];
    }
    bl_graph_free(graph);
    return sum;
}

/* The first tokens of the text as a file. */
static bl_tokens *tokens_of(bl_context *context, const char *folder, int64_t count)
{
    char path[96];
    int64_t wide[COUNT];
    snprintf(path, sizeof path, "%s/%d.tokens", folder, (int)count);
    for (int64_t i = 0; i < count; i++)
        wide[i] = text[i];
    cr_assert_eq(bl_tokens_write(context, path, wide, count, VOCABULARY), BL_OK);
    bl_tokens *tokens = bl_tokens_open(context, path, NULL);
    cr_assert(tokens);
    return tokens;
}

static void expect_loss(bl_context *context, const model *m, int64_t batch, int64_t length, int64_t count,
                        double expected)
{
    char folder[64];
    evaluator used;
    make_temporary(folder);
    bl_tokens *tokens = tokens_of(context, folder, count), *one = tokens_of(context, folder, 1);
    cr_assert_eq(evaluator_make(&used, m, batch, length), BL_OK, "%s", bl_context_error(context)->message);
    for (int again = 0; again < 2; again++) {
        double loss = 0;
        cr_assert_eq(evaluate(&used, tokens, &loss), BL_OK);
        cr_assert_float_eq(loss, expected, 1e-5, "%d streams, windows of %d, %d tokens: %g, not %g",
                           (int)batch, (int)length, (int)count, loss, expected);
    }
    double loss = 0;
    cr_assert_neq(evaluate(&used, one, &loss), BL_OK, "one token foretells nothing");
    evaluator_free(&used);
    bl_tokens_free(tokens);
    bl_tokens_free(one);
    remove_temporary(folder);
}

Test(evaluate, every_token_counts_once)
{
    bl_context *context = bl_context_new(NULL);
    model_options lstm = tiny_lstm(), gpt = tiny_gpt();
    model m;
    lstm.init = 0.5;
    lstm.dropout = gpt.dropout = 0.5; /* which is for training alone */
    cr_assert_eq(model_make(&m, context, &lstm, 1), BL_OK);
    for (int64_t length = 1; length < 30; length += 6)
        expect_loss(context, &m, 1, length, COUNT, sum_of(context, &m, 0, 23) / 23);
    /* 23 are foretold, in streams of 8, 8 and 7. */
    double sum = sum_of(context, &m, 0, 8) + sum_of(context, &m, 8, 16) + sum_of(context, &m, 16, 23);
    expect_loss(context, &m, 3, 4, COUNT, sum / 23);
    /* More streams than there is to foretell: 2 in 2 of 5. */
    expect_loss(context, &m, 5, 4, 3, (sum_of(context, &m, 0, 1) + sum_of(context, &m, 1, 2)) / 2);
    model_free(&m);
    cr_assert_eq(model_make(&m, context, &gpt, 1), BL_OK);
    /* A GPT sees its window alone: streams of 12 and 11 in windows of 5, 5, 2 and 5, 5, 1. */
    const int64_t cuts[] = {0, 5, 10, 12, 17, 22, 23};
    sum = 0;
    for (int i = 0; i < 6; i++)
        sum += sum_of(context, &m, cuts[i], cuts[i + 1]);
    expect_loss(context, &m, 2, 5, COUNT, sum / 23);
    model_free(&m);
    bl_context_free(context);
}

Test(evaluate, rank_correlation)
{
    double rho = 0;
    const float up[] = {1, 2, 3, 4, 5}, squares[] = {1, 4, 9, 16, 25}, down[] = {9, 7, 5, 3, 1};
    cr_assert(spearman(up, squares, 5, &rho));
    cr_assert_float_eq(rho, 1, 1e-12);
    cr_assert(spearman(up, down, 5, &rho));
    cr_assert_float_eq(rho, -1, 1e-12);
    /* Ranks 1 2 3 4 5 and 2 1 4 3 5: 1 - 6 (1+1+1+1) / (5 24) */
    cr_assert(spearman(up, (float[]){20, 10, 40, 30, 50}, 5, &rho));
    cr_assert_float_eq(rho, 0.8, 1e-12);
    /* Ranks 1 2 3 4 and 1.5 1.5 3.5 3.5: 4 / sqrt(5 4) */
    cr_assert(spearman(up, (float[]){0, 0, 1, 1}, 4, &rho));
    cr_assert_float_eq(rho, 4 / sqrt(20), 1e-12);
    cr_assert(spearman(up, (float[]){3, 3, 3}, 3, &rho));
    cr_assert(isnan(rho));
    cr_assert(spearman(up, up, 1, &rho));
    cr_assert(isnan(rho));
}

Test(evaluate, cosines_and_neighbours)
{
    const float weight[5][2] = {{1, 0}, {0, 2}, {3, 3}, {0, 0}, {-1, 0.1f}};
    float cosines[10];
    const double half = sqrt(0.5);
    cr_assert(pairwise_cosines(&weight[0][0], 5, 2, cosines));
    const double expected[] = {0, half, 0, -1 / sqrt(1.01), half, 0, 0.1 / sqrt(1.01), 0, -0.9 / sqrt(2.02),
                               0};
    for (int i = 0; i < 10; i++)
        cr_assert_float_eq((double)cosines[i], expected[i], 1e-6, "pair %d: %g", i, (double)cosines[i]);

    int32_t found[5];
    cr_assert_eq(neighbours(&weight[0][0], 5, 2, 1, 0, 2, found, cosines), 2);
    cr_assert_eq(found[0], 2);
    cr_assert_eq(found[1], 4);
    cr_assert_float_eq((double)cosines[0], half, 1e-6);
    cr_assert_eq(neighbours(&weight[0][0], 5, 2, 1, 3, 9, found, cosines), 2, "two rows from the third on");
    cr_assert_eq(found[0], 4);
    cr_assert_eq(found[1], 3);

    /* Turned and stretched, with a column of zeros, words are as alike as before. */
    const float turned[5][3] = {{0, 0, 5}, {-4, 0, 0}, {-1, 0, 1}, {0, 0, 0}, {-0.1f, 0, -1}};
    double rho = 0;
    cr_assert(similarity(&weight[0][0], 2, &turned[0][0], 3, 5, &rho));
    cr_assert_float_eq(rho, 1, 1e-9, "%g", rho);
}
