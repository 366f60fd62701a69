/* Recurrent layers: cells over time, in both directions, one layer on the other. */
#include "bowline/ops.h"
#include "ops/random.h"
#include "ops/recurrent.h"

/* One call of bl_rnn and its like, with a batch: x and the outputs are [T, N, ..], or [N, T, ..] where
 * `axis`, that of time, is 1. initial and final are [layers * directions, N, hidden]; an initial state may be
 * NULL. */
typedef struct sequence {
    bl__recurrent_cell cell; /* the one at work */
    const bl_recurrent_options *options;
    const bl_recurrent_weights *weights;
    bl__recurrent_state initial;
    bl_tensor **parts; /* scratch: steps and outputs of a direction, then the final h and c of each cell */
    size_t part_count;
    int64_t length, batch, cells;
    int axis;
} sequence;

static bl_tensor **outputs_of(const sequence *s)
{
    return s->parts + s->length;
}

static bl_tensor **finals_of(const sequence *s, bool c)
{
    return s->parts + 2 * s->length + (c ? s->cells : 0);
}

/* ---- one direction of one layer ---- */

/* The initial state of a cell: its part of the one given, or zeros. */
static bl_tensor *initial_of(const sequence *s, bl_tensor *given, int64_t cell)
{
    bl_shape shape = BL_SHAPE(s->batch, s->cell.hidden);
    if (!given)
        return bl_full(s->cell.graph, s->cell.dtype, shape, 0);
    return bl_reshape(bl_slice(given, 0, cell, cell + 1, 1), shape);
}

/* The outputs of one cell over all steps of x, and its last state among the final ones. */
static bl_tensor *run_cell(sequence *s, bl_tensor *x, int64_t cell, bool backwards)
{
    bl_tensor **steps = s->parts, **outputs = outputs_of(s);
    bool has_c = s->cell.kind == BL__LSTM;
    bl_shape step = BL_SHAPE(s->batch, 1, s->cell.hidden), one = BL_SHAPE(1, s->batch, s->cell.hidden);
    bl_shape gates = BL_SHAPE(s->batch, bl__recurrent_gates(s->cell.kind) * s->cell.hidden);
    bl__recurrent_state state = {.h = initial_of(s, s->initial.h, cell),
                                 .c = has_c ? initial_of(s, s->initial.c, cell) : NULL,
                                 /* but a single step is to reach w_hh, too */
                                 .is_zero = !s->initial.h && s->length > 1};
    bl_tensor *projected = bl__recurrent_project(&s->cell, x);
    for (int64_t t = 0; t < s->length; t++)
        steps[t] = bl_reshape(bl_slice(projected, s->axis, t, t + 1, 1), gates);
    for (int64_t i = 0; i < s->length; i++) {
        int64_t t = backwards ? s->length - 1 - i : i;
        state = bl__recurrent_step(&s->cell, steps[t], state);
        outputs[t] = bl_reshape(state.h, s->axis == 0 ? one : step);
    }
    finals_of(s, false)[cell] = bl_reshape(state.h, one);
    if (has_c)
        finals_of(s, true)[cell] = bl_reshape(state.c, one);
    return bl_concat(outputs, (size_t)s->length, s->axis);
}

/* ---- all layers ---- */

static bl_tensor *run_layers(sequence *s, bl_tensor *x)
{
    const bl_recurrent_options *o = s->options;
    int64_t directions = o->bidirectional ? 2 : 1;
    for (int64_t cell = 0; cell < s->cells; cell += directions) {
        bl_tensor *outputs[2] = {NULL};
        s->cell.width = bl_tensor_shape(x).size[2];
        for (int64_t d = 0; d < directions; d++) {
            int64_t hidden = s->cell.hidden;
            s->cell.weights = &s->weights[cell + d];
            if (!bl__recurrent_check(&s->cell))
                return &s->cell.graph->invalid;
            if (s->cell.hidden != hidden)
                return bl__fail(s->cell.graph, BL_ERR_SHAPE, s->cell.op,
                                "cell %lld has %lld hidden units, those before it %lld",
                                (long long)(cell + d), (long long)s->cell.hidden, (long long)hidden);
            outputs[d] = run_cell(s, x, cell + d, d == 1);
        }
        x = directions == 2 ? bl_concat(outputs, 2, -1) : outputs[0];
        if (cell + directions < s->cells)
            x = bl_dropout(x, o->dropout, o->training, o->random);
        if (!bl_tensor_valid(x))
            return x;
    }
    return x;
}

/* ---- arguments ---- */

bl_recurrent_options bl_recurrent_defaults(void)
{
    return (bl_recurrent_options){.layers = 1, .bias = true};
}

/* What the options themselves allow, and the random state where something is dropped. */
static bool check_options(bl_graph *graph, const char *op, const bl_recurrent_options *options)
{
    bool drops = options->dropout > 0 && options->training && options->layers > 1;
    if (options->layers < 1 || options->layers > INT32_MAX)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "%lld layers are not 1 or more", (long long)options->layers);
    else if (options->nonlinearity != BL_NONLINEARITY_TANH && options->nonlinearity != BL_NONLINEARITY_RELU)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "there is no nonlinearity %d", (int)options->nonlinearity);
    else
        return bl__is_probability(graph, op, options->dropout) &&
               (!drops || bl_tensor_valid(bl__use_random(graph, op, options->random)));
    return false;
}

/* What is known of the sequence once x [T, N, in] or [N, T, in] is; the first cell tells `hidden`. */
static bool check_input(sequence *s, bl_tensor *x)
{
    bl_shape shape = bl_tensor_shape(x);
    s->cell.dtype = bl_tensor_dtype(x);
    s->length = shape.size[s->axis];
    s->batch = shape.size[1 - s->axis];
    s->cell.width = shape.size[2];
    s->cell.weights = s->weights;
    if (!bl__is_one_of(s->cell.dtype, BL__REALS))
        bl__fail(s->cell.graph, BL_ERR_DTYPE, s->cell.op, "the input is %s, not f32 or f64: cast it first",
                 bl_dtype_name(s->cell.dtype));
    else if (s->length == 0)
        bl__fail(s->cell.graph, BL_ERR_SHAPE, s->cell.op, "the input %s has no steps", BL__SHAPE_TEXT(shape));
    else
        return bl__recurrent_check(&s->cell);
    return false;
}

/* An initial state with a batch axis, where there is one; false when it does not fit. */
static bool take_initial(const sequence *s, bl_tensor **state, bool batched, const char *what)
{
    bl_shape shape = BL_SHAPE(s->cells, s->batch, s->cell.hidden);
    bl_shape flat = BL_SHAPE(s->cells, s->cell.hidden);
    if (!*state)
        return true;
    if (!bl__recurrent_fits(&s->cell, *state, batched ? shape : flat, what))
        return false;
    if (!batched)
        *state = bl_reshape(*state, shape);
    return true;
}

/* The final states of all cells as one tensor, without the batch axis where x had none. */
static bl_tensor *join_finals(const sequence *s, bool c, bool batched)
{
    bl_tensor *all = bl_concat(finals_of(s, c), (size_t)s->cells, 0);
    return batched || !bl_tensor_valid(all) ? all : bl_reshape(all, BL_SHAPE(s->cells, s->cell.hidden));
}

/* Runs a sequence whose x is fit to be asked for its shape. */
static bl_tensor *run(sequence *s, bl_tensor *x, bl_tensor **h_n, bl_tensor **c_n)
{
    bl_graph *graph = s->cell.graph;
    const bl_allocator *allocator = &graph->context->allocator;
    bl_shape shape = bl_tensor_shape(x);
    bool batched = shape.rank == 3;
    if (shape.rank != 2 && !batched)
        return bl__fail(graph, BL_ERR_SHAPE, s->cell.op, "the input is %s, not [T, N, in] or [T, in]",
                        BL__SHAPE_TEXT(shape));
    s->axis = batched && s->options->batch_first;
    s->cells = s->options->layers * (s->options->bidirectional ? 2 : 1);
    x = batched ? x : bl_reshape(x, BL_SHAPE(shape.size[0], 1, shape.size[1]));
    if (!bl_tensor_valid(x) || !check_input(s, x) || !take_initial(s, &s->initial.h, batched, "h0") ||
        !take_initial(s, &s->initial.c, batched, "c0"))
        return &graph->invalid;
    s->part_count = 2 * ((size_t)s->length + (size_t)s->cells);
    s->parts = bl__allocate(allocator, s->part_count, sizeof(bl_tensor *));
    if (!s->parts)
        return bl__fail(graph, BL_ERR_MEMORY, s->cell.op, "no memory for %lld steps", (long long)s->length);
    bl_tensor *output = run_layers(s, x);
    if (bl_tensor_valid(output)) {
        *h_n = join_finals(s, false, batched);
        *c_n = s->cell.kind == BL__LSTM ? join_finals(s, true, batched) : NULL;
        if (!batched)
            output = bl_reshape(output, BL_SHAPE(s->length, bl_tensor_shape(output).size[2]));
    }
    bl__release(allocator, s->parts, s->part_count, sizeof(bl_tensor *));
    return output;
}

static bl_tensor *layers(const char *op, bl__recurrent_kind kind, bl_tensor *x,
                         const bl_recurrent_weights *weights, bl__recurrent_state initial,
                         const bl_recurrent_options *options, bl_tensor **h_n, bl_tensor **c_n)
{
    bl_recurrent_options chosen = options ? *options : bl_recurrent_defaults();
    bl_graph *graph = bl__graph_of(x);
    bl_tensor *output = bl__refused(x), *h = output, *c = output;
    sequence s = {.cell = {.op = op, .graph = graph, .kind = kind, .nonlinearity = chosen.nonlinearity},
                  .options = &chosen,
                  .weights = weights,
                  .initial = initial};
    if (bl__usable(graph, op, x)) {
        if (!weights)
            bl__fail(graph, BL_ERR_ARGUMENT, op, "the weights are NULL");
        else if (check_options(graph, op, &chosen))
            output = run(&s, x, &h, &c);
    }
    if (h_n)
        *h_n = h;
    if (c_n)
        *c_n = c;
    return output;
}

bl_tensor *bl_rnn(bl_tensor *x, const bl_recurrent_weights *weights, bl_tensor *h0,
                  const bl_recurrent_options *options, bl_tensor **h_n)
{
    return layers("rnn", BL__RNN, x, weights, (bl__recurrent_state){.h = h0}, options, h_n, NULL);
}

bl_tensor *bl_lstm(bl_tensor *x, const bl_recurrent_weights *weights, bl_tensor *h0, bl_tensor *c0,
                   const bl_recurrent_options *options, bl_tensor **h_n, bl_tensor **c_n)
{
    return layers("lstm", BL__LSTM, x, weights, (bl__recurrent_state){.h = h0, .c = c0}, options, h_n, c_n);
}

bl_tensor *bl_gru(bl_tensor *x, const bl_recurrent_weights *weights, bl_tensor *h0,
                  const bl_recurrent_options *options, bl_tensor **h_n)
{
    return layers("gru", BL__GRU, x, weights, (bl__recurrent_state){.h = h0}, options, h_n, NULL);
}
