/* Training: that it learns, the papers' learning rates, and that going on is the same as never having
 * stopped. */
#include "files.h"
#include "help.h"
#include "metrics.h"
#include "state.h"
#include "train.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COUNT = 400,
    VOCABULARY = 11
};

/* A text in which each token tells the next one. */
static bl_tokens *tokens_of(bl_context *context, const char *folder, const char *name, int64_t count)
{
    char path[PATH_MOST];
    int64_t values[COUNT];
    for (int64_t i = 0, token = 1; i < count; i++, token = (3 * token + 1) % VOCABULARY)
        values[i] = token;
    cr_assert(path_join(path, folder, name));
    cr_assert_eq(bl_tokens_write(context, path, values, count, VOCABULARY), BL_OK);
    bl_tokens *tokens = bl_tokens_open(context, path, NULL);
    cr_assert(tokens);
    return tokens;
}

/* A model in training, with its files. */
typedef struct bench {
    char folder[64];
    bl_context *context;
    bl_tokens *training, *validation;
    model m;
    trainer used;
} bench;

static void bench_make(bench *made, model_options options, training_options how, tying tied)
{
    make_temporary(made->folder);
    options.tying = tied;
    made->context = bl_context_new(NULL);
    made->training = tokens_of(made->context, made->folder, "training.tokens", COUNT);
    made->validation = tokens_of(made->context, made->folder, "validation.tokens", 60);
    cr_assert_eq(model_make(&made->m, made->context, &options, 2), BL_OK);
    cr_assert(trainer_make(&made->used, &made->m, &how, made->training, made->validation, 2));
}

static void bench_free(bench *freed)
{
    trainer_free(&freed->used);
    model_free(&freed->m);
    bl_tokens_free(freed->training);
    bl_tokens_free(freed->validation);
    bl_context_free(freed->context);
    remove_temporary(freed->folder);
}

static training_options quick(bool adamw)
{
    training_options how = adamw ? training_adamw() : training_small_lstm();
    how.batch = 4;
    how.length = 6;
    how.epochs = 4;
    how.warm_up = 8;
    how.lr = adamw ? 0.01 : 0.5;
    return how;
}

Test(train, learns)
{
    for (int adamw = 0; adamw < 2; adamw++) {
        bench one;
        training_options how = quick(adamw);
        model_options options = adamw ? tiny_gpt() : tiny_lstm();
        options.dropout = 0;
        options.width = options.hidden = 16;
        how.decay = 1;
        how.lr = adamw ? 0.01 : 2;
        how.epochs = 30;
        bench_make(&one, options, how, TYING_TIED);
        cr_assert_eq(one.used.each, 16); /* 66 windows of 6 in batches of 4; 4 streams of 16 windows */
        cr_assert_eq(train(&one.used, one.folder, "test", true), TRAINED);
        cr_assert_eq(one.used.at.step, one.used.each * 30);
        cr_assert(one.used.at.best_loss < 0.7, "%d: %g", adamw, one.used.at.best_loss); /* from 2.4 */
        bench_free(&one);
    }
}

Test(train, learning_rates)
{
    bench one;
    bench_make(&one, tiny_lstm(), quick(false), TYING_UNTIED);
    const int64_t each = one.used.each;
    one.used.options.lr = 1;
    one.used.options.decay_after = 2;
    const double rates[] = {1, 1, 0.5, 0.25, 0.125};
    for (int epoch = 0; epoch < 5; epoch++) {
        cr_assert_float_eq(trainer_lr(&one.used, epoch * each), rates[epoch], 1e-12);
        cr_assert_float_eq(trainer_lr(&one.used, epoch * each + each - 1), rates[epoch], 1e-12);
    }
    bench_free(&one);
    bench_make(&one, tiny_gpt(), quick(true), TYING_UNTIED);
    double full = one.used.options.lr;
    int64_t steps = one.used.steps;
    cr_assert_float_eq(trainer_lr(&one.used, 0), full / 9, 1e-12);
    cr_assert_float_eq(trainer_lr(&one.used, 4), full * (1.0 / 9 + 0.5 * 8.0 / 9), 1e-12);
    cr_assert_float_eq(trainer_lr(&one.used, 8), full, 1e-12);
    cr_assert_float_eq(trainer_lr(&one.used, 8 + (steps - 8) / 2), full * 0.55, 1e-9);
    cr_assert_float_eq(trainer_lr(&one.used, steps), full * 0.1, 1e-12);
    bench_free(&one);
}

/* ---- going on ---- */

static void expect_same(const bench *a, const bench *b)
{
    const bl_params *left[] = {a->m.params, a->m.buffers}, *right[] = {b->m.params, b->m.buffers};
    for (int r = 0; r < 2; r++)
        for (size_t i = 0; i < bl_params_count(left[r]); i++) {
            bl_parameter *one = bl_params_at(left[r], i), *other = bl_params_at(right[r], i);
            size_t bytes =
                (size_t)bl_shape_count(bl_parameter_shape(one)) * bl_dtype_size(bl_parameter_dtype(one));
            cr_assert_eq(memcmp(bl_parameter_data(one), bl_parameter_data(other), bytes), 0, "%s",
                         bl_parameter_name(one));
        }
    cr_assert_eq(a->used.at.step, b->used.at.step);
    cr_assert_eq(a->used.at.best_step, b->used.at.best_step);
    cr_assert_eq(a->used.at.best_loss, b->used.at.best_loss);
    cr_assert_eq(a->used.at.bad, b->used.at.bad);
}

/* Trains the epochs of `how` in one go, and again in two: the second begins in a new context from the state
 * that the first left in the middle of an epoch, after which it went on for a while, as a process that is
 * killed does. */
static void expect_same_bits(model_options options, training_options how, tying tied)
{
    char path[PATH_MOST];
    bench whole, first, second;
    how.save_every = 5;
    bench_make(&whole, options, how, tied);
    cr_assert_eq(train(&whole.used, whole.folder, "whole", true), TRAINED);

    bench_make(&first, options, how, tied);
    first.used.stop = first.used.each + 7;
    cr_assert_eq(train(&first.used, first.folder, "first", true), TRAINED_NOT);
    bench_make(&second, options, how, tied);
    cr_assert(path_join(path, first.folder, "state.safetensors"));
    cr_assert(state_load(&second.used, path));
    cr_assert_eq(second.used.at.step % 5, 0);
    cr_assert(second.used.at.step > second.used.each && second.used.at.step < first.used.at.step);
    cr_assert_eq(train(&second.used, second.folder, "second", true), TRAINED);
    cr_assert(whole.used.at.step == whole.used.steps);
    expect_same(&whole, &second);
    bench_free(&whole);
    bench_free(&first);
    bench_free(&second);
}

Test(train, goes_on_with_the_same_bits)
{
    model_options lstm = tiny_lstm(), gpt = tiny_gpt();
    lstm.dropout = 0.3;
    training_options sgd = quick(false), adamw = quick(true);
    expect_same_bits(lstm, sgd, TYING_TIED);
    expect_same_bits(lstm, adamw, TYING_TIED_PROJECTION);
    expect_same_bits(gpt, adamw, TYING_UNTIED);
    adamw.batch = 1;
    adamw.accumulate = 3;
    expect_same_bits(gpt, adamw, TYING_TIED);
}

/* ---- accumulation, patience, metrics ---- */

/* Two windows as one batch, or one after the other: the same update within rounding. */
Test(train, accumulation)
{
    bench one, two;
    training_options how =
        quick(false); /* which does not divide by gradients, so that rounding stays small */
    model_options options = tiny_gpt();
    options.dropout = 0;
    how.epochs = 1;
    how.lr = 0.1;
    bench_make(&one, options, how, TYING_TIED);
    how.batch = 2;
    how.accumulate = 2;
    bench_make(&two, options, how, TYING_TIED);
    cr_assert_eq(one.used.each, two.used.each);
    cr_assert_eq(train(&one.used, one.folder, "one", true), TRAINED);
    cr_assert_eq(train(&two.used, two.folder, "two", true), TRAINED);
    for (size_t i = 0; i < bl_params_count(one.m.params); i++) {
        const float *left = bl_parameter_data(bl_params_at(one.m.params, i));
        const float *right = bl_parameter_data(bl_params_at(two.m.params, i));
        for (int64_t j = 0; j < bl_shape_count(bl_parameter_shape(bl_params_at(one.m.params, i))); j++)
            cr_assert_float_eq(left[j], right[j], 1e-4f);
    }
    bench_free(&one);
    bench_free(&two);
}

Test(train, patience)
{
    bench one;
    training_options how = quick(false);
    how.epochs = 50;
    how.patience = 2;
    how.lr = 1e-12; /* nothing gets better */
    model_options options = tiny_lstm();
    bench_make(&one, options, how, TYING_TIED);
    cr_assert_eq(train(&one.used, one.folder, "test", true), TRAINED);
    cr_assert(one.used.at.step < one.used.steps);
    cr_assert_eq(one.used.at.step % one.used.each, 0);
    cr_assert_eq(one.used.at.bad, 2);
    bench_free(&one);
}

Test(train, too_little_text)
{
    cr_redirect_stderr();
    bench one;
    training_options how = quick(false);
    bench_make(&one, tiny_lstm(), how, TYING_TIED);
    trainer none;
    how.batch = 100;
    cr_assert_not(trainer_make(&none, &one.m, &how, one.training, one.validation, 1));
    how.batch = 4;
    how.accumulate = 17;
    cr_assert_not(trainer_make(&none, &one.m, &how, one.training, one.validation, 1));
    bench_free(&one);
}

static int count_lines(const char *folder, char *last, int size)
{
    char path[PATH_MOST], line[512];
    int count = 0;
    cr_assert(path_join(path, folder, "metrics.csv"));
    FILE *file = fopen(path, "r");
    cr_assert(file);
    for (; fgets(line, sizeof line, file); count++)
        snprintf(last, (size_t)size, "%s", line);
    fclose(file);
    return count;
}

/* Lines of steps that will be made again go, and so does one that was cut off. */
Test(train, metrics_that_go_on)
{
    char folder[64], path[PATH_MOST], last[512];
    make_temporary(folder);
    FILE *file = metrics_open(folder, 0);
    cr_assert(file);
    for (int64_t step = 5; step <= 20; step += 5)
        cr_assert(
            metrics_add(file, &(metrics_line){.step = step, .loss = 2, .validation = step == 20 ? 3 : NAN}));
    fclose(file);
    cr_assert_eq(count_lines(folder, last, sizeof last), 5);
    cr_assert(strncmp(last, "20,0.0000,0,0,2,7.3890561,0,3,20.0855369,", 40) == 0, "%s", last);
    cr_assert(path_join(path, folder, "metrics.csv"));
    file = fopen(path, "a");
    cr_assert(file && fputs("1", file) >= 0 && fclose(file) == 0);
    file = metrics_open(folder, 15);
    cr_assert(file);
    fclose(file);
    cr_assert_eq(count_lines(folder, last, sizeof last), 4);
    cr_assert_eq(strncmp(last, "15,", 3), 0);
    cr_assert_eq(strncmp(strrchr(last, ',') - 2, ",,", 2), 0, "no validation at that step: %s", last);
    file = metrics_open(folder, 0);
    cr_assert(file);
    fclose(file);
    cr_assert_eq(count_lines(folder, last, sizeof last), 1);
    remove_temporary(folder);
}
