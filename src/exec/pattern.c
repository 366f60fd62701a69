/* What a program was compiled from: kept beside it, and compared whole with a later recording. */
#include "exec/cache.h"
#include "graph/hash.h"
#include "ops/attributes.h"
#include "ops/keys.h"

#include <string.h>

uint64_t bl__pattern_hash(bl_tensor *const *outputs, size_t count, const bl_compile_options *options)
{
    uint64_t hash =
        bl__mix(count, (uint64_t)options->precision << 2 | (uint64_t)options->rewrite << 1 | options->fuse);
    hash = bl__mix(hash, (uint64_t)options->threads << 8 | (uint64_t)options->check << 4 |
                             (uint64_t)options->instruction_set);
    hash = bl__mix(hash, options->memory_budget);
    for (size_t i = 0; i < count; i++)
        hash = bl__mix(hash, bl__hash_of(outputs[i]));
    return hash;
}

static bool is_effect_on_state(const bl__node *node)
{
    return node->op->key == BL__KEY_assign || node->op->key == BL__KEY_assign_slice;
}

/* The parameter that a leaf or an effect names; NULL for other nodes. */
static bl_parameter *parameter_of(const bl__node *node)
{
    const void *attributes = bl__attributes(node);
    if (node->op->key == BL__KEY_parameter)
        return ((const bl__parameter_attributes *)attributes)->parameter;
    return is_effect_on_state(node) ? ((const bl__assign_attributes *)attributes)->parameter : NULL;
}

static bl__pattern_parameter describe_parameter(const bl__node *node)
{
    const void *attributes = bl__attributes(node);
    bl__pattern_parameter described = {.id = parameter_of(node)->id};
    if (is_effect_on_state(node)) {
        described.axis = ((const bl__assign_attributes *)attributes)->axis;
        described.start = ((const bl__assign_attributes *)attributes)->start;
    } else
        described.generation = ((const bl__parameter_attributes *)attributes)->generation;
    return described;
}

/* ---- keeping it ---- */

typedef struct recorder {
    bl__lowering *l;
    bl__arena *arena;
    bl__pattern *pattern;
    uint32_t *states; /* as the pattern's, which is const to others */
    uint32_t *constants;
    const bl__origin *from; /* the last origin that was copied, and the copy */
    const bl__pattern_origin *origin;
} recorder;

/* A copy of a string that may be NULL; false without memory. */
static bool copy_text(bl__arena *arena, const char *text, const char **copy)
{
    *copy = text ? bl__arena_string(arena, text) : NULL;
    return *copy || !text;
}

static const bl__pattern_origin *copy_origin(recorder *r, const bl__origin *origin)
{
    if (origin == r->from)
        return r->origin;
    bl__pattern_origin *copy = bl__arena_take(r->arena, sizeof(*copy));
    if (!copy)
        return NULL;
    *copy = (bl__pattern_origin){.file = origin->file, .line = origin->line};
    if (!copy_text(r->arena, origin->label, &copy->label) ||
        !copy_text(r->arena, origin->scope ? origin->scope->path : NULL, &copy->scope))
        return NULL;
    r->from = origin;
    return r->origin = copy;
}

static const bl__pattern_op *copy_op(recorder *r, const bl_op *op)
{
    bl__pattern_op *copy = bl__arena_take(r->arena, sizeof(*copy));
    if (!copy)
        return NULL;
    memcpy(&copy->op, op, sizeof(*op)); /* padding too: it is compared by its bytes */
    copy->name = bl__arena_string(r->arena, op->name);
    return copy->name ? copy : NULL;
}

static const void *copy_bytes(recorder *r, const void *bytes, size_t count)
{
    void *copy = bl__arena_take(r->arena, count);
    if (copy && count > 0)
        memcpy(copy, bytes, count);
    return copy;
}

static const void *copy_attributes(recorder *r, const bl__node *node)
{
    const void *attributes = bl__attributes(node);
    if (parameter_of(node)) {
        bl__pattern_parameter described = describe_parameter(node);
        return copy_bytes(r, &described, sizeof(described));
    }
    if (node->op->key == BL__KEY_input) {
        bl__input_attributes input = *(const bl__input_attributes *)attributes;
        return copy_text(r->arena, input.name, &input.name) ? copy_bytes(r, &input, sizeof(input)) : NULL;
    }
    if (node->op->key == BL__KEY_constant) {
        bl__constant_attributes constant = *(const bl__constant_attributes *)attributes;
        const bl__operand *value = bl__value_of(r->l, &node->outputs[0]);
        constant.data = r->l->program->storages[value->storage].data;
        return copy_bytes(r, &constant, sizeof(constant));
    }
    return copy_bytes(r, attributes, node->op->attributes_size);
}

/* The inputs by their places in the pattern: what the lowering kept by node id is overwritten with them. */
static const bl__pattern_input *copy_inputs(recorder *r, bl_tensor *const *tensors, size_t count)
{
    bl__pattern_input *inputs = bl__arena_take(r->arena, count * sizeof(*inputs));
    for (size_t i = 0; inputs && i < count; i++)
        inputs[i] = (bl__pattern_input){r->l->first_value[tensors[i]->node->id] - 1, tensors[i]->output};
    return inputs;
}

static bool copy_types(recorder *r, const bl__node *node, bl__pattern_node *copy)
{
    size_t count = (size_t)node->op->output_count;
    const int64_t **sizes = bl__arena_take(r->arena, count * sizeof(*sizes));
    uint8_t *types = bl__arena_take(r->arena, 2 * count);
    for (size_t i = 0; sizes && types && i < count; i++) {
        const bl_tensor *output = &node->outputs[i];
        const bl__dims *dims = bl__dims_of(r->l, output->rank, output->size);
        if (!dims)
            return false;
        sizes[i] = dims->size;
        types[2 * i] = output->rank;
        types[2 * i + 1] = output->dtype;
    }
    copy->sizes = sizes;
    copy->types = types;
    return sizes && types;
}

static bool copy_node(recorder *r, const bl__node *node)
{
    bl__pattern *pattern = r->pattern;
    uint32_t index = pattern->node_count++;
    bl__pattern_node *copy = &pattern->nodes[index];
    *copy = (bl__pattern_node){.op = node->op,
                               .origin = copy_origin(r, node->origin),
                               .attributes = copy_attributes(r, node),
                               .inputs = copy_inputs(r, node->inputs, node->input_count),
                               .input_count = node->input_count,
                               .user = node->op->key == 0 ? copy_op(r, node->op) : NULL};
    if (!copy->origin || !copy->attributes || !copy->inputs || (node->op->key == 0 && !copy->user) ||
        !copy_types(r, node, copy))
        return false;
    bl_parameter *parameter = parameter_of(node);
    if (parameter)
        r->states[bl__state_of(r->l, parameter)] = index; /* there is one already */
    if (node->op->key == BL__KEY_constant)
        r->constants[pattern->constant_count++] = index;
    pattern->ids[index] = node->id;
    pattern->of_user = pattern->of_user || copy->user;
    r->l->first_value[node->id] = index + 1;
    return true;
}

/* The nodes that count, and how many of them are constants. */
static size_t count_nodes(const bl__lowering *l, size_t *constants)
{
    size_t count = 0;
    for (int64_t id = 0; id < l->node_count; id++) {
        count += l->first_value[id] != 0;
        *constants += l->first_value[id] != 0 && l->graph->nodes[id]->op->key == BL__KEY_constant;
    }
    return count;
}

static bool take_room(recorder *r, size_t nodes, size_t constants)
{
    bl__pattern *pattern = r->pattern = bl__arena_take(r->arena, sizeof(*pattern));
    if (!pattern)
        return false;
    *pattern = (bl__pattern){.program = r->l->program,
                             .options = {.precision = r->l->program->precision,
                                         .fuse = r->l->fuse,
                                         .rewrite = r->l->rewrite,
                                         .threads = r->l->program->environment.threads,
                                         .instruction_set = r->l->program->environment.kernels->instructions,
                                         .check = r->l->program->check,
                                         .memory_budget = r->l->memory_budget}};
    r->states = pattern->states =
        bl__arena_take(r->arena, r->l->program->state_count * sizeof(*pattern->states));
    pattern->constants = r->constants = bl__arena_take(r->arena, constants * sizeof(*r->constants));
    pattern->nodes = bl__arena_take(r->arena, nodes * sizeof(*pattern->nodes));
    pattern->found = bl__arena_take(r->arena, nodes * sizeof(*pattern->found));
    pattern->ids = bl__arena_take(r->arena, nodes * sizeof(*pattern->ids));
    return pattern->states && pattern->constants && pattern->nodes && pattern->found && pattern->ids;
}

void bl__pattern_record(bl__lowering *l, bl_tensor *const *outputs, size_t count)
{
    recorder r = {.l = l, .arena = &l->program->arena};
    if (l->needed_count > BL__PATTERN_NODES)
        return;
    size_t constants = 0, nodes = count_nodes(l, &constants);
    if (nodes > BL__PATTERN_NODES || count > BL__PATTERN_NODES)
        return;
    bool done = take_room(&r, nodes, constants);
    for (int64_t id = 0; id < l->node_count && done; id++) {
        if (l->first_value[id])
            done = copy_node(&r, l->graph->nodes[id]);
    }
    if (done) {
        r.pattern->outputs = copy_inputs(&r, outputs, count);
        r.pattern->output_count = (uint32_t)count;
        r.pattern->hash = bl__pattern_hash(outputs, count, &r.pattern->options);
        r.pattern->lineage = r.pattern->of_user ? 0 : l->graph->lineage;
    }
    if (done && r.pattern->outputs)
        l->program->pattern = r.pattern;
    else if (bl__lowering_ok(l))
        bl__lower_out_of_memory(l);
}

/* ---- comparing with it ---- */

/* Both are NULL, or both read the same. */
static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_origin(const bl__pattern_origin *a, const bl__origin *b)
{
    return a->line == b->line && a->file == b->file && same_text(a->label, b->label) &&
           same_text(a->scope, b->scope ? b->scope->path : NULL);
}

/* Whether an op of the user's is still what it was: its functions are called, and its name is shown, by
 * pointer.
 */
static bool same_op(const bl__pattern_op *a, const bl_op *b)
{
    return memcmp(&a->op, b, sizeof(*b)) == 0 && strcmp(a->name, b->name) == 0;
}

static bool same_attributes(const bl__pattern_node *a, const bl__node *b)
{
    const void *attributes = bl__attributes(b);
    switch (b->op->key) {
    case BL__KEY_input: {
        const bl__input_attributes *own = a->attributes, *other = attributes;
        return own->ordinal == other->ordinal && strcmp(own->name, other->name) == 0;
    }
    case BL__KEY_constant: /* its values are taken over */
        return true;
    case BL__KEY_parameter:
    case BL__KEY_assign:
    case BL__KEY_assign_slice: {
        bl__pattern_parameter described = describe_parameter(b);
        return memcmp(a->attributes, &described, sizeof(described)) == 0;
    }
    default:
        return b->op->attributes_size == 0 || memcmp(a->attributes, attributes, b->op->attributes_size) == 0;
    }
}

static bool same_types(const bl__pattern_node *a, const bl__node *b)
{
    for (int i = 0; i < b->op->output_count; i++) {
        const bl_tensor *output = &b->outputs[i];
        if (a->types[2 * i] != output->rank || a->types[2 * i + 1] != output->dtype ||
            memcmp(a->sizes[i], output->size, output->rank * sizeof(*output->size)) != 0)
            return false;
    }
    return true;
}

/* Notes that a value of the pattern is a tensor; false when its node is another already. */
static bool pair(bl__pattern *pattern, bl__pattern_input input, const bl_tensor *tensor)
{
    const bl__node **found = &pattern->found[input.node];
    if (!*found)
        *found = tensor->node;
    return *found == tensor->node && input.output == tensor->output;
}

static bool same_node(bl__pattern *pattern, const bl__pattern_node *a, const bl__node *b)
{
    if (a->op != b->op || a->input_count != b->input_count || (a->user && !same_op(a->user, b->op)) ||
        !same_attributes(a, b) || !same_types(a, b) || !same_origin(a->origin, b->origin))
        return false;
    for (uint32_t i = 0; i < a->input_count; i++) {
        if (!pair(pattern, a->inputs[i], b->inputs[i]))
            return false;
    }
    return true;
}

/* Whether the outputs are nodes that were recorded at the same places of a tape of the same lineage: then all
 * that they need is the same, but where it was recorded and the values of constants. */
static bool is_repeated(const bl__pattern *pattern, bl_tensor *const *outputs, size_t count)
{
    const bl_graph *graph = bl__graph_of(outputs[0]);
    if (pattern->lineage != graph->lineage || pattern->ids[pattern->node_count - 1] >= graph->repeated)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (outputs[i]->node->id != pattern->ids[pattern->outputs[i].node] ||
            outputs[i]->output != pattern->outputs[i].output)
            return false;
    }
    return true;
}

/* The rest of what must be the same. */
static bool same_places(bl__pattern *pattern, const bl_graph *graph)
{
    const bl__pattern_origin *origin = NULL;
    const bl__origin *from = NULL;
    for (uint32_t i = 0; i < pattern->node_count; i++) {
        const bl__node *node = graph->nodes[pattern->ids[i]];
        pattern->found[i] = node;
        if (node->origin == from && pattern->nodes[i].origin == origin)
            continue;
        from = node->origin;
        origin = pattern->nodes[i].origin;
        if (!same_origin(origin, from))
            return false;
    }
    return true;
}

/* Walks down from the outputs. A node's users stand behind it, so each is paired before it is looked at; that
 * the ids fall keeps two from being one, and the order that of the tape. */
static bool same_nodes(bl__pattern *pattern, bl_tensor *const *outputs, size_t count)
{
    memset(pattern->found, 0, pattern->node_count * sizeof(*pattern->found));
    for (size_t i = 0; i < count; i++) {
        if (!pair(pattern, pattern->outputs[i], outputs[i]))
            return false;
    }
    uint32_t before = UINT32_MAX;
    for (uint32_t i = pattern->node_count; i-- > 0;) {
        const bl__node *node = pattern->found[i];
        if (node->id >= before || !same_node(pattern, &pattern->nodes[i], node))
            return false;
        before = node->id;
    }
    for (uint32_t i = 0; i < pattern->node_count; i++)
        pattern->ids[i] = pattern->found[i]->id;
    pattern->lineage = pattern->of_user ? 0 : bl__graph_of(outputs[0])->lineage;
    return true;
}

bool bl__pattern_matches(bl__pattern *pattern, bl_tensor *const *outputs, size_t count,
                         const bl_compile_options *options)
{
    const bl_compile_options *own = &pattern->options;
    if (pattern->output_count != count || own->precision != options->precision ||
        own->fuse != options->fuse || own->rewrite != options->rewrite || own->threads != options->threads ||
        own->instruction_set != options->instruction_set || own->check != options->check ||
        own->memory_budget != options->memory_budget)
        return false;
    return is_repeated(pattern, outputs, count) ? same_places(pattern, bl__graph_of(outputs[0]))
                                                : same_nodes(pattern, outputs, count);
}

/* ---- taking it over ---- */

static void adopt_constants(const bl__pattern *pattern)
{
    for (uint32_t i = 0; i < pattern->constant_count; i++) {
        const bl__node *node = pattern->found[pattern->constants[i]];
        const bl__constant_attributes *to = pattern->nodes[pattern->constants[i]].attributes;
        const bl__constant_attributes *from = bl__attributes(node);
        const bl_tensor *tensor = &node->outputs[0];
        union {
            const void *kept;
            void *block;
        } data = {.kept = to->data};
        bool widened = tensor->dtype == BL_F32 && pattern->options.precision == BL_PRECISION_F64;
        if (tensor->count > 0)
            bl__take_values(data.block, widened ? BL_F64 : (bl_dtype)tensor->dtype, from->data,
                            (bl_dtype)tensor->dtype, (size_t)tensor->count);
    }
}

void bl__pattern_adopt(bl__pattern *pattern, bl_tensor *const *outputs, size_t count)
{
    bl_program *p = pattern->program;
    for (size_t i = 0; i < p->state_count; i++) {
        bl__state *state = &p->states[i];
        state->parameter = bl__parameter_retain(parameter_of(pattern->found[pattern->states[i]]));
        if (!state->read) /* one that is read has the generation of its leaf, which was compared */
            state->generation = atomic_load(&state->parameter->generation);
    }
    for (size_t i = 0, at = 0; i < count; i++) {
        if (!(outputs[i]->node->op->flags & BL_OP_EFFECT))
            p->outputs[at++].node = outputs[i]->node->id;
    }
    adopt_constants(pattern);
}
