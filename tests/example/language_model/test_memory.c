/* A model's life (parameters, training, evaluation, sampling) with the k-th allocation of the library
 * refused, for many k until nothing is refused any more: each time it ends with an error, and nothing is left
 * over. */
#include "files.h"
#include "help.h"
#include "sampler.h"
#include "support/failing_allocator.h"
#include "train.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>

enum {
    COUNT = 80,
    VOCABULARY = 11
};

static void write_tokens(const char *path)
{
    int64_t values[COUNT];
    bl_context *context = bl_context_new(NULL);
    for (int64_t i = 0; i < COUNT; i++)
        values[i] = i * i % VOCABULARY;
    cr_assert_eq(bl_tokens_write(context, path, values, COUNT, VOCABULARY), BL_OK);
    bl_context_free(context);
}

static bool sample(const model *m)
{
    sampler used;
    ids prompt = {NULL, 0, 0}, drawn = {NULL, 0, 0};
    bl_rng *rng = bl_rng_new(m->context, 1);
    bl_status status = rng ? sampler_make(&used, m) : BL_ERR_MEMORY;
    cr_assert(ids_append(&prompt, 3));
    if (status == BL_OK)
        status = sampler_continue(&used, &prompt, 4, -1, &(sampling_options){1, 0, 1}, rng, &drawn);
    if (rng)
        sampler_free(&used);
    bl_rng_free(rng);
    ids_free(&prompt);
    ids_free(&drawn);
    return status == BL_OK;
}

/* One life. Returns whether it went well. */
static bool live(bl_context *context, const char *folder, const char *path, const model_options *options)
{
    training_options how = options->body == BODY_GPT ? training_adamw() : training_small_lstm();
    how.batch = 2;
    how.length = 6;
    how.epochs = 1;
    how.accumulate = options->body == BODY_GPT ? 2 : 1;
    model m;
    trainer used;
    bl_tokens *tokens = bl_tokens_open(context, path, NULL);
    bool good = tokens != NULL;
    if (good) {
        good = model_make(&m, context, options, 1) == BL_OK;
        if (good && (good = trainer_make(&used, &m, &how, tokens, tokens, 1))) {
            good = train(&used, folder, "test", true) == TRAINED;
            trainer_free(&used);
        }
        good = good && sample(&m);
        model_free(&m);
    }
    bl_tokens_free(tokens);
    return good;
}

static void refuse_many(model_options options, tying how, bool for_good)
{
    char folder[64], path[PATH_MOST];
    bool refused = true;
    make_temporary(folder);
    cr_assert(path_join(path, folder, "all.tokens"));
    write_tokens(path);
    options.tying = how;
    for (long k = 1; refused; k += 1 + k / 40) {
        failing_allocator allocator;
        char left[128];
        failing_allocator_init(&allocator);
        failing_allocator_fail(&allocator, k, for_good);
        bl_context *context = failing_allocator_context(&allocator);
        bool well = context && live(context, folder, path, &options);
        refused = failing_allocator_has_failed(&allocator);
        bl_context_free(context);
        cr_assert(failing_allocator_clean(&allocator, left, sizeof left), "allocation %ld refused: %s", k,
                  left);
        cr_assert(refused || well, "nothing was refused, and yet it failed");
        cr_assert(refused || k > 100, "the library takes its memory from the context's allocator");
        cr_assert(!well || !for_good || !refused,
                  "allocation %ld and all later ones refused, and all went well", k);
    }
    remove_temporary(folder);
}

Test(memory, an_lstm)
{
    cr_redirect_stderr();
    model_options options = tiny_lstm();
    options.dropout = 0.1;
    refuse_many(options, TYING_TIED_PROJECTION, false);
    refuse_many(options, TYING_UNTIED, true);
}

Test(memory, a_gpt)
{
    cr_redirect_stderr();
    model_options options = tiny_gpt();
    refuse_many(options, TYING_TIED, false);
    refuse_many(options, TYING_UNTIED, true);
}
