/* How well a model foretells tokens: cross-entropy of every token of a part once, in streams side by side. */
#include "evaluate.h"

#include <stdlib.h>

enum {
    NOT_COUNTED = -100
};

bl_status evaluator_make(evaluator *made, const model *m, int64_t batch, int64_t length)
{
    *made = (evaluator){.m = m,
                        .batch = batch,
                        .length = length,
                        .owner = bl_params_new(m->context),
                        .graph = bl_graph_new(m->context),
                        .room = calloc((size_t)(2 * batch * length), sizeof *made->room)};
    if (!made->owner || !made->graph || !made->room)
        return BL_ERR_MEMORY;
    bl_status status = carried_make(&made->state, made->owner, &m->options, batch, false);
    if (status != BL_OK)
        return status;
    made->tokens = bl_input(made->graph, "tokens", BL_I64, BL_SHAPE(batch, length));
    made->targets = bl_input(made->graph, "targets", BL_I64, BL_SHAPE(batch, length));
    bool lstm = m->options.body == BODY_LSTM;
    application applied = {.tokens = made->tokens, .state = lstm ? &made->state : NULL};
    bl_tensor *rows = model_forward(made->graph, m, &applied);
    made->loss = model_loss(made->graph, m, rows, made->targets, BL_REDUCE_SUM);
    bl_tensor *outputs[] = {made->loss,
                            lstm ? bl_group(made->graph, applied.effects, applied.effect_count) : NULL};
    made->program = bl_compile_list(m->context, outputs, lstm ? 2 : 1, NULL);
    return bl_program_error(made->program)->code;
}

void evaluator_free(evaluator *freed)
{
    bl_program_free(freed->program);
    bl_graph_free(freed->graph);
    bl_params_free(freed->owner);
    free(freed->room);
    *freed = (evaluator){.m = NULL};
}

/* Fills a window's tokens and the targets behind them. Stream b goes from b * stream up to the next one's
 * beginning; what is beyond that, or the last target, does not count. */
static bl_status fill(const evaluator *used, const bl_tokens *tokens, int64_t stream, int64_t window)
{
    int64_t predictions = bl_tokens_count(tokens) - 1;
    int64_t *token = used->room, *target = used->room + used->batch * used->length;
    for (int64_t b = 0; b < used->batch; b++, token += used->length, target += used->length) {
        int64_t end = (b + 1) * stream < predictions ? (b + 1) * stream : predictions;
        int64_t at = b * stream + window * used->length, left = end - at;
        int64_t count = left < 0 ? 0 : left < used->length ? left : used->length;
        bl_status status = count > 0 ? bl_tokens_read(tokens, at, count, token) : BL_OK;
        if (status == BL_OK && count > 0)
            status = bl_tokens_read(tokens, at + 1, count, target);
        if (status != BL_OK)
            return status;
        for (int64_t t = count; t < used->length; t++) {
            token[t] = 0;
            target[t] = NOT_COUNTED;
        }
    }
    return BL_OK;
}

bl_status evaluate(evaluator *used, const bl_tokens *tokens, double *loss)
{
    int64_t predictions = bl_tokens_count(tokens) - 1, stream = (predictions + used->batch - 1) / used->batch;
    size_t half = (size_t)(used->batch * used->length);
    double sum = 0;
    bl_status status = predictions > 0 ? carried_reset(&used->state) : BL_ERR_ARGUMENT;
    for (int64_t window = 0; window * used->length < stream && status == BL_OK; window++) {
        status = fill(used, tokens, stream, window);
        if (status == BL_OK)
            status = bl_set_input(used->program, used->tokens, used->room, half * sizeof *used->room);
        if (status == BL_OK)
            status = bl_set_input(used->program, used->targets, used->room + half, half * sizeof *used->room);
        if (status == BL_OK)
            status = bl_run(used->program);
        if (status == BL_OK)
            sum += bl_item(used->program, used->loss);
    }
    *loss = sum / (double)predictions;
    return status;
}
