/* report.md: what a study found. */
#include "report.h"
#include "embeddings.h"
#include "files.h"
#include "message.h"
#include "pictures.h"
#include "statistics.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEEDS_MOST = 1000,
    WORDS_COMPARED = 2000, /* of which all pairs are: two million */
    NEIGHBOURS_SHOWN = 6,
    WORDS_SHOWN = 16,
    GIVEN = 6 /* tokens of the test part that samples go on from */
};

/* The runs of one model that have come to their end. */
typedef struct finished {
    int count;
    uint64_t seeds[SEEDS_MOST];
    run_result results[SEEDS_MOST];
} finished;

typedef struct found {
    const report_input *input;
    finished *of[TYINGS]; /* NULL where none was asked for */
} found;

/* ---- what it was made from ---- */

static void write_text(FILE *file, const report_input *input)
{
    const corpus *tokens = input->tokens;
    const options *asked = input->asked;
    fprintf(file, "Text: %s, %" PRId64 " words, %" PRId64 " bytes. Tokens: %s, %" PRId64 " of them.\n\n",
            asked->text ? asked->text : "the King James Bible", tokens->words, tokens->text_bytes,
            tokens->coder.kind == TOKENIZER_WORDS ? "words" : "byte pairs", tokenizer_size(&tokens->coder));
    fputs("| part | bytes | tokens | unknown |\n|---|---:|---:|---:|\n", file);
    for (int p = 0; p < PARTS; p++) {
        int64_t count = bl_tokens_count(tokens->parts[p]);
        fprintf(file, "| %s | %" PRId64 " | %" PRId64 " | %.2f %% |\n", part_names[p], tokens->bytes[p],
                count, 100 * (double)tokens->unknown[p] / (double)count);
    }
}

static void write_training(FILE *file, const settings *common)
{
    const model_options *m = &common->model;
    const training_options *t = &common->training;
    if (m->body == BODY_LSTM)
        fprintf(file, "\nModel: an LSTM of %" PRId64 " layers, %" PRId64 " wide, embeddings %" PRId64 " wide",
                m->layers, m->hidden, m->width);
    else
        fprintf(file,
                "\nModel: a GPT of %" PRId64 " layers, %" PRId64 " wide, embeddings %" PRId64
                " wide, %" PRId64 " heads, %" PRId64 " positions",
                m->layers, m->hidden, m->width, m->heads, m->context);
    fprintf(file,
            ", dropout %g. Training: %s, learning rate %g, gradients clipped at %g, batches of %" PRId64
            " x %" PRId64 " tokens, %" PRId64 " of them an update, %" PRId64 " epochs",
            m->dropout, t->optimizer == OPTIMIZER_SGD ? "SGD" : "AdamW", t->lr, t->clip, t->batch, t->length,
            t->accumulate, t->epochs);
    if (t->optimizer == OPTIMIZER_SGD)
        fprintf(file, "; behind epoch %" PRId64 " each divides the rate by %g.\n", t->decay_after, t->decay);
    else
        fprintf(file, "; %" PRId64 " updates of warm-up, then half a cosine; weight decay %g.\n", t->warm_up,
                t->weight_decay);
}

/* ---- perplexities ---- */

typedef double (*measured)(const run_result *result);

static double test_of(const run_result *result)
{
    return exp(result->test);
}

static double validation_of(const run_result *result)
{
    return exp(result->validation);
}

static double epoch_of(const run_result *result)
{
    return result->best_epoch;
}

static double minutes_of(const run_result *result)
{
    return result->seconds / 60;
}

/* "98.21 ± 0.43", or without the spread of one run. */
static void format_spread(const finished *runs, measured what, char *shown, size_t size)
{
    double values[SEEDS_MOST];
    for (int i = 0; i < runs->count; i++)
        values[i] = what(&runs->results[i]);
    if (runs->count > 1)
        snprintf(shown, size, "%.2f ± %.2f", mean_of(values, runs->count), deviation_of(values, runs->count));
    else
        snprintf(shown, size, "%.2f", mean_of(values, runs->count));
}

static void write_table(FILE *file, const found *all)
{
    fputs("| model | runs | parameters | without sharing | perplexity, validation | perplexity, test | best "
          "epoch | "
          "minutes |\n|---|---:|---:|---:|---:|---:|---:|---:|\n",
          file);
    for (int i = 0; i < TYINGS; i++) {
        const finished *runs = all->of[i];
        char validation[64], test[64], epoch[64], minutes[64];
        if (!runs || runs->count == 0)
            continue;
        format_spread(runs, validation_of, validation, sizeof validation);
        format_spread(runs, test_of, test, sizeof test);
        format_spread(runs, epoch_of, epoch, sizeof epoch);
        format_spread(runs, minutes_of, minutes, sizeof minutes);
        fprintf(file, "| %s | %d | %" PRId64 " | %" PRId64 " | %s | %s | %s | %s |\n", tying_names[i],
                runs->count, runs->results[0].unique, runs->results[0].named, validation, test, epoch,
                minutes);
    }
}

static const run_result *result_of(const finished *runs, uint64_t seed)
{
    for (int i = 0; runs && i < runs->count; i++)
        if (runs->seeds[i] == seed)
            return &runs->results[i];
    return NULL;
}

/* Tied models beside the untied one of the same seed, which began with the same numbers. */
static void write_comparison(FILE *file, const found *all, tying how)
{
    const finished *untied = all->of[TYING_UNTIED], *other = all->of[how];
    double ratios[SEEDS_MOST];
    int count = 0, lower = 0;
    if (!untied || !other)
        return;
    for (int i = 0; i < other->count; i++) {
        const run_result *beside = result_of(untied, other->seeds[i]);
        if (!beside)
            continue;
        ratios[count++] = exp(other->results[i].test - beside->test);
        lower += other->results[i].test < beside->test;
    }
    if (count == 0)
        return;
    double mean = mean_of(ratios, count);
    fprintf(file, "- %s has the lower test perplexity in %d of %d seeds; it is %.3f of untied's",
            tying_names[how], lower, count, mean);
    if (count > 1)
        fprintf(file, " (from seed to seed ± %.3f)", deviation_of(ratios, count));
    fprintf(file, ", with %.0f %% of its parameters.\n",
            100 * (double)other->results[0].unique / (double)untied->results[0].unique);
}

static void write_seeds(FILE *file, const found *all)
{
    fputs("\n| seed | model | perplexity, validation | perplexity, test | best epoch | updates |\n"
          "|---:|---|---:|---:|---:|---:|\n",
          file);
    for (int64_t s = 0; s < all->input->asked->seeds; s++)
        for (int i = 0; i < TYINGS; i++) {
            uint64_t seed = all->input->asked->seed + (uint64_t)s;
            const run_result *result = result_of(all->of[i], seed);
            if (result)
                fprintf(file, "| %" PRIu64 " | %s | %.2f | %.2f | %.2f | %" PRId64 " |\n", seed,
                        tying_names[i], exp(result->validation), exp(result->test), result->best_epoch,
                        result->steps);
        }
}

/* ---- embeddings ---- */

/* An embedding of a model: f32 [vocabulary, width]. */
typedef struct weights {
    const float *values;
    int64_t width;
} weights;

static weights weights_of(const model *m, const char *name)
{
    const bl_parameter *found_one = bl_params_find(m->params, name);
    return (weights){bl_parameter_data(found_one), bl_parameter_shape(found_one).size[1]};
}

/* The tokens that are words, not <unk> or single bytes, begin here: the most frequent first. */
static int64_t first_word(const tokenizer *coder)
{
    return coder->kind == TOKENIZER_WORDS ? WORDS_OWN : coder->bpe.merge_count > 0 ? BPE_BYTES : 0;
}

typedef struct models {
    model of[TYINGS];
    bool there[TYINGS];
} models;

static bool load_models(const found *all, uint64_t seed, models *loaded)
{
    const report_input *input = all->input;
    bool good = true;
    *loaded = (models){.there = {false}};
    for (int i = 0; i < TYINGS && good; i++) {
        if (!result_of(all->of[i], seed))
            continue;
        good =
            run_load_model(&loaded->of[i], input->context, input->asked->out, input->common, (tying)i, seed);
        loaded->there[i] = good;
    }
    return good;
}

static void free_models(models *loaded)
{
    for (int i = 0; i < TYINGS; i++)
        if (loaded->there[i])
            model_free(&loaded->of[i]);
}

static bool write_similarity(FILE *file, const found *all, const models *loaded, uint64_t seed)
{
    int64_t first = first_word(&all->input->tokens->coder),
            rows = tokenizer_size(&all->input->tokens->coder) - first;
    weights in = weights_of(&loaded->of[TYING_UNTIED], "embedding.weight");
    weights out = weights_of(&loaded->of[TYING_UNTIED], "head.weight");
    double rho = 0, rho_in = 0, rho_out = 0;
    if (rows > WORDS_COMPARED)
        rows = WORDS_COMPARED;
    const float *in_rows = in.values + first * in.width, *out_rows = out.values + first * out.width;
    if (!similarity(in_rows, in.width, out_rows, out.width, rows, &rho))
        return complain_of_memory();
    fprintf(file, "| %" PRIu64 " | untied: input with output | %.3f | |\n", seed, rho);
    for (int i = TYING_TIED; i < TYINGS; i++) {
        if (!loaded->there[i])
            continue;
        weights tied = weights_of(&loaded->of[i], "embedding.weight");
        const float *tied_rows = tied.values + first * tied.width;
        if (!similarity(tied_rows, tied.width, in_rows, in.width, rows, &rho_in) ||
            !similarity(tied_rows, tied.width, out_rows, out.width, rows, &rho_out))
            return complain_of_memory();
        fprintf(file, "| %" PRIu64 " | %s: with untied's | %.3f (input) | %.3f (output) |\n", seed,
                tying_names[i], rho_in, rho_out);
    }
    return true;
}

static bool write_similarities(FILE *file, const found *all)
{
    bool good = true, any = false;
    for (int64_t s = 0; s < all->input->asked->seeds && good; s++) {
        uint64_t seed = all->input->asked->seed + (uint64_t)s;
        models loaded;
        if (!result_of(all->of[TYING_UNTIED], seed))
            continue;
        if (!any)
            fprintf(file,
                    "\n## What the embeddings have learned\n\nSpearman's rank correlation of the cosines of "
                    "all pairs of "
                    "the %d most frequent words (fewer where the vocabulary is smaller): how alike two "
                    "embeddings find "
                    "words. The paper finds the tied embedding more like the untied model's output embedding "
                    "than like "
                    "its input embedding.\n\n| seed | embedding | | |\n|---:|---|---:|---:|\n",
                    WORDS_COMPARED);
        any = true;
        good = load_models(all, seed, &loaded) && write_similarity(file, all, &loaded, seed);
        free_models(&loaded);
    }
    return good;
}

/* ---- neighbours ---- */

static void write_neighbours_in(FILE *file, const tokenizer *coder, weights searched, int32_t token)
{
    int32_t near[NEIGHBOURS_SHOWN];
    float cosines[NEIGHBOURS_SHOWN];
    int64_t count = neighbours(searched.values, tokenizer_size(coder), searched.width, token,
                               first_word(coder), NEIGHBOURS_SHOWN, near, cosines);
    fputs(" | ", file);
    for (int64_t i = 0; i < count; i++) {
        char name[64];
        tokenizer_name(coder, near[i], name, sizeof name);
        fprintf(file, "%s%s", i > 0 ? ", " : "", strcmp(name, "|") == 0 ? "\\|" : name);
    }
}

/* The words asked for, or else some from frequent to rare. */
static int words_shown(const report_input *input, int32_t tokens[WORDS_SHOWN])
{
    const tokenizer *coder = &input->tokens->coder;
    const char *list = input->asked->neighbours;
    int count = 0;
    if (!list && !input->asked->text)
        list = "god,king,son,said,day,water,hand,seven,land,wife";
    for (int64_t at = first_word(coder) + 32; !list && at < tokenizer_size(coder) && count < 6; at *= 2)
        tokens[count++] = (int32_t)at;
    while (list && *list && count < WORDS_SHOWN) {
        char word[128];
        size_t size = strcspn(list, ",");
        snprintf(word, sizeof word, "%.*s", (int)(size < sizeof word ? size : sizeof word - 1), list);
        int32_t token = tokenizer_find(coder, word);
        if (token >= 0)
            tokens[count++] = token;
        else if (input->asked->neighbours)
            complain("there is no word '%s' in the vocabulary", word);
        list += size + (list[size] == ',');
    }
    return count;
}

static void write_neighbours(FILE *file, const found *all, const models *loaded)
{
    int32_t tokens[WORDS_SHOWN];
    int count = words_shown(all->input, tokens);
    const tokenizer *coder = &all->input->tokens->coder;
    const bool untied = loaded->there[TYING_UNTIED];
    fprintf(file, "\n## Neighbours\n\nThe nearest words by cosine, models of seed %" PRIu64 ".\n\n| word",
            all->input->asked->seed);
    if (untied)
        fputs(" | untied, input | untied, output", file);
    for (int i = TYING_TIED; i < TYINGS; i++)
        if (loaded->there[i])
            fprintf(file, " | %s", tying_names[i]);
    fputs(" |\n|---", file);
    for (int i = 0; i < TYINGS; i++)
        if (loaded->there[i])
            fputs(i == TYING_UNTIED ? "|---|---" : "|---", file);
    fputs("|\n", file);
    for (int w = 0; w < count; w++) {
        char name[64];
        tokenizer_name(coder, tokens[w], name, sizeof name);
        fprintf(file, "| %s", name);
        if (untied)
            write_neighbours_in(file, coder, weights_of(&loaded->of[TYING_UNTIED], "embedding.weight"),
                                tokens[w]);
        if (untied)
            write_neighbours_in(file, coder, weights_of(&loaded->of[TYING_UNTIED], "head.weight"), tokens[w]);
        for (int i = TYING_TIED; i < TYINGS; i++)
            if (loaded->there[i])
                write_neighbours_in(file, coder, weights_of(&loaded->of[i], "embedding.weight"), tokens[w]);
        fputs(" |\n", file);
    }
}

/* ---- samples ---- */

static bool draw_sample(const report_input *input, const model *m, const ids *prompt, characters *out)
{
    sampler used;
    ids tokens = {NULL, 0, 0};
    bl_status status = sampler_make(&used, m);
    bl_rng *rng = bl_rng_new(input->context, input->asked->seed);
    for (size_t i = 0; i < prompt->count && status == BL_OK; i++)
        status = ids_append(&tokens, prompt->at[i]) ? BL_OK : BL_ERR_MEMORY;
    if (status == BL_OK)
        status = rng ? sampler_continue(&used, prompt, input->asked->length, -1, &input->asked->sampling, rng,
                                        &tokens)
                     : BL_ERR_MEMORY;
    bl_rng_free(rng);
    sampler_free(&used);
    bool good = status == BL_OK && tokenizer_decode(&input->tokens->coder, tokens.at, tokens.count, out);
    ids_free(&tokens);
    return good || complain_of_library(input->context, "no sample could be drawn");
}

/* What samples go on from: what was asked for, or the first tokens of the test part. */
static bool make_prompt(const report_input *input, ids *prompt)
{
    const char *asked = input->asked->prompt;
    if (asked)
        return tokenizer_encode(&input->tokens->coder, asked, strlen(asked), prompt) &&
               (prompt->count > 0 || complain("--prompt has no words"));
    const bl_tokens *test = input->tokens->parts[PART_TEST];
    for (int64_t i = 0, token = 0; i < GIVEN && i < bl_tokens_count(test); i++)
        if (bl_tokens_read(test, i, 1, &token) != BL_OK || !ids_append(prompt, (int32_t)token))
            return complain_of_memory();
    return true;
}

/* Text, a line a line, as Markdown shows it. */
static void write_quoted(FILE *file, const characters *quoted)
{
    for (const char *line = quoted->at; line && *line;) {
        int size = (int)strcspn(line, "\n");
        fprintf(file, "    %.*s\n", size, line);
        line += size + (line[size] == '\n');
    }
}

static bool write_samples(FILE *file, const found *all, const models *loaded)
{
    const report_input *input = all->input;
    ids prompt = {NULL, 0, 0};
    bool good = make_prompt(input, &prompt);
    fprintf(file,
            "\n## Samples\n\nTemperature %g, top-k %" PRId64 ", top-p %g, seed %" PRIu64
            "; %zu tokens are given.\n",
            input->asked->sampling.temperature, input->asked->sampling.top_k, input->asked->sampling.top_p,
            input->asked->seed, prompt.count);
    for (int i = 0; i < TYINGS && good; i++) {
        characters drawn_text = {NULL, 0, 0};
        if (!loaded->there[i])
            continue;
        good = draw_sample(input, &loaded->of[i], &prompt, &drawn_text);
        fprintf(file, "\n%s:\n\n", tying_names[i]);
        write_quoted(file, &drawn_text);
        characters_free(&drawn_text);
    }
    ids_free(&prompt);
    return good;
}

/* ---- the whole ---- */

static bool collect(const report_input *input, found *all)
{
    *all = (found){.input = input};
    for (int i = 0; i < TYINGS; i++) {
        if (!input->asked->wanted[i])
            continue;
        all->of[i] = calloc(1, sizeof *all->of[i]);
        if (!all->of[i])
            return complain_of_memory();
        for (int64_t s = 0; s < input->asked->seeds; s++) {
            finished *runs = all->of[i];
            uint64_t seed = input->asked->seed + (uint64_t)s;
            if (run_result_read(input->asked->out, (tying)i, seed, &runs->results[runs->count]))
                runs->seeds[runs->count++] = seed;
        }
    }
    return true;
}

static drawn draw(const found *all)
{
    curve *curves = malloc((size_t)(TYINGS * SEEDS_MOST) * sizeof *curves);
    int count = 0;
    for (int i = 0; i < TYINGS && curves; i++)
        for (int s = 0; all->of[i] && s < all->of[i]->count; s++)
            curves[count++] = (curve){(tying)i, all->of[i]->seeds[s]};
    drawn how = curves ? draw_curves(all->input->asked->out, curves, count) : DRAWN_FAILED;
    free(curves);
    return how;
}

static bool write_report(FILE *file, const found *all)
{
    const report_input *input = all->input;
    models loaded;
    fprintf(file, "# A language model, tied and untied\n\n    %s\n\n", input->command);
    write_text(file, input);
    write_training(file, input->common);
    fputs("\n## Perplexity\n\nMean over seeds, ± the standard deviation from seed to seed. The model of the "
          "epoch with "
          "the best validation is the one that is measured.\n\n",
          file);
    write_table(file, all);
    fputs("\n", file);
    write_comparison(file, all, TYING_TIED);
    write_comparison(file, all, TYING_TIED_PROJECTION);
    write_seeds(file, all);
    if (input->asked->plot)
        fputs("\n![loss](loss.png)\n\n![perplexity](perplexity.png)\n", file);
    bool good = write_similarities(file, all) && load_models(all, input->asked->seed, &loaded);
    if (good) {
        write_neighbours(file, all, &loaded);
        good = write_samples(file, all, &loaded);
        free_models(&loaded);
    }
    return good;
}

bool report(const report_input *input)
{
    char path[PATH_MOST];
    found all;
    output out;
    bool good =
        collect(input, &all) && path_join(path, input->asked->out, "report.md") && output_open(&out, path);
    if (good) {
        good = write_report(out.file, &all);
        good = output_close(&out) && good;
    }
    if (good) {
        write_table(stdout, &all);
        if (input->asked->plot)
            good = draw(&all) != DRAWN_FAILED;
        if (!input->asked->quiet)
            printf("Written: %s\n", path);
    }
    for (int i = 0; i < TYINGS; i++)
        free(all.of[i]);
    return good;
}
