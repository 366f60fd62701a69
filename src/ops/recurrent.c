/* Recurrent cells: one step of an rnn, an lstm, a gru, recorded from other ops. */
#include "ops/recurrent.h"
#include "bowline/ops.h"

int64_t bl__recurrent_gates(bl__recurrent_kind kind)
{
    return kind == BL__LSTM ? 4 : kind == BL__GRU ? 3 : 1;
}

/* ---- checks ---- */

bool bl__recurrent_fits(const bl__recurrent_cell *cell, const bl_tensor *tensor, bl_shape shape,
                        const char *what)
{
    if (!tensor) {
        bl__fail(cell->graph, BL_ERR_ARGUMENT, cell->op, "%s is NULL", what);
        return false;
    }
    if (!bl__usable(cell->graph, cell->op, tensor))
        return false;
    if (bl_tensor_dtype(tensor) != cell->dtype)
        bl__fail(cell->graph, BL_ERR_DTYPE, cell->op, "%s is %s, the input is %s: cast one of them", what,
                 bl_dtype_name(bl_tensor_dtype(tensor)), bl_dtype_name(cell->dtype));
    else if (!bl_shape_equal(bl_tensor_shape(tensor), shape))
        bl__fail(cell->graph, BL_ERR_SHAPE, cell->op, "%s is %s, not %s", what,
                 BL__SHAPE_TEXT(bl_tensor_shape(tensor)), BL__SHAPE_TEXT(shape));
    else
        return true;
    return false;
}

bool bl__recurrent_check(bl__recurrent_cell *cell)
{
    const bl_recurrent_weights *w = cell->weights;
    int64_t rows;
    if (!w->w_hh)
        bl__fail(cell->graph, BL_ERR_ARGUMENT, cell->op, "w_hh is NULL");
    if (!w->w_hh || !bl__usable(cell->graph, cell->op, w->w_hh))
        return false;
    bl_shape shape = bl_tensor_shape(w->w_hh);
    cell->hidden = shape.rank == 2 ? shape.size[1] : 0;
    if (shape.rank != 2 || !bl__multiply(bl__recurrent_gates(cell->kind), cell->hidden, &rows) ||
        rows != shape.size[0]) {
        bl__fail(cell->graph, BL_ERR_SHAPE, cell->op, "w_hh is %s, not [%lld * hidden, hidden]",
                 BL__SHAPE_TEXT(shape), (long long)bl__recurrent_gates(cell->kind));
        return false;
    }
    if (!w->b_ih != !w->b_hh) {
        bl__fail(cell->graph, BL_ERR_ARGUMENT, cell->op, "one of the two biases is NULL");
        return false;
    }
    return bl__recurrent_fits(cell, w->w_ih, BL_SHAPE(rows, cell->width), "w_ih") &&
           bl__recurrent_fits(cell, w->w_hh, shape, "w_hh") &&
           (!w->b_ih || (bl__recurrent_fits(cell, w->b_ih, BL_SHAPE(rows), "b_ih") &&
                         bl__recurrent_fits(cell, w->b_hh, BL_SHAPE(rows), "b_hh")));
}

/* ---- steps ---- */

/* Both biases are added here where they only ever meet as a sum: not in a gru, whose r lies between them. */
bl_tensor *bl__recurrent_project(const bl__recurrent_cell *cell, bl_tensor *x)
{
    const bl_recurrent_weights *w = cell->weights;
    bool both = w->b_ih && cell->kind != BL__GRU;
    return bl_linear(x, w->w_ih, both ? bl_add(w->b_ih, w->b_hh) : w->b_ih);
}

static bl_tensor *gate(const bl__recurrent_cell *cell, bl_tensor *gates, int64_t index)
{
    return bl_slice(gates, -1, index * cell->hidden, (index + 1) * cell->hidden, 1);
}

/* What the state adds to the gates: of a zero state the bias alone, and NULL where that is nothing. */
static bl_tensor *carry(const bl__recurrent_cell *cell, bl__recurrent_state state, bl_tensor *bias)
{
    return state.is_zero ? bias : bl_linear(state.h, cell->weights->w_hh, bias);
}

static bl_tensor *plus(bl_tensor *projected, bl_tensor *carried)
{
    return carried ? bl_add(projected, carried) : projected;
}

static bl_tensor *rnn_step(const bl__recurrent_cell *cell, bl_tensor *projected, bl__recurrent_state state)
{
    bl_tensor *sum = plus(projected, carry(cell, state, NULL));
    return cell->nonlinearity == BL_NONLINEARITY_RELU ? bl_relu(sum) : bl_tanh(sum);
}

static bl__recurrent_state lstm_step(const bl__recurrent_cell *cell, bl_tensor *projected,
                                     bl__recurrent_state state)
{
    bl_tensor *gates = plus(projected, carry(cell, state, NULL));
    bl_tensor *i = bl_sigmoid(gate(cell, gates, 0)), *f = bl_sigmoid(gate(cell, gates, 1));
    bl_tensor *g = bl_tanh(gate(cell, gates, 2)), *o = bl_sigmoid(gate(cell, gates, 3));
    bl_tensor *c = bl_add(bl_mul(f, state.c), bl_mul(i, g));
    return (bl__recurrent_state){.h = bl_mul(o, bl_tanh(c)), .c = c};
}

/* h' = n + z (h - n), which is (1 - z) n + z h. */
static bl_tensor *gru_step(const bl__recurrent_cell *cell, bl_tensor *projected, bl__recurrent_state state)
{
    bl_tensor *carried = carry(cell, state, cell->weights->b_hh), *parts[3] = {NULL};
    for (int64_t i = 0; i < 3 && carried; i++)
        parts[i] = gate(cell, carried, i);
    bl_tensor *r = bl_sigmoid(plus(gate(cell, projected, 0), parts[0]));
    bl_tensor *z = bl_sigmoid(plus(gate(cell, projected, 1), parts[1]));
    bl_tensor *n = bl_tanh(plus(gate(cell, projected, 2), parts[2] ? bl_mul(r, parts[2]) : NULL));
    return bl_add(n, bl_mul(z, bl_sub(state.h, n)));
}

bl__recurrent_state bl__recurrent_step(const bl__recurrent_cell *cell, bl_tensor *projected,
                                       bl__recurrent_state state)
{
    if (cell->kind == BL__LSTM)
        return lstm_step(cell, projected, state);
    if (cell->kind == BL__GRU)
        return (bl__recurrent_state){.h = gru_step(cell, projected, state)};
    return (bl__recurrent_state){.h = rnn_step(cell, projected, state)};
}

/* ---- cells as builders ---- */

/* Checks a cell's arguments and takes one step; the state is of invalid tensors when they do not fit. */
static bl__recurrent_state step(const char *op, bl__recurrent_kind kind, bl_nonlinearity nonlinearity,
                                bl_tensor *x, bl__recurrent_state state, const bl_recurrent_weights *weights)
{
    bl_graph *graph = bl__graph_of(x);
    bl__recurrent_state refused = {.h = bl__refused(x), .c = bl__refused(x)};
    if (!bl__usable(graph, op, x))
        return refused;
    bl_shape shape = bl_tensor_shape(x);
    bl__recurrent_cell cell = {.op = op,
                               .graph = graph,
                               .weights = weights,
                               .kind = kind,
                               .nonlinearity = nonlinearity,
                               .dtype = bl_tensor_dtype(x),
                               .width = shape.rank == 2 ? shape.size[1] : 0};
    if (!weights)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the weights are NULL");
    else if (!bl__is_one_of(cell.dtype, BL__REALS))
        bl__fail(graph, BL_ERR_DTYPE, op, "the input is %s, not f32 or f64: cast it first",
                 bl_dtype_name(cell.dtype));
    else if (shape.rank != 2)
        bl__fail(graph, BL_ERR_SHAPE, op, "the input is %s, not [N, in]", BL__SHAPE_TEXT(shape));
    else if (nonlinearity != BL_NONLINEARITY_TANH && nonlinearity != BL_NONLINEARITY_RELU)
        bl__fail(graph, BL_ERR_ARGUMENT, op, "there is no nonlinearity %d", (int)nonlinearity);
    else if (bl__recurrent_check(&cell)) {
        bl_shape hidden = BL_SHAPE(shape.size[0], cell.hidden);
        if (bl__recurrent_fits(&cell, state.h, hidden, "h") &&
            (kind != BL__LSTM || bl__recurrent_fits(&cell, state.c, hidden, "c")))
            return bl__recurrent_step(&cell, bl__recurrent_project(&cell, x), state);
    }
    return refused;
}

bl_tensor *bl_rnn_cell(bl_tensor *x, bl_tensor *h, const bl_recurrent_weights *weights,
                       bl_nonlinearity nonlinearity)
{
    return step("rnn_cell", BL__RNN, nonlinearity, x, (bl__recurrent_state){.h = h}, weights).h;
}

bl_tensor *bl_lstm_cell(bl_tensor *x, bl_tensor *h, bl_tensor *c, const bl_recurrent_weights *weights,
                        bl_tensor **next_c)
{
    bl__recurrent_state next =
        step("lstm_cell", BL__LSTM, BL_NONLINEARITY_TANH, x, (bl__recurrent_state){.h = h, .c = c}, weights);
    if (next_c)
        *next_c = next.c;
    return next.h;
}

bl_tensor *bl_gru_cell(bl_tensor *x, bl_tensor *h, const bl_recurrent_weights *weights)
{
    return step("gru_cell", BL__GRU, BL_NONLINEARITY_TANH, x, (bl__recurrent_state){.h = h}, weights).h;
}
