/* Finding long sequences of element-wise nodes of one number each, and lowering them as scripts.
 *
 * One walk in the order of the tape. A sequence is whatever stands between two nodes that need an instruction
 * of another kind, so it can run as a whole: all that it takes is made before its first node, and nothing
 * before its last needs what it gives. A value has a cell from its step to its last use, when the next one
 * may have it; as all are of one size, there are as many cells as values live at a time. An input has a cell
 * of its own from the beginning. */
#include "exec/script.h"
#include "exec/lower.h"
#include "graph/text.h"
#include "ops/keys.h"

#include <string.h>

enum {
    LEAST_STEPS = 128 /* fewer run as groups, of which batch.h can make one */
};

typedef struct finder {
    bl__lowering *l;
    bl__scripts *found;
    const uint32_t *last_use; /* by node id: the last node that uses it, + 1 */
    uint32_t *cells;          /* by node id: the cell of its value in the open script, + 1; 0 for none */
    bl__script_step *steps;   /* of all scripts */
    bl__script_call *calls;   /* of the open one */
    uint32_t *unused;         /* cells that are free again */
    size_t step_count, call_count, call_capacity, unused_count, unused_capacity;
    bl__scripted open; /* first < 0: none is */
} finder;

/* ---- lists ---- */

static bool add_value(const bl__lowering *l, bl__script_values *to, const bl_tensor *tensor, uint32_t cell)
{
    if (to->count == to->capacity && !bl__grow(l->allocator, &to->value, &to->capacity, sizeof(*to->value)))
        return false;
    to->value[to->count++] = (bl__script_value){tensor, cell};
    return true;
}

static void free_values(const bl__lowering *l, bl__script_values *values)
{
    bl__release(l->allocator, values->value, values->capacity, sizeof(*values->value));
}

void bl__scripts_free(bl__lowering *l)
{
    bl__scripts *s = &l->scripts;
    free_values(l, &s->inputs);
    free_values(l, &s->outputs);
    free_values(l, &s->leaves);
    bl__release(l->allocator, s->script, s->capacity, sizeof(*s->script));
}

/* ---- which nodes ---- */

static bl__tile tile_of(bl__lowering *l, const bl__node *node)
{
    const bl_tensor *last = node->inputs[node->input_count - 1];
    return bl__tile_of(&l->fusion, node->op, bl__lower_dtype(l, (bl_dtype)last->dtype),
                       bl__lower_dtype(l, (bl_dtype)node->outputs[0].dtype));
}

/* Whether a script may take an input: of the dtype, and the first output of its node, as a node has one cell.
 * A sum of matrix products is left to them. */
static bool can_take(const bl__lowering *l, const bl_tensor *input, uint8_t dtype)
{
    return input->dtype == dtype && input->output == 0 &&
           !(l->has_products && (input->node->op->view || input->node->op->key == BL__KEY_matmul));
}

/* Whether a node can be a step with a call of its tile function. */
static bool can_call(bl__lowering *l, const bl__node *node)
{
    const bl_op *op = node->op;
    return !op->view && !op->compute && op->output_count == 1 && node->input_count > 0 &&
           node->input_count <= BL__TILE_INPUTS && tile_of(l, node) != NULL;
}

/* Whether a node is a step of a code: element-wise, of one number, from numbers of its dtype. */
static bool is_step(bl__lowering *l, const bl__node *node, bl__script_code code)
{
    const bl_tensor *output = &node->outputs[0];
    bool is = (node->op->flags & BL_OP_ELEMENTWISE) && output->count == 1 &&
              (output->dtype == BL_F32 || output->dtype == BL_F64) &&
              (code != BL__SCRIPT_CALL || can_call(l, node));
    for (uint32_t i = 0; i < node->input_count && is; i++)
        is = can_take(l, node->inputs[i], output->dtype);
    return is;
}

/* ---- cells ---- */

/* The cell of an input from outside, seen first. */
static bool add_input(finder *f, const bl_tensor *tensor, uint32_t *cell)
{
    *cell = (uint32_t)f->open.cell_count++; /* none that a step has had before: inputs come first */
    f->cells[tensor->node->id] = *cell + 1;
    return add_value(f->l, &f->found->inputs, tensor, *cell);
}

/* ---- steps ---- */

static bool set_call(finder *f, const bl__node *node, const uint32_t *in, bl__script_step *step)
{
    bl__lowering *l = f->l;
    const void *attributes = NULL;
    if (f->call_count == f->call_capacity &&
        !bl__grow(l->allocator, &f->calls, &f->call_capacity, sizeof(*f->calls)))
        return false;
    if (node->op->attributes_size > 0) {
        void *copy = bl__arena_take(&l->program->arena, node->op->attributes_size);
        if (!copy)
            return false;
        attributes = memcpy(copy, bl__attributes(node), node->op->attributes_size);
    }
    step->a = (uint32_t)f->call_count;
    f->calls[f->call_count++] = (bl__script_call){tile_of(l, node), attributes, {in[0], in[1], in[2]}};
    return true;
}

/* The cell of an input; false without memory. */
static inline bool find_cell(finder *f, const bl_tensor *tensor, uint32_t *cell)
{
    *cell = f->cells[tensor->node->id] - 1;
    return *cell != UINT32_MAX || add_input(f, tensor, cell);
}

/* Gives the cell of an input back after its last use. */
static inline void leave_cell(finder *f, uint32_t input, uint32_t user, uint32_t cell)
{
    if (f->last_use[input] == user + 1 && f->cells[input] != 0) { /* else it was an input already */
        f->cells[input] = 0;
        f->unused[f->unused_count++] = cell;
    }
}

/* Appends a node to the open script; false without memory. */
static bool add_step(finder *f, const bl__node *node, bl__script_code code)
{
    uint32_t in[BL__TILE_INPUTS] = {0}, count = node->input_count;
    if (f->unused_count + BL__TILE_INPUTS > f->unused_capacity &&
        !bl__grow(f->l->allocator, &f->unused, &f->unused_capacity, sizeof(*f->unused)))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!find_cell(f, node->inputs[i], &in[i]))
            return false;
    }
    for (uint32_t i = 0; i < count; i++)
        leave_cell(f, node->inputs[i]->node->id, node->id, in[i]);
    uint32_t out = f->unused_count > 0 ? f->unused[--f->unused_count] : (uint32_t)f->open.cell_count++;
    bl__script_step *step = &f->steps[f->step_count++];
    f->cells[node->id] = out + 1;
    f->open.last = node->id;
    *step = (bl__script_step){(uint32_t)code, out, in[0], in[1]};
    return code != BL__SCRIPT_CALL || set_call(f, node, in, step);
}

/* Appends nodes from `id` on to the open script for as long as each has two inputs that have cells, and a
 * code; returns the first one that counts and does not. These are most of a long script, so what changes with
 * each of them is kept at hand. */
static int64_t add_pairs(finder *f, int64_t id)
{
    const bl__lowering *l = f->l;
    bl__node *const *nodes = l->graph->nodes;
    const uint32_t *last_use = f->last_use;
    uint32_t *cells = f->cells, *unused = f->unused, cell_count = (uint32_t)f->open.cell_count;
    size_t unused_count = f->unused_count, most_unused = f->unused_capacity;
    bl__script_step *step = f->steps + f->step_count;
    int64_t last = f->open.last;
    for (; id < l->node_count; id++) {
        if (!last_use[id])
            continue;
        const bl__node *node = nodes[id];
        bl__script_code code = bl__script_code_of(node->op->key);
        if (code == BL__SCRIPT_CALL || node->input_count != 2 || unused_count + 2 > most_unused ||
            l->has_products)
            break;
        const bl_tensor *a = node->inputs[0], *b = node->inputs[1];
        uint32_t left = a->node->id, right = b->node->id, first = cells[left], second = cells[right];
        if (first == 0 || second == 0 || (a->output | b->output) != 0)
            break; /* what has a cell is a number of the script's dtype, and so is what is made of two */
        if (last_use[left] == id + 1) {
            cells[left] = 0;
            unused[unused_count++] = first - 1;
        }
        if (last_use[right] == id + 1 && right != left) {
            cells[right] = 0;
            unused[unused_count++] = second - 1;
        }
        uint32_t out = unused_count > 0 ? unused[--unused_count] : cell_count++;
        cells[id] = out + 1;
        *step++ = (bl__script_step){(uint32_t)code, out, first - 1, second - 1};
        last = id;
    }
    f->open.cell_count = cell_count;
    f->open.last = last;
    f->unused_count = unused_count;
    f->step_count = (size_t)(step - f->steps);
    return id;
}

/* ---- whole scripts ---- */

static void begin(finder *f, const bl__node *node)
{
    f->call_count = f->unused_count = 0;
    f->open = (bl__scripted){.first = node->id,
                             .input_begin = f->found->inputs.count,
                             .output_begin = f->found->outputs.count,
                             .leaf_begin = f->found->leaves.count,
                             .step_begin = f->step_count,
                             .dtype = (bl_dtype)node->outputs[0].dtype};
}

/* Lists the values that something uses after the script, and forgets all cells. */
static bool list_outputs(finder *f)
{
    bl__scripted *open = &f->open;
    bl__script_values *inputs = &f->found->inputs;
    bl__script_values *leaves = &f->found->leaves;
    while (leaves->count > open->leaf_begin && leaves->value[leaves->count - 1].tensor->node->id > open->last)
        leaves->count--; /* it stands behind the script */
    open->input_count = inputs->count - open->input_begin;
    for (size_t i = open->input_begin; i < inputs->count; i++)
        f->cells[inputs->value[i].tensor->node->id] = 0;
    for (int64_t id = open->first; id <= open->last; id++) {
        if (f->cells[id] == 0)
            continue;
        if (!add_value(f->l, &f->found->outputs, &f->l->graph->nodes[id]->outputs[0], f->cells[id] - 1))
            return false;
        f->cells[id] = 0;
    }
    open->output_count = f->found->outputs.count - open->output_begin;
    open->leaf_count = leaves->count - open->leaf_begin;
    return true;
}

/* The cells of some values, in the program's arena. */
static uint32_t *copy_cells(bl__arena *arena, const bl__script_value *values, size_t count)
{
    uint32_t *cells = bl__arena_take(arena, count * sizeof(*cells));
    for (size_t i = 0; i < count && cells; i++)
        cells[i] = values[i].cell;
    return cells;
}

/* Notes the first ops. */
static void note_ops(const finder *f, bl__scripted *open)
{
    int64_t id = open->first;
    for (int i = 0; i < BL__SCRIPT_NAMED; id++) {
        const bl_op *op = f->l->graph->nodes[id]->op;
        if (f->last_use[id] && !(op->flags & BL_OP_LEAF))
            open->named[i++] = op;
    }
}

static bool make_script(finder *f)
{
    bl__scripted *open = &f->open;
    bl__scripts *found = f->found;
    bl__arena *arena = &f->l->program->arena;
    bl__script *script = bl__arena_take(arena, sizeof(*script));
    bl__script_call *calls = bl__arena_take(arena, f->call_count * sizeof(*calls));
    uint32_t *inputs = copy_cells(arena, found->inputs.value + open->input_begin, open->input_count);
    uint32_t *outputs = copy_cells(arena, found->outputs.value + open->output_begin, open->output_count);
    if (!script || !calls || !inputs || !outputs ||
        (found->count == found->capacity &&
         !bl__grow(f->l->allocator, &found->script, &found->capacity, sizeof(*found->script))))
        return false;
    if (f->call_count > 0)
        memcpy(calls, f->calls, f->call_count * sizeof(*calls));
    *script =
        (bl__script){f->steps + open->step_begin, calls, f->step_count - open->step_begin, inputs, outputs};
    open->script = script;
    note_ops(f, open);
    open->dtype = bl__lower_dtype(f->l, open->dtype);
    found->script[found->count++] = *open;
    return true;
}

/* Ends the open script, if there is one, which is dropped when it is short; false without memory. */
static bool end(finder *f)
{
    bl__scripted *open = &f->open;
    if (open->first < 0)
        return true;
    bool made = list_outputs(f);
    if (made && f->step_count - open->step_begin >= LEAST_STEPS)
        made = make_script(f);
    else {
        f->step_count = open->step_begin;
        f->found->inputs.count = open->input_begin;
        f->found->outputs.count = open->output_begin;
        f->found->leaves.count = open->leaf_begin;
    }
    open->first = -1;
    return made;
}

/* Looks at the next node that counts; false without memory. */
static bool visit(finder *f, const bl__node *node)
{
    bl__scripted *open = &f->open;
    if (node->op->flags & BL_OP_LEAF)
        return open->first < 0 || add_value(f->l, &f->found->leaves, &node->outputs[0], 0);
    bl__script_code code = bl__script_code_of(node->op->key);
    if (!is_step(f->l, node, code))
        return end(f);
    if (open->first >= 0 && open->dtype != (bl_dtype)node->outputs[0].dtype && !end(f))
        return false;
    if (open->first < 0)
        begin(f, node);
    return add_step(f, node, code);
}

static bool find(finder *f)
{
    const bl__lowering *l = f->l;
    bool done = true;
    for (int64_t id = 0; id < l->node_count && done; id++) {
        id = f->open.first < 0 ? id : add_pairs(f, id);
        done = id == l->node_count || !f->last_use[id] || visit(f, l->graph->nodes[id]);
    }
    return done && end(f);
}

bool bl__find_scripts(bl__lowering *l)
{
    if (!l->fuse || l->number_count < LEAST_STEPS || l->program->check != BL_CHECK_NOTHING ||
        l->memory_budget != BL_MEMORY_UNLIMITED || l->node_count == UINT32_MAX)
        return true;
    const bl_allocator *a = l->allocator;
    bl__arena *arena = &l->program->arena;
    bl__arena_mark before = bl__arena_position(arena);
    finder f = {.l = l, .found = &l->scripts, .last_use = l->first_value, .open = {.first = -1}};
    f.cells = bl__allocate(a, (size_t)l->node_count, sizeof(*f.cells));
    f.steps = bl__arena_take(arena, (size_t)l->number_count * sizeof(*f.steps));
    bool found = f.cells && f.steps && find(&f);
    if (found && l->scripts.count == 0)
        bl__arena_rewind(arena, before);
    bl__release(a, f.cells, (size_t)l->node_count, sizeof(*f.cells));
    bl__release(a, f.calls, f.call_capacity, sizeof(*f.calls));
    bl__release(a, f.unused, f.unused_capacity, sizeof(*f.unused));
    return found;
}

/* ---- lowering ---- */

/* "mul+add+exp+neg+996 more", as groups are named. */
static const char *name_script(bl__lowering *l, const bl__scripted *scripted)
{
    char text[160];
    bl__text out = {text, sizeof(text), 0};
    for (int i = 0; i < BL__SCRIPT_NAMED; i++)
        bl__text_add(&out, "%s%s", i > 0 ? "+" : "", scripted->named[i]->name);
    bl__text_add(&out, "+%zu more", scripted->script->step_count - BL__SCRIPT_NAMED);
    return bl__arena_string(&l->program->arena, text);
}

/* Describes the cells; false without memory. */
static bool describe_cells(bl__lowering *l, const bl__scripted *scripted, bl__operand *cells)
{
    size_t bytes = scripted->cell_count * bl_dtype_size(scripted->dtype);
    size_t storage = bl__new_storage(l, BL__WORKSPACE, bytes);
    int64_t *size = bl__arena_take(&l->program->arena, 2 * sizeof(*size));
    if (!size || storage == SIZE_MAX)
        return false;
    size[0] = (int64_t)scripted->cell_count;
    size[1] = 1;
    *cells = (bl__operand){.size = size,
                           .stride = size + 1,
                           .count = (int64_t)scripted->cell_count,
                           .dtype = (uint8_t)scripted->dtype,
                           .rank = 1,
                           .contiguous = true,
                           .storage = (uint32_t)storage};
    return true;
}

/* Describes the outputs; false without memory. */
static bool describe_outputs(bl__lowering *l, const bl__script_value *outputs, size_t count,
                             bl__operand **values)
{
    for (size_t i = 0; i < count; i++) {
        const bl_tensor *tensor = outputs[i].tensor;
        size_t size = bl_dtype_size(bl__lower_dtype(l, (bl_dtype)tensor->dtype));
        size_t storage = bl__new_storage(l, BL__WORKSPACE, size);
        values[i] = bl__value_of(l, tensor);
        if (storage == SIZE_MAX || !bl__contiguous_value(l, tensor, storage, values[i]))
            return false;
    }
    return true;
}

bool bl__lower_script(bl__lowering *l, const bl__scripted *scripted)
{
    size_t inputs = scripted->input_count, outputs = scripted->output_count + 1;
    const bl__script_value *input = l->scripts.inputs.value + scripted->input_begin;
    const bl__script_value *output = l->scripts.outputs.value + scripted->output_begin;
    bl__operand **operands = bl__allocate(l->allocator, inputs + outputs, sizeof(*operands));
    bl__operand *cells = bl__arena_take(&l->program->arena, sizeof(*cells));
    const char *name = name_script(l, scripted);
    bool done = operands && cells && name && describe_cells(l, scripted, cells) &&
                describe_outputs(l, output, outputs - 1, operands + inputs + 1);
    if (done) {
        for (size_t i = 0; i < inputs; i++)
            operands[i] = bl__value_of(l, input[i].tensor);
        operands[inputs] = cells;
        done = bl__add_instruction(l, l->graph->nodes[scripted->last], name, &bl__kernel_script, operands,
                                   inputs, operands + inputs, outputs, scripted->script) != NULL;
    }
    bl__release(l->allocator, operands, inputs + outputs, sizeof(*operands));
    return done;
}
