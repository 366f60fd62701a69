/* Compiling: from the nodes that the outputs need to instructions over storages. */
#include "exec/batch.h"
#include "exec/cache.h"
#include "exec/lower.h"
#include "exec/order.h"
#include "exec/overwrite.h"
#include "exec/recompute.h"
#include "exec/strand.h"
#include "graph/rewrite.h"
#include "graph/text.h"
#include "ops/keys.h"

#include <stdio.h>
#include <string.h>

bl_compile_options bl_compile_defaults(void)
{
    return (bl_compile_options){.precision = BL_PRECISION_RECORDED,
                                .fuse = true,
                                .rewrite = true,
                                .threads = BL_THREADS_OF_CONTEXT,
                                .instruction_set = BL_ISA_DEFAULT,
                                .check = BL_CHECK_NOTHING,
                                .memory_budget = BL_MEMORY_UNLIMITED};
}

/* Makes room for what is known of each node up to the last output. */
static bool make_marks(bl__lowering *l, bl_tensor *const *outputs, size_t count)
{
    l->node_count = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t id = outputs[i]->node->id;
        l->node_count = id >= l->node_count ? id + 1 : l->node_count;
    }
    l->first_value = bl__allocate(l->allocator, (size_t)l->node_count, sizeof(*l->first_value));
    l->used_outputs = bl__allocate(l->allocator, (size_t)l->node_count, sizeof(*l->used_outputs));
    return l->first_value && l->used_outputs;
}

static void mark_tensor(bl__lowering *l, const bl_tensor *tensor)
{
    l->first_value[tensor->node->id] = 1;
    l->used_outputs[tensor->node->id] |= (uint8_t)(1u << tensor->output);
}

/* Marks the nodes that the outputs need, none being marked: ids are a topological order, so one sweep down
 * does it. */
static void mark_needed(bl__lowering *l, bl_tensor *const *outputs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mark_tensor(l, outputs[i]);
    bl__node *const *nodes = l->graph->nodes;
    bool views = false, effects = false, products = false;
    l->needed_count = 0;
    for (int64_t id = l->node_count - 1; id >= 0; id--) {
        if (!l->first_value[id])
            continue;
        const bl__node *node = nodes[id];
        const bl_op *op = node->op;
        views |= op->view != NULL;
        effects |= (op->flags & BL_OP_EFFECT) != 0;
        products |= op->key == BL__KEY_matmul;
        for (size_t i = 0; i < node->input_count; i++)
            mark_tensor(l, node->inputs[i]);
        l->needed_count++;
    }
    l->has_views = views;
    l->has_effects = effects;
    l->has_products = products;
}

/* Has fused ops take the places of what is spelled out; false without memory. */
static bool rewrite(bl__lowering *l, bl_tensor *const *outputs, size_t count)
{
    if (!l->rewrite)
        return true;
    const bl__wanted wanted = {outputs, count};
    int64_t places = bl__rewrite(l->graph, 0, l->node_count - 1, l->first_value, &wanted, 1);
    if (places > 0) {
        memset(l->first_value, 0, (size_t)l->node_count * sizeof(*l->first_value));
        memset(l->used_outputs, 0, (size_t)l->node_count * sizeof(*l->used_outputs));
        mark_needed(l, outputs, count);
    }
    return places >= 0;
}

/* Finds out which nodes run together; false without memory. Where values are checked each has an instruction
 * of its own to name, but for products and sums: taken apart they would give other bits. */
static bool fuse(bl__lowering *l, bl_tensor *const *outputs, size_t count)
{
    bl__fusion_source source = {.graph = l->graph,
                                .needed = l->first_value,
                                .node_count = (size_t)l->node_count,
                                .outputs = outputs,
                                .output_count = count,
                                .has_views = l->has_views,
                                .has_products = l->has_products,
                                .widens = l->program->precision == BL_PRECISION_F64,
                                .alone = !l->fuse || l->program->check != BL_CHECK_NOTHING,
                                .joins = l->fuse};
    return bl__fuse(&l->fusion, &source);
}

/* What lowering will append, copies that it inserts apart. */
typedef struct totals {
    size_t values, storages, instructions, operands;
} totals;

/* Counts a node that runs alone, or needs not run. */
static void count_node(const bl__node *node, totals *t)
{
    size_t outputs = (size_t)node->op->output_count;
    t->values += outputs;
    if (node->op->view || (node->op->flags & BL_OP_EFFECT))
        return;
    t->storages += outputs;
    if (node->op->flags & BL_OP_LEAF)
        return;
    t->operands += outputs + node->input_count;
    t->instructions++;
}

/* Counts all nodes, and gives their outputs their values: one that stays within a group has none. */
static void count_nodes(bl__lowering *l, totals *t)
{
    for (int64_t id = 0; id < l->node_count; id++) {
        const bl__fusion_node *known = &l->fusion.nodes[id];
        if (!l->first_value[id])
            continue;
        l->first_value[id] = (uint32_t)t->values + 1;
        if (!known->is_grouped) {
            count_node(l->graph->nodes[id], t);
            continue;
        }
        t->values += known->is_used;
        t->storages += known->is_used;
        t->operands += known->is_used;
    }
}

/* Makes room for what lowering will append, so that nothing is moved. False without memory, or when there are
 * too many values, which is reported. */
static bool reserve(bl__lowering *l, size_t output_count)
{
    bl_program *p = l->program;
    totals t = {.storages = output_count, .instructions = output_count, .operands = 2 * output_count};
    count_nodes(l, &t);
    for (size_t i = 0; i < l->fusion.group_count; i++) {
        const bl__fusion_group *group = &l->fusion.groups[i];
        t.instructions += group->member_count > 1 || group->product;
        t.operands += group->input_count + (group->product ? (size_t)BL__PRODUCT_INPUTS : 0);
    }
    if (t.values >= UINT32_MAX - 1) {
        bl__program_fail(p, BL_ERR_OVERFLOW, "compile", "the program has too many values");
        return false;
    }
    const bl_allocator *a = l->allocator;
    l->values = bl__arena_take(&p->arena, t.values * sizeof(*l->values));
    return l->values &&
           bl__reserve(a, &p->instructions, &p->instruction_capacity, t.instructions,
                       sizeof(*p->instructions)) &&
           bl__reserve(a, &p->operands, &p->operand_capacity, t.operands, sizeof(*p->operands)) &&
           bl__reserve(a, &p->storages, &p->storage_capacity, t.storages, sizeof(*p->storages)) &&
           bl__reserve(a, &l->lifetimes, &l->lifetime_capacity, t.storages, sizeof(*l->lifetimes));
}

static bool check_outputs(bl_context *context, bl_error *error, bl_tensor *const *outputs, size_t count)
{
    bl_graph *graph = NULL;
    if (!outputs || count == 0) {
        bl__report(context, error, BL_ERR_ARGUMENT, "compile", NULL, "there are no outputs");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bl_graph *own = bl__graph_of(outputs[i]);
        graph = graph ? graph : own;
        if (own && own->error.code != BL_OK) {
            *error = own->error;
            bl__report_again(context, error);
        } else if (!bl_tensor_valid(outputs[i]))
            bl__report(context, error, BL_ERR_ARGUMENT, "compile", NULL, "output %zu is %s", i,
                       outputs[i] ? "the result of an earlier error" : "NULL");
        else if (own != graph || own->context != context)
            bl__report(context, error, BL_ERR_ARGUMENT, "compile", NULL, "output %zu belongs to another %s",
                       i, own != graph ? "graph" : "context");
        else
            continue;
        return false;
    }
    return true;
}

/* The kernels that the options ask for, or else the context; NULL, reported, where they cannot run. */
static const bl__kernel_set *choose_kernels(bl_context *context, bl_error *error, bl_instruction_set wanted)
{
    wanted = wanted == BL_ISA_DEFAULT ? context->instruction_set : wanted;
    const bl__kernel_set *kernels = bl__kernel_set_of(wanted);
    if (!kernels)
        bl__report(context, error, BL_ERR_UNSUPPORTED, "compile", NULL,
                   "this %s has no %s, which the program was to use",
                   bl__kernel_set_is_built(wanted) ? "processor" : "build", bl_instruction_set_name(wanted));
    return kernels;
}

static bl_program *new_program(bl_context *context)
{
    bl_program *program = bl__allocate(&context->allocator, 1, sizeof(*program));
    if (!program)
        return NULL;
    program->head.context = bl__context_retain(context);
    program->head.valid = true;
    program->environment.message = program->message;
    bl__arena_init(&program->arena, &context->allocator);
    return program;
}

static void free_states_and_inputs(bl_program *program, const bl_allocator *allocator)
{
    for (size_t i = 0; i < program->state_count; i++) {
        bl__state *state = &program->states[i];
        bl__release_data(allocator, state->copy, state->copy_bytes);
        bl__parameter_release(state->parameter);
    }
    for (size_t i = 0; i < program->input_count; i++)
        bl__release_data(allocator, program->inputs[i].copy, program->inputs[i].bytes);
}

void bl__program_destroy(bl_program *program)
{
    const bl_allocator *a = &program->head.context->allocator;
    free_states_and_inputs(program, a);
    bl__profile_free(program);
    bl__release_data(a, program->workspace, program->planned_bytes + program->scratch_bytes);
    bl__release(a, program->instructions, program->instruction_capacity, sizeof(*program->instructions));
    bl__release(a, program->operands, program->operand_capacity, sizeof(*program->operands));
    bl__release(a, program->storages, program->storage_capacity, sizeof(*program->storages));
    bl__release(a, program->states, program->state_capacity, sizeof(*program->states));
    bl__release(a, program->inputs, program->input_capacity, sizeof(*program->inputs));
    bl__release(a, program->outputs, program->output_capacity, sizeof(*program->outputs));
    bl__release(a, program->effects, program->effect_capacity, sizeof(*program->effects));
    bl__release(a, program->bands, program->band_capacity, sizeof(*program->bands));
    bl__release(a, program->leaves, program->leaf_capacity, sizeof(*program->leaves));
    bl__arena_free(&program->arena);
    bl__release(a, program, 1, sizeof(*program));
}

void bl_program_free(bl_program *program)
{
    if (!program || (program->head.valid && program->running))
        return;
    bl_context *context = program->head.context;
    if (program->head.valid && !bl__cache_put(program)) /* see give_invalid */
        bl__program_destroy(program);
    bl__context_release(context);
}

static void free_lowering(bl__lowering *l)
{
    bl__fusion_free(&l->fusion);
    bl__release(l->allocator, l->first_value, (size_t)l->node_count, sizeof(*l->first_value));
    bl__release(l->allocator, l->used_outputs, (size_t)l->node_count, sizeof(*l->used_outputs));
    bl__release(l->allocator, l->lifetimes, l->lifetime_capacity, sizeof(*l->lifetimes));
    bl__release(l->allocator, l->candidates, l->candidate_capacity, sizeof(*l->candidates));
    bl__release(l->allocator, l->state_table, l->state_table_size, sizeof(*l->state_table));
}

/* Says in the program's error which node could not be lowered. */
static void name_node(bl__lowering *l, const bl__node *node)
{
    bl_error *error = &l->program->head.error;
    if (node->origin->scope)
        snprintf(error->scope, sizeof(error->scope), "%s", node->origin->scope->path);
    if (node->origin->file)
        bl__report_place(l->program->head.context, error, node->origin->file, node->origin->line);
}

static void lower(bl__lowering *l, const bl__node *node)
{
    bl__lower_node(l, node);
    if (!bl__lowering_ok(l))
        name_node(l, node);
}

/* Lowers a group, and the views that waited for it. */
static void lower_group(bl__lowering *l, const bl__fusion_group *group)
{
    bl__lower_group(l, group);
    if (!bl__lowering_ok(l))
        name_node(l, l->graph->nodes[group->members[group->member_count - 1]]);
    for (uint32_t view = group->first_view; view && bl__lowering_ok(l);
         view = l->fusion.nodes[view - 1].next_view)
        lower(l, l->graph->nodes[view - 1]);
}

/* Leaves a view for later, behind those that wait already. */
static void wait_for_group(bl__lowering *l, bl__fusion_group *group, const bl__node *view)
{
    uint32_t *next = &group->first_view;
    while (*next)
        next = &l->fusion.nodes[*next - 1].next_view;
    *next = view->id + 1;
}

/* Everything but effects, in the order of the tape; members of a group where the last of them stands. */
static void lower_nodes(bl__lowering *l)
{
    for (int64_t id = 0; id < l->node_count && bl__lowering_ok(l); id++) {
        const bl__fusion_node *known = &l->fusion.nodes[id];
        if (!l->first_value[id] || known->is_joined || (known->is_grouped && !known->is_last))
            continue;
        if (known->is_grouped) {
            lower_group(l, &l->fusion.groups[known->group - 1]);
            continue;
        }
        const bl__node *node = l->graph->nodes[id];
        bl__fusion_group *base = node->op->view ? bl__fusion_base_of(&l->fusion, node) : NULL;
        if (base && base->members[base->member_count - 1] > id)
            wait_for_group(l, base, node);
        else if (!(node->op->flags & BL_OP_EFFECT))
            lower(l, node);
    }
}

/* They write after everything has been computed. */
static void lower_effects(bl__lowering *l)
{
    for (int64_t id = 0; id < l->node_count && l->has_effects && bl__lowering_ok(l); id++) {
        const bl__node *node = l->graph->nodes[id];
        if (l->first_value[id] && (node->op->flags & BL_OP_EFFECT))
            lower(l, node);
    }
}

/* Plans the workspace, within the budget, and allocates it; false, reported, when there is no memory for it
 * or the budget does not do. */
static bool make_workspace(bl__lowering *l)
{
    bl_program *p = l->program;
    bool done = bl__plan(p, l->lifetimes);
    size_t bytes = p->planned_bytes + p->scratch_bytes;
    if (done && bytes > l->memory_budget) {
        if (!bl__fit(l, l->memory_budget))
            return false;
        bytes = p->planned_bytes + p->scratch_bytes;
    }
    if (done && bytes > 0) {
        p->workspace = bl__allocate_data(l->allocator, bytes);
        done = p->workspace != NULL;
        if (done)
            p->environment.scratch = p->workspace + p->planned_bytes;
    }
    if (!done)
        bl__program_fail(p, BL_ERR_MEMORY, "compile", "no memory for a workspace of %zu bytes", bytes);
    return done;
}

/* Sees to it that the context has the threads that some instruction wants. */
static void make_threads(bl_program *p)
{
    if (p->environment.wants_pool && !bl__context_pool(p->head.context, p->environment.threads))
        bl__program_fail(p, BL_ERR_MEMORY, "compile", "no memory for %d threads", p->environment.threads);
}

/* Fills the program; on failure l->program->head.error says why. */
static void build(bl__lowering *l, bl_tensor *const *outputs, size_t count)
{
    bool made = make_marks(l, outputs, count);
    if (made)
        mark_needed(l, outputs, count);
    if (!made || !rewrite(l, outputs, count) || !fuse(l, outputs, count) || !reserve(l, count)) {
        if (bl__lowering_ok(l))
            bl__lower_out_of_memory(l);
        return;
    }
    lower_nodes(l);
    lower_effects(l);
    for (size_t i = 0; i < count && bl__lowering_ok(l); i++)
        bl__lower_output(l, outputs[i]);
    if (!bl__lowering_ok(l))
        return;
    bl__find_wanted(l->program);
    bool is_limited = l->memory_budget != BL_MEMORY_UNLIMITED;
    /* under a budget nothing lives longer than it must, and instructions are dropped one by one */
    if (!bl__find_failures(l->program) || !bl__order(l) || (!is_limited && !bl__batch(l))) {
        bl__lower_out_of_memory(l);
        return;
    }
    bl__write_states(l->program, l->lifetimes);
    if (!is_limited && !bl__find_bands(l->program)) {
        bl__lower_out_of_memory(l);
        return;
    }
    if (make_workspace(l))
        make_threads(l->program);
}

/* Marks, for the program's pattern, the nodes that outputs need on the tape as it was before rewriting,
 * besides those that were lowered. False where one of them has values or a state that the program does not
 * have. */
static bool mark_as_recorded(bl__lowering *l, bl_tensor *const *outputs, size_t count)
{
    memset(l->used_outputs, 0, (size_t)l->node_count * sizeof(*l->used_outputs));
    for (size_t i = 0; i < count; i++)
        l->used_outputs[outputs[i]->node->id] = 1;
    for (int64_t id = l->node_count - 1; id >= 0; id--) {
        const bl__node *node = l->graph->nodes[id];
        for (size_t i = 0; i < node->input_count && l->used_outputs[id]; i++)
            l->used_outputs[node->inputs[i]->node->id] = 1;
        if (!l->used_outputs[id] || l->first_value[id])
            continue;
        if ((node->op->flags & (BL_OP_LEAF | BL_OP_EFFECT)) && node->op->key != BL__KEY_full)
            return false;
        l->first_value[id] = 1;
    }
    return true;
}

/* The context's invalid program, with an error reported before. Each time it is given it holds the context,
 * like any other program. */
static bl_program *give_invalid(bl_context *context, const bl_error *error)
{
    bl__program_head *failed = &bl__context_retain(context)->failed_program;
    failed->error = *error;
    bl__report_again(context, &failed->error);
    return (bl_program *)failed;
}

static bl_program *compile(bl_context *context, bl_tensor *const *outputs, size_t count,
                           const bl_compile_options *options, bool frozen)
{
    if (!context)
        return NULL;
    bl_error error = {.code = BL_OK};
    bl_program *program = NULL;
    bl_compile_options chosen = *options;
    const bl__kernel_set *kernels = NULL;
    if (chosen.threads == BL_THREADS_OF_CONTEXT)
        chosen.threads = context->threads;
    if (check_outputs(context, &error, outputs, count))
        kernels = choose_kernels(context, &error, chosen.instruction_set);
    if (kernels) {
        chosen.instruction_set = kernels->instructions;
        chosen.rewrite = chosen.rewrite && !bl__graph_of(outputs[0])->as_recorded;
        program = frozen ? NULL : bl__cache_take(context, outputs, count, &chosen);
        if (program)
            return program;
        program = new_program(context);
        if (!program)
            bl__report(context, &error, BL_ERR_MEMORY, "compile", NULL, "no memory for a program");
    }
    if (program) {
        program->precision = chosen.precision;
        program->environment.kernels = kernels;
        program->frozen = frozen;
        program->check = chosen.check;
        program->environment.threads = chosen.threads;
        bl__lowering l = {.program = program,
                          .graph = bl__graph_of(outputs[0]),
                          .allocator = &context->allocator,
                          .fuse = chosen.fuse,
                          .rewrite = chosen.rewrite,
                          .memory_budget = chosen.memory_budget,
                          .fusion = {.allocator = &context->allocator, .kernels = kernels}};
        bl__graph_mark before = bl__graph_position(l.graph);
        build(&l, outputs, count);
        bool kept = !frozen && bl__cache_is_on(context) && bl__lowering_ok(&l);
        if (l.graph->rewritten != before.rewritten || l.graph->error.code != before.error.code) {
            bl__graph_rewind(l.graph, &before);
            kept = kept && mark_as_recorded(&l, outputs, count);
        }
        if (kept)
            bl__pattern_record(&l, outputs, count); /* last: a program that has one is whole */
        free_lowering(&l);
        if (program->head.error.code == BL_OK) {
            context->cache.info.misses += !frozen && bl__cache_is_on(context);
            return program;
        }
        error = program->head.error;
        bl_program_free(program);
    }
    return give_invalid(context, &error);
}

bl_program *bl_compile_list(bl_context *context, bl_tensor *const *outputs, size_t count,
                            const bl_compile_options *options)
{
    bl_compile_options chosen = options ? *options : bl_compile_defaults();
    if (!context)
        return NULL;
    bl_error error = {.code = BL_OK};
    if (chosen.precision != BL_PRECISION_RECORDED && chosen.precision != BL_PRECISION_F64)
        bl__report(context, &error, BL_ERR_ARGUMENT, "compile", NULL, "precision %d is unknown",
                   (int)chosen.precision);
    else if (chosen.threads < 1 && chosen.threads != BL_THREADS_OF_CONTEXT)
        bl__report(context, &error, BL_ERR_ARGUMENT, "compile", NULL, "a run on %d threads", chosen.threads);
    else if ((unsigned)chosen.instruction_set >= BL_ISA_COUNT)
        bl__report(context, &error, BL_ERR_ARGUMENT, "compile", NULL, "instruction set %d is unknown",
                   (int)chosen.instruction_set);
    else if ((unsigned)chosen.check > BL_CHECK_FINITE)
        bl__report(context, &error, BL_ERR_ARGUMENT, "compile", NULL, "check %d is unknown",
                   (int)chosen.check);
    else
        return compile(context, outputs, count, &chosen, false);
    return give_invalid(context, &error);
}

bl_program *bl__compile_frozen(bl_context *context, bl_tensor *const *outputs, size_t count)
{
    bl_compile_options options = bl_compile_defaults();
    options.precision = BL_PRECISION_F64;
    return compile(context, outputs, count, &options, true);
}
