/* The study, and sampling from a run of it. */
#include "study.h"
#include "files.h"
#include "import.h"
#include "interrupt.h"
#include "message.h"
#include "report.h"
#include "run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what the runs have in common ---- */

static bool load_corpus(const options *asked, corpus *tokens)
{
    text whole;
    if (!(asked->text ? text_of_file(&whole, asked->text) : text_of_bible(&whole)))
        return false;
    bool good = corpus_make(tokens, &whole, asked->words, &asked->tokens);
    text_free(&whole);
    return good;
}

static settings settings_of(const options *asked, const corpus *tokens)
{
    settings made = {.text_bytes = tokens->text_bytes,
                     .text_hash = tokens->text_hash,
                     .tokens = asked->tokens,
                     .model = asked->model,
                     .training = asked->training};
    made.model.vocabulary = tokenizer_size(&tokens->coder);
    return made;
}

/* A folder belongs to the settings that it was begun with. They are written last, so that where they are the
 * tokenizer is too. */
static bool claim_folder(const options *asked, bl_context *context, corpus *tokens, const settings *common)
{
    char path[PATH_MOST], different[128];
    settings before;
    if (!make_folder(asked->out) || !path_join(path, asked->out, "settings.txt"))
        return false;
    if (!file_exists(path))
        return corpus_store(tokens, context, asked->out) && settings_save(common, path);
    if (!settings_load(&before, path))
        return false;
    if (!settings_equal(&before, common, different, sizeof different))
        return complain("%s holds runs of other settings: %s; take another --out, or remove it", asked->out,
                        different);
    return corpus_store(tokens, context, asked->out);
}

static void print_beginning(const options *asked, const corpus *tokens)
{
    if (asked->quiet)
        return;
    printf("%s: %" PRId64 " words; %" PRId64 " tokens in the vocabulary",
           asked->text ? asked->text : "the King James Bible", tokens->words, tokenizer_size(&tokens->coder));
    for (int p = 0; p < PARTS; p++)
        printf("%s%" PRId64 " for %s", p == 0 ? "; " : ", ", bl_tokens_count(tokens->parts[p]),
               part_names[p]);
    putchar('\n');
    fflush(stdout);
}

/* ---- the runs ---- */

/* Seed after seed, so that models can be compared as early as possible. */
static trained run_all(const options *asked, const run_input *input)
{
    for (int64_t s = 0; s < asked->seeds; s++)
        for (int i = 0; i < TYINGS; i++) {
            run_result result;
            if (!asked->wanted[i])
                continue;
            if (interrupted())
                return TRAINED_INTERRUPTED;
            uint64_t seed = asked->seed + (uint64_t)s;
            trained how = run(input, (tying)i, seed, &result);
            if (how != TRAINED)
                return how;
            if (!asked->quiet)
                printf("%s, seed %" PRIu64 ": %" PRId64
                       " parameters, test perplexity of the best epoch's model %.2f\n",
                       tying_names[i], seed, result.unique, exp(result.test));
            fflush(stdout);
        }
    return TRAINED;
}

trained study(const options *asked, const char *command, bl_context *context)
{
    corpus tokens;
    if (!load_corpus(asked, &tokens))
        return TRAINED_NOT;
    settings common = settings_of(asked, &tokens);
    trained how = claim_folder(asked, context, &tokens, &common) ? TRAINED : TRAINED_NOT;
    if (how == TRAINED) {
        run_input input = {context, asked->out, &common, &tokens, asked->quiet};
        print_beginning(asked, &tokens);
        interrupt_watch();
        how = run_all(asked, &input);
    }
    if (how == TRAINED && !report(&(report_input){context, asked, command, &common, &tokens}))
        how = TRAINED_NOT;
    if (how == TRAINED_INTERRUPTED)
        complain("interrupted, and saved in %s: the same command goes on", asked->out);
    corpus_free(&tokens);
    return how;
}

/* ---- a sample ---- */

static tying first_wanted(const options *asked)
{
    int i = 0;
    while (i < TYINGS - 1 && !asked->wanted[i])
        i++;
    return (tying)i;
}

/* The prompt's tokens, in `tokens` too, and what a model draws behind them. GPT-2 numbers bytes in its own
 * way. */
static bool draw_behind(const options *asked, const tokenizer *coder, const model *m, ids *tokens)
{
    const char *text_of_prompt = asked->prompt ? asked->prompt : "In";
    ids prompt = {NULL, 0, 0};
    bl_rng *rng = bl_rng_new(m->context, asked->seed);
    sampler used = {.m = NULL};
    bool good = rng && tokenizer_encode(coder, text_of_prompt, strlen(text_of_prompt), &prompt) &&
                (prompt.count > 0 || complain("--prompt has no words"));
    for (size_t i = 0; i < prompt.count && good; i++) {
        if (asked->import)
            prompt.at[i] = bpe_to_gpt2(prompt.at[i]);
        good = ids_append(tokens, prompt.at[i]) || complain_of_memory();
    }
    if (good) {
        bl_status status = sampler_make(&used, m);
        if (status == BL_OK)
            status = sampler_continue(&used, &prompt, asked->length, -1, &asked->sampling, rng, tokens);
        good = status == BL_OK || complain_of_library(m->context, "no sample could be drawn");
    }
    for (size_t i = 0; i < tokens->count && asked->import; i++)
        tokens->at[i] = bpe_from_gpt2(tokens->at[i]);
    sampler_free(&used);
    bl_rng_free(rng);
    ids_free(&prompt);
    return good;
}

static bool sample_from(const options *asked, const tokenizer *coder, const model *m)
{
    ids tokens = {NULL, 0, 0};
    characters out = {NULL, 0, 0};
    bool good = draw_behind(asked, coder, m, &tokens);
    /* GPT-2 has a token behind its merges, <|endoftext|>: there the text ends. */
    for (size_t i = 0; i < tokens.count && asked->import; i++)
        if (tokens.at[i] >= tokenizer_size(coder))
            tokens.count = i;
    good = good && tokenizer_decode(coder, tokens.at, tokens.count, &out);
    if (good) {
        fwrite(out.at, 1, out.count, stdout);
        if (out.count > 0 && out.at[out.count - 1] != '\n')
            putchar('\n');
    }
    characters_free(&out);
    ids_free(&tokens);
    return good;
}

static bool sample_from_run(const options *asked, bl_context *context)
{
    char path[PATH_MOST], coder_path[PATH_MOST];
    settings common;
    tokenizer coder;
    model m;
    if (!path_join(path, asked->out, "settings.txt") || !path_join(coder_path, asked->out, "tokenizer.txt") ||
        !settings_load(&common, path) || !tokenizer_load(&coder, coder_path))
        return false;
    bool good = tokenizer_size(&coder) == common.model.vocabulary ||
                complain("%s and %s do not belong together", coder_path, path);
    good = good && run_load_model(&m, context, asked->out, &common, first_wanted(asked), asked->seed);
    if (good) {
        good = sample_from(asked, &coder, &m);
        model_free(&m);
    }
    tokenizer_free(&coder);
    return good;
}

static bool sample_from_gpt2(const options *asked, bl_context *context)
{
    tokenizer coder = {.kind = TOKENIZER_BPE};
    model m;
    if (!bpe_of_gpt2(&coder.bpe, asked->merges))
        return false;
    bool good = gpt2_import(&m, context, asked->import, asked->import_heads);
    if (good) {
        good = tokenizer_size(&coder) <= m.options.vocabulary ||
               complain("%s has more tokens than %s", asked->merges, asked->import);
        good = good && sample_from(asked, &coder, &m);
        model_free(&m);
    }
    tokenizer_free(&coder);
    return good;
}

bool print_sample(const options *asked, bl_context *context)
{
    return asked->import ? sample_from_gpt2(asked, context) : sample_from_run(asked, context);
}
