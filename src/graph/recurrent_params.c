/* Parameters of recurrent layers, named and drawn as PyTorch's modules name and draw them. */
#include "bowline/recurrent.h"
#include "graph/graph.h"
#include "graph/init.h"

#include <stdio.h>
#include <string.h>

enum {
    SUFFIX = 48, /* more than ".weight_ih_l9223372036854775807_reverse" */
    KINDS = 4
};

static const char *const kinds[KINDS] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};

static int64_t directions_of(const bl_recurrent_options *options)
{
    return options->bidirectional ? 2 : 1;
}

static int kinds_of(const bl_recurrent_options *options)
{
    return options->bias ? KINDS : 2;
}

/* ".weight_ih_l0_reverse" for kind 0 of cell 1 of a bidirectional layer. */
static void write_suffix(char suffix[SUFFIX], const bl_recurrent_options *options, int64_t cell, int kind)
{
    int64_t directions = directions_of(options);
    snprintf(suffix, SUFFIX, ".%s_l%lld%s", kinds[kind], (long long)(cell / directions),
             cell % directions ? "_reverse" : "");
}

/* ---- making them ---- */

/* Inserts all of a layer's parameters, zeroed, and counts them; false when one could not be. */
static bool insert_all(bl_params *params, const char *op, const char *name, int64_t in, int64_t hidden,
                       int64_t rows, const bl_recurrent_options *options, size_t *inserted)
{
    int64_t directions = directions_of(options), cells = options->layers * directions;
    for (int64_t cell = 0; cell < cells; cell++) {
        int64_t width = cell < directions ? in : directions * hidden;
        const bl_shape shapes[KINDS] = {BL_SHAPE(rows, width), BL_SHAPE(rows, hidden), BL_SHAPE(rows),
                                        BL_SHAPE(rows)};
        for (int kind = 0; kind < kinds_of(options); kind++) {
            char suffix[SUFFIX];
            write_suffix(suffix, options, cell, kind);
            if (!bl__params_insert(params, op, name, suffix, BL_F32, shapes[kind], false))
                return false;
            ++*inserted;
        }
    }
    return true;
}

static bl_status make(bl_params *params, const char *op, int64_t gates, const char *name, int64_t in,
                      int64_t hidden, const bl_recurrent_options *given, bl_rng *rng)
{
    bl_recurrent_options options = given ? *given : bl_recurrent_defaults();
    int64_t rows, both;
    if (!params)
        return BL_ERR_ARGUMENT;
    if (options.layers < 1 || options.layers > INT32_MAX)
        return bl__params_fail(params, BL_ERR_ARGUMENT, op, "%lld layers are not 1 or more",
                               (long long)options.layers);
    if (hidden < 0 || in < 0)
        return bl__params_fail(params, BL_ERR_SHAPE, op, "%lld inputs and %lld hidden units: below 0",
                               (long long)in, (long long)hidden);
    if (!bl__multiply(gates, hidden, &rows) || !bl__multiply(2, hidden, &both))
        return bl__params_fail(params, BL_ERR_OVERFLOW, op, "%lld hidden units are too many",
                               (long long)hidden);
    bl_init init = bl_init_fan_in_uniform(hidden);
    if (!bl__init_check(params, op, name ? name : "", init, BL_SHAPE(rows), rng))
        return params->context->error.code;
    size_t first = bl_params_count(params), inserted = 0;
    if (!insert_all(params, op, name, in, hidden, rows, &options, &inserted)) {
        while (inserted-- > 0)
            bl__params_undo(params);
        return params->context->error.code;
    }
    for (size_t i = 0; i < inserted; i++)
        bl__init_fill(init, bl_params_at(params, first + i), rng);
    return BL_OK;
}

bl_status bl_rnn_params(bl_params *params, const char *name, int64_t in, int64_t hidden,
                        const bl_recurrent_options *options, bl_rng *rng)
{
    return make(params, "rnn_params", 1, name, in, hidden, options, rng);
}

bl_status bl_lstm_params(bl_params *params, const char *name, int64_t in, int64_t hidden,
                         const bl_recurrent_options *options, bl_rng *rng)
{
    return make(params, "lstm_params", 4, name, in, hidden, options, rng);
}

bl_status bl_gru_params(bl_params *params, const char *name, int64_t in, int64_t hidden,
                        const bl_recurrent_options *options, bl_rng *rng)
{
    return make(params, "gru_params", 3, name, in, hidden, options, rng);
}

/* ---- looking them up ---- */

bl_status bl_recurrent_named(bl_graph *graph, const bl_params *params, const char *name,
                             const bl_recurrent_options *given, bl_recurrent_weights *weights)
{
    const char *op = "recurrent_named";
    bl_recurrent_options options = given ? *given : bl_recurrent_defaults();
    if (!graph)
        return BL_ERR_ARGUMENT;
    if (!name || !weights || options.layers < 1 || options.layers > INT32_MAX) {
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the %s are NULL, or there are no layers",
                 name ? "weights" : "name or the weights");
        return BL_ERR_ARGUMENT;
    }
    size_t length = strlen(name), room = length + SUFFIX;
    char *whole = bl__allocate(&graph->context->allocator, room, 1);
    if (!whole) {
        bl__fail(graph, BL_ERR_MEMORY, op, "no memory for the name %s", name);
        return BL_ERR_MEMORY;
    }
    memcpy(whole, name, length);
    for (int64_t cell = 0; cell < options.layers * directions_of(&options); cell++) {
        bl_tensor *found[KINDS] = {NULL};
        for (int kind = 0; kind < kinds_of(&options); kind++) {
            write_suffix(whole + length, &options, cell, kind);
            found[kind] = bl_param(graph, params, whole);
        }
        weights[cell] = (bl_recurrent_weights){found[0], found[1], found[2], found[3]};
    }
    bl__release(&graph->context->allocator, whole, room, 1);
    return graph->error.code;
}
