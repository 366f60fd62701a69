/* Recording and running one form of a row: see edges_run.h. */
#include "edges_run.h"
#include "graph/graph.h"
#include "ops/registry.h"
#include "support/fixture.h"
#include "support/numbers.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST = 512 /* elements of an input in a form that is run */
};

typedef struct leaf {
    bl_tensor *tensor;
    double values[MOST];
} leaf;

/* What is being recorded. */
static struct {
    const edge_form *form;
    edge_result *result;
    bl_params *params;
    bl_parameter *state, *random;
    char axes[EDGE_INPUTS][BL_MAX_RANK + 2], kind[EDGE_INPUTS], limit[EDGE_INPUTS];
    size_t input_count, leaf_count;
    bool is_input; /* the next leaf is an input of the form, of this kind */
    size_t input;
    leaf leaves[EDGE_LEAVES];
} now;

/* ---- shapes in letters ---- */

/* The next "KIND:AXES" of a list, into its parts; what follows it. NULL at the end. */
static const char *take_input(const char *at, char *kind, char *limit, char axes[BL_MAX_RANK + 2])
{
    while (*at == ' ' || *at == '!')
        at++;
    if (!*at)
        return NULL;
    *kind = *at++;
    *limit = *at == ':' ? '\0' : *at++;
    cr_assert_eq(*at, ':', "a shape is KIND:AXES");
    size_t n = 0;
    for (at++; *at && *at != ' '; at++) {
        cr_assert_lt(n, BL_MAX_RANK + 1, "too many axes");
        axes[n++] = *at;
    }
    axes[n] = '\0';
    return at;
}

size_t edge_input_count(const edge_row *row)
{
    char kind, limit, axes[BL_MAX_RANK + 2];
    size_t count = 0;
    for (const char *at = row->shapes; (at = take_input(at, &kind, &limit, axes)); count++)
        continue;
    return count;
}

bool edge_is_index(const edge_row *row, size_t input, char *limit)
{
    char kind = '\0', axes[BL_MAX_RANK + 2];
    const char *at = row->shapes;
    for (size_t i = 0; i <= input; i++)
        at = take_input(at, &kind, limit, axes);
    return kind == 'i';
}

edge_form edge_form_of(const edge_row *row)
{
    char kind, limit, axes[BL_MAX_RANK + 2];
    edge_form form = {.row = row, .shapes = row->shapes, .index_input = -1};
    for (int i = 0; i < 26; i++)
        form.size[i] = 2 + i % 3;
    take_input(row->shapes, &kind, &limit, axes);
    form.along = isalpha((unsigned char)axes[0]) ? axes[0] : '\0';
    return form;
}

int64_t edge_size(char letter)
{
    if (letter == '*') {
        now.result->uses_along = true;
        letter = now.form->along;
    }
    if (isdigit((unsigned char)letter))
        return letter - '0';
    return letter ? now.form->size[letter - 'a'] : 1;
}

bl_shape edge_shape(const char *axes)
{
    bl_shape shape = {.rank = (int)strlen(axes)};
    for (int d = 0; d < shape.rank; d++)
        shape.size[d] = edge_size(axes[d]);
    return shape;
}

bl_shape edge_shape_of(size_t input)
{
    return edge_shape(now.axes[input]);
}

bool edge_is_high(void)
{
    return now.form->shapes == now.form->row->rank8;
}

/* ---- arguments ---- */

int edge_place(char letter)
{
    if (letter == '*') {
        now.result->uses_along = true;
        letter = now.form->along;
    }
    const char *place = strchr(now.axes[0], letter);
    return letter && place ? (int)(place - now.axes[0]) : 0;
}

int edge_at(char letter)
{
    int axis = edge_place(letter), rank = (int)strlen(now.axes[0]);
    if (++now.result->axis_calls != now.form->axis_call)
        return axis;
    return now.form->axis_shift == 0 ? axis - rank : now.form->axis_shift > 0 ? rank : -rank - 1;
}

bl_axes edge_axes(char letter)
{
    int axis = edge_at(letter);
    return now.form->replaced & 1u ? BL_ALL_AXES : BL_AXES(axis);
}

int64_t edge_argument(int64_t good, int64_t low, int64_t high)
{
    if (++now.result->argument_calls != now.form->argument_call)
        return good;
    return now.form->argument_high ? high : low;
}

/* ---- values ---- */

static double number(char kind, size_t input, size_t k)
{
    double s = sin(1.0 + 2.0 * (double)k + 0.7 * (double)input);
    return kind == 'p' ? 0.5 + 0.3 * s : kind == 'g' ? 1.5 + 0.3 * s : kind == 's' ? (s < 0 ? -1 : 1) : s;
}

static void fill(double *values, char kind, size_t input, bl_shape shape)
{
    size_t count = (size_t)bl_shape_count(shape);
    for (size_t k = 0; k < count; k++)
        values[k] = number(kind, input, k);
    if (now.form->special != 0 && count > 0)
        values[0] = now.form->special;
    bool is_zero = now.form->zeroed && strchr(now.axes[input], now.form->zeroed);
    for (size_t k = 0; k < count && is_zero; k++)
        values[k] = 0;
    if (kind != 'd' || count == 0 || shape.rank < 2)
        return;
    int64_t n = shape.size[shape.rank - 1];
    for (size_t k = 0; k < count; k++) { /* symmetric, the diagonal above the sum of the others */
        int64_t row = (int64_t)k / n % n, column = (int64_t)k % n;
        values[k] = row == column ? 4 + number('p', input, k) : sin((double)(row + column));
    }
}

const double *edge_numbers(void)
{
    static double values[MOST];
    for (size_t k = 0; k < MOST; k++)
        values[k] = number('r', 0, k);
    if (now.form->special != 0)
        values[0] = now.form->special;
    return values;
}

static bl_tensor *add_leaf(bl_tensor *tensor, char kind, size_t input)
{
    if (!bl_tensor_valid(tensor))
        return tensor;
    cr_assert_lt(now.leaf_count, EDGE_LEAVES);
    leaf *l = &now.leaves[now.leaf_count++];
    l->tensor = tensor;
    if (!now.form->only_compile) {
        cr_assert_leq(bl_tensor_count(tensor), MOST, "an input of %s is too large", now.form->row->name);
        fill(l->values, kind, input, bl_tensor_shape(tensor));
    }
    return tensor;
}

bl_tensor *edge_input(bl_shape shape)
{
    char name[16];
    snprintf(name, sizeof(name), "x%zu", now.leaf_count);
    return add_leaf(bl_input(graph, name, BL_F64, shape), 'r', 0);
}

/* The state's error is that of the form. */
static bl_parameter *known(bl_parameter *parameter)
{
    if (!parameter)
        now.result->error = *bl_params_error(now.params);
    return parameter;
}

bl_parameter *edge_state(bl_shape shape)
{
    return now.state = known(bl_params_add_buffer(now.params, "state", BL_F64, shape));
}

bl_parameter *edge_random(void)
{
    if (!now.random)
        now.random = known(bl_params_add_random(now.params, "random", 7));
    return now.random;
}

bl_parameter *edge_parameter(bl_shape shape)
{
    bl_parameter *p = known(bl_params_add(now.params, "parameter", BL_F64, shape, bl_init_zeros(), NULL));
    if (p)
        bl_parameter_write(p, edge_numbers(), (size_t)bl_shape_count(shape) * sizeof(double));
    return p;
}

/* Indices that differ along the axis of their limit, where they have it. */
static int64_t index_at(size_t input, bl_shape shape, int64_t limit, size_t k)
{
    const char *place = strchr(now.axes[input], now.limit[input] == '*' ? now.form->along : now.limit[input]);
    if (limit == 0)
        return now.kind[input] == 'o' ? -1 : 0;
    if (!place)
        return (int64_t)(7 * k + 1) % limit;
    int64_t behind = 1;
    for (int d = (int)(place - now.axes[input]) + 1; d < shape.rank; d++)
        behind *= shape.size[d];
    return ((int64_t)k / behind % shape.size[place - now.axes[input]] + 1) % limit;
}

static bl_tensor *make_numbers(size_t input, bl_shape shape)
{
    static int64_t values[MOST];
    char kind = now.kind[input];
    size_t count = (size_t)bl_shape_count(shape);
    if (now.form->only_compile && count > MOST)
        return bl_input(graph, "indices", kind == 'b' ? BL_BOOL : BL_I64, shape);
    cr_assert_leq(count, MOST);
    if (kind == 'b') {
        uint8_t *bools = (uint8_t *)values;
        for (size_t k = 0; k < count; k++)
            bools[k] = number('r', input, k) > 0;
        return bl_constant(graph, BL_BOOL, shape, bools);
    }
    for (size_t k = 0; k < count; k++)
        values[k] = kind == 'n' ? (int64_t)k : index_at(input, shape, edge_size(now.limit[input]), k);
    if (now.form->index_input == (int)input && count > 0)
        values[count - 1] = now.form->index;
    if (now.form->narrow && kind == 'i') {
        static int32_t narrow[MOST];
        for (size_t k = 0; k < count; k++)
            narrow[k] = (int32_t)values[k];
        return bl_constant(graph, BL_I32, shape, narrow);
    }
    return bl_constant(graph, BL_I64, shape, values);
}

/* ---- recording ---- */

static bl_tensor *make_input(size_t i)
{
    char name[16];
    bl_shape shape = edge_shape_of(i);
    if (now.kind[i] == '.')
        return NULL;
    if (!strchr("rpgsd", now.kind[i]))
        return bl_shape_count(shape) < 0 ? bl_full(graph, BL_I64, shape, 0) : make_numbers(i, shape);
    snprintf(name, sizeof(name), "x%zu", now.leaf_count);
    bl_tensor *x = add_leaf(bl_input(graph, name, BL_F64, shape), now.kind[i], i);
    if (!now.form->only_compile && bl_tensor_valid(x)) {
        now.result->input_counts[i] = (size_t)bl_tensor_count(x);
        for (size_t k = 0; k < now.result->input_counts[i] && k < 64; k++)
            now.result->inputs[i][k] = now.leaves[now.leaf_count - 1].values[k];
    }
    return x;
}

static void note_rank(const bl_tensor *tensor)
{
    int rank = tensor ? bl_tensor_shape(tensor).rank : 0;
    now.result->highest_rank = rank > now.result->highest_rank ? rank : now.result->highest_rank;
}

static bl_tensor *build(void)
{
    bl_tensor *inputs[EDGE_INPUTS];
    const char *at = now.form->shapes;
    now.input_count = 0;
    for (size_t i = 0; (at = take_input(at, &now.kind[i], &now.limit[i], now.axes[i]));
         now.input_count++, i++) {
        cr_assert_lt(i, EDGE_INPUTS);
        if (now.form->replaced >> i & 1u)
            strcpy(now.axes[i], now.form->instead);
    }
    for (size_t i = 0; i < now.input_count; i++) {
        inputs[i] = make_input(i);
        note_rank(inputs[i]);
        now.result->is_leaf_error |= inputs[i] && !bl_tensor_valid(inputs[i]);
    }
    bl_tensor *y = now.form->row->build(inputs);
    note_rank(y);
    return y;
}

/* The op's own node. */
static bl__node *find_node(void)
{
    for (int64_t id = graph->node_count - 1; id >= 0; id--) {
        if (graph->nodes[id]->op->key == now.form->row->key)
            return graph->nodes[id];
    }
    return NULL;
}

static bool is_real(const bl_tensor *tensor)
{
    return bl_tensor_dtype(tensor) == BL_F32 || bl_tensor_dtype(tensor) == BL_F64;
}

/* A cotangent that is anything but constant. */
static bl_tensor *cotangent_of(bl_tensor *y)
{
    bl_shape shape = bl_tensor_shape(y), flat = BL_SHAPE(bl_shape_count(shape));
    if (now.form->only_compile)
        return bl_full(graph, bl_tensor_dtype(y), shape, 1);
    bl_tensor *places = bl_arange(graph, BL_F64, 0, (double)flat.size[0], 1);
    return bl_cast(bl_reshape(bl_sin(bl_mul_scalar(places, 1.3)), shape), bl_tensor_dtype(y));
}

/* Appends the gradients by all leaves to a list of tensors; their number. */
static size_t add_gradients(bl_tensor *y, bl_tensor **list)
{
    bl_tensor *leaves[EDGE_LEAVES], *cotangent;
    const bl_op *op = bl__ops[now.form->row->key - 1];
    bool has = op->vjp || op->decompose || op->flags & BL_OP_LEAF;
    if (!is_real(y) || now.leaf_count == 0 || op->flags & BL_OP_EFFECT ||
        !(has || op->flags & BL_OP_PIECEWISE))
        return 0;
    for (size_t i = 0; i < now.leaf_count; i++)
        leaves[i] = now.leaves[i].tensor;
    cotangent = cotangent_of(y);
    if (bl_grad(&y, 1, &cotangent, leaves, now.leaf_count, list) != BL_OK)
        return 0;
    for (size_t i = 0; i < now.leaf_count; i++)
        now.result->reached += !bl_is_unreached(list[i]);
    now.result->is_differentiated = has;
    return now.leaf_count;
}

static void begin(const edge_form *form, edge_result *result)
{
    memset(result, 0, offsetof(edge_result, values));
    memset(result->input_counts, 0, sizeof(result->input_counts));
    bl_graph_clear_error(graph);
    if (!form->goes_on)
        bl_graph_reset(graph);
    now.form = form;
    now.result = result;
    now.params = bl_params_new(context);
    now.state = now.random = NULL;
    now.leaf_count = 0;
}

/* ---- running ---- */

static bl_status set_inputs(bl_program *program)
{
    for (size_t i = 0; i < now.leaf_count; i++) {
        const bl_tensor *x = now.leaves[i].tensor;
        size_t bytes = (size_t)bl_tensor_count(x) * sizeof(double);
        if (bl_set_input(program, x, now.leaves[i].values, bytes) != BL_OK)
            return bl_program_error(program)->code;
    }
    return BL_OK;
}

static void append(const void *data, bl_dtype dtype, size_t count)
{
    cr_assert_leq(now.result->count + count, EDGE_VALUES);
    to_doubles(dtype, data, count, now.result->values + now.result->count);
    now.result->count += count;
}

static void take_values(bl_program *program, bl_tensor *const *list, size_t outputs, size_t all)
{
    edge_result *result = now.result;
    for (size_t i = 0; i < all; i++) {
        int64_t count = bl_tensor_count(list[i]);
        if (count > 0)
            append(bl_output_data(program, list[i]), bl_tensor_dtype(list[i]), (size_t)count);
        if (i == 0 && now.state)
            append(bl_parameter_data(now.state), BL_F64,
                   (size_t)bl_shape_count(bl_parameter_shape(now.state)));
        result->first = i == 0 ? result->count : result->first;
        result->outputs = i < outputs ? result->count : result->outputs;
    }
}

static edge_stage run(bl_tensor *y)
{
    enum {
        ROOM = BL_MAX_OUTPUTS + 2 * EDGE_LEAVES + 1
    };
    bl_tensor *list[ROOM] = {y};
    edge_result *result = now.result;
    bl__node *node = find_node();
    size_t outputs = 1;
    result->has_node = node != NULL;
    result->has_leaves = now.leaf_count > 0;
    result->shape = bl_tensor_shape(y);
    for (int i = 1; node && y == &node->outputs[0] && i < node->op->output_count; i++)
        list[outputs++] = &node->outputs[i];
    size_t all = outputs + add_gradients(y, list + outputs), count = all;
    bl_parameter *counter = bl_params_add_buffer(now.params, "counter", BL_F64, BL_SCALAR);
    for (size_t i = 0; i < now.leaf_count; i++)
        list[count++] = now.leaves[i].tensor;
    list[count++] = bl_assign(counter, bl_add_scalar(bl_use(graph, counter), 1));
    if (bl_graph_error(graph)->code != BL_OK)
        return EDGE_RECORD;
    bl_program *program = bl_compile_list(context, list, count, NULL);
    edge_stage stage = bl_program_error(program)->code != BL_OK ? EDGE_COMPILE : EDGE_RUN;
    if (stage == EDGE_RUN && !now.form->only_compile && set_inputs(program) == BL_OK &&
        bl_run(program) == BL_OK) {
        take_values(program, list, outputs, all);
        stage = EDGE_DONE;
    }
    if (stage == EDGE_RUN && now.form->only_compile)
        stage = EDGE_DONE;
    result->error = *bl_program_error(program);
    result->state_after = *(const double *)bl_parameter_data(counter);
    bl_program_free(program);
    return stage;
}

void edge_run(const edge_form *form, edge_result *result)
{
    begin(form, result);
    bl_tensor *y = build();
    bool built = bl_tensor_valid(y) && bl_graph_error(graph)->code == BL_OK;
    result->is_recorded = built;
    result->stage = built ? run(y) : EDGE_RECORD;
    if (result->stage == EDGE_RECORD && result->error.code == BL_OK)
        result->error = *bl_graph_error(graph);
    bl_params_free(now.params);
}

const char *edge_gradcheck(const edge_form *form)
{
    static char text[400];
    static edge_result result;
    bl_tensor *leaves[EDGE_LEAVES];
    bl_gradcheck_input inputs[EDGE_LEAVES];
    bl_gradcheck_result found;
    begin(form, &result);
    bl_tensor *y = build();
    for (size_t i = 0; i < now.leaf_count; i++) {
        leaves[i] = now.leaves[i].tensor;
        inputs[i] = (bl_gradcheck_input){leaves[i], now.leaves[i].values,
                                         (size_t)bl_tensor_count(leaves[i]) * sizeof(double)};
    }
    bl_gradcheck(y, leaves, now.leaf_count, inputs, now.leaf_count, NULL, &found);
    bl_gradcheck_format(&found, text, sizeof(text));
    bl_params_free(now.params);
    return found.passed ? NULL : text;
}
