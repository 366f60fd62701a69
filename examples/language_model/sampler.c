/* Drawing text from a model, a token at a time. */
#include "sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the next token ---- */

static bool likelier(const float *scores, int32_t a, int32_t b)
{
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
}

/* Lets the token at `at` of a heap, whose top is the likeliest, sink to its place. */
static void sink(const float *scores, int32_t *heap, int64_t count, int64_t at)
{
    int32_t moved = heap[at];
    for (int64_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && likelier(scores, heap[child + 1], heap[child]))
            child++;
        if (!likelier(scores, heap[child], moved))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

/* e to the score's distance from the highest one, at a temperature. */
static double weight(const float *scores, int32_t token, double highest, double temperature)
{
    return exp(((double)scores[token] - highest) / temperature);
}

/* Takes tokens from the heap, the likeliest first, into the room behind it, which grows as the heap shrinks.
 * Returns how many are left to be drawn from, and the sum of their weights. */
static int64_t take_likeliest(const float *scores, int32_t *heap, int64_t count,
                              const sampling_options *options, double *sum)
{
    double highest = (double)scores[heap[0]], all = 0;
    int64_t most = options->top_k > 0 && options->top_k < count ? options->top_k : count, taken = 0;
    for (int64_t i = 0; i < count; i++)
        all += weight(scores, heap[i], highest, options->temperature);
    /* top_p is a part of what top_k left, so that part is added up first where both are asked for. */
    for (; taken < most; taken++) {
        int64_t left = count - taken;
        int32_t first = heap[0];
        heap[0] = heap[left - 1];
        if (left > 1)
            sink(scores, heap, left - 1, 0);
        heap[left - 1] = first;
        *sum += weight(scores, first, highest, options->temperature);
        if (most == count && *sum >= options->top_p * all)
            return taken + 1;
    }
    double kept = 0;
    for (int64_t i = 0; i < taken; i++) {
        kept += weight(scores, heap[count - 1 - i], highest, options->temperature);
        if (kept >= options->top_p * *sum) {
            *sum = kept;
            return i + 1;
        }
    }
    return taken;
}

int32_t sample_token(const float *scores, int64_t count, const sampling_options *options, double uniform,
                     int32_t *room)
{
    for (int64_t i = 0; i < count; i++) {
        if (isnan(scores[i]))
            return -1;
        room[i] = (int32_t)i;
    }
    for (int64_t i = count / 2; i-- > 0;)
        sink(scores, room, count, i);
    if (!(options->temperature > 0) || isinf(scores[room[0]]))
        return room[0];
    double highest = (double)scores[room[0]], sum = 0, passed = 0;
    int64_t left = take_likeliest(scores, room, count, options, &sum);
    for (int64_t i = 0; i + 1 < left; i++) {
        passed += weight(scores, room[count - 1 - i], highest, options->temperature);
        if (uniform * sum < passed)
            return room[count - 1 - i];
    }
    return room[count - left];
}

/* ---- the model ---- */

bl_status sampler_make(sampler *made, const model *m)
{
    *made = (sampler){.m = m, .owner = bl_params_new(m->context), .graph = bl_graph_new(m->context)};
    made->room = malloc((size_t)m->options.vocabulary * sizeof *made->room);
    if (!made->owner || !made->graph || !made->room)
        return BL_ERR_MEMORY;
    bl_status status = carried_make(&made->state, made->owner, &m->options, 1, true);
    if (status != BL_OK)
        return status;
    bool gpt = m->options.body == BODY_GPT;
    made->token = bl_input(made->graph, "token", BL_I64, BL_SHAPE(1, 1));
    made->start = gpt ? bl_input(made->graph, "start", BL_I64, BL_SHAPE(4)) : NULL;
    application applied = {.tokens = made->token, .state = &made->state, .start = made->start};
    made->logits = model_logits(made->graph, m, model_forward(made->graph, m, &applied));
    bl_tensor *effects = bl_group(made->graph, applied.effects, applied.effect_count);
    made->program = bl_compile(m->context, made->logits, effects);
    return bl_program_error(made->program)->code;
}

void sampler_free(sampler *freed)
{
    bl_program_free(freed->program);
    bl_graph_free(freed->graph);
    bl_params_free(freed->owner);
    ids_free(&freed->seen);
    free(freed->room);
    *freed = (sampler){.m = NULL};
}

bl_status sampler_restart(sampler *used)
{
    used->seen.count = 0;
    used->place = 0;
    return carried_reset(&used->state);
}

static bl_status run_one(sampler *used, int32_t token)
{
    int64_t wide = token, start[4] = {0, 0, used->place, 0};
    bl_status status = bl_set_input(used->program, used->token, &wide, sizeof wide);
    if (status == BL_OK && used->start)
        status = bl_set_input(used->program, used->start, start, sizeof start);
    if (status == BL_OK)
        status = bl_run(used->program);
    used->place += status == BL_OK;
    return status;
}

/* Begins a GPT's positions anew with the later half of the tokens that they held. */
static bl_status read_again(sampler *used)
{
    int64_t kept = used->m->options.context / 2;
    used->place = 0;
    for (int64_t i = kept; i > 0; i--) {
        bl_status status = run_one(used, used->seen.at[used->seen.count - (size_t)i]);
        if (status != BL_OK)
            return status;
    }
    return BL_OK;
}

bl_status sampler_take(sampler *used, int32_t token, const float **scores)
{
    bl_status status = BL_OK;
    if (used->start && used->place == used->m->options.context)
        status = read_again(used);
    if (status == BL_OK)
        status = run_one(used, token);
    if (status != BL_OK)
        return status;
    if (!ids_append(&used->seen, token))
        return BL_ERR_MEMORY;
    *scores = bl_output_data(used->program, used->logits);
    return *scores ? BL_OK : bl_program_error(used->program)->code;
}

bl_status sampler_continue(sampler *used, const ids *prompt, int64_t count, int32_t last,
                           const sampling_options *options, bl_rng *rng, ids *out)
{
    const float *scores = NULL;
    for (size_t i = 0; i < prompt->count; i++) {
        bl_status status = sampler_take(used, prompt->at[i], &scores);
        if (status != BL_OK)
            return status;
    }
    for (int64_t i = 0; i < count && scores; i++) {
        double uniform = 0;
        bl_rng_uniform_f64(rng, 0, 1, &uniform, 1);
        int32_t token = sample_token(scores, used->m->options.vocabulary, options, uniform, used->room);
        if (token < 0)
            return BL_ERR_UNSUPPORTED; /* the model has gone astray: its scores are no numbers */
        if (!ids_append(out, token))
            return BL_ERR_MEMORY;
        if (token == last)
            return BL_OK;
        bl_status status = i + 1 < count ? sampler_take(used, token, &scores) : BL_OK;
        if (status != BL_OK)
            return status;
    }
    return BL_OK;
}
