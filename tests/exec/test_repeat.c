/* Recording again on a reset graph: whatever was recorded before, the tape, its places and what its programs
 * compute are those of a new graph. */
#include "bowline/bowline.h"
#include "graph/repeat.h"
#include "support/errors.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    WIDTH = 4,
    ROUNDS = 600,
    PLANS = 9
};

/* Everything that a recording is made on. */
typedef struct world {
    bl_context *context;
    bl_params *params;
    bl_optimizer *adam, *sgd;
    bl_graph *graph;
    bl_tensor *loss, *gradient, *update, *side;
} world;

static world make_world(size_t cached_programs)
{
    bl_context_options options = bl_context_defaults();
    options.cached_programs = cached_programs;
    world w = {.context = bl_context_new(&options)};
    w.params = bl_params_new(w.context);
    bl_rng *rng = bl_rng_new(w.context, 1);
    const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++)
        bl_params_add(w.params, names[i], BL_F32, BL_SHAPE(WIDTH, WIDTH), bl_init_normal(0, 0.5), rng);
    bl_params_add_buffer(w.params, "seen", BL_F32, BL_SHAPE(WIDTH));
    bl_params_add_random(w.params, "random", 5);
    bl_batch_norm_params(w.params, "norm", WIDTH);
    bl_rng_free(rng);
    w.adam = bl_adam(w.context, NULL);
    bl_sgd_options sgd = bl_sgd_defaults();
    sgd.momentum = 0.5;
    w.sgd = bl_sgd(w.context, &sgd);
    w.graph = bl_graph_new(w.context);
    return w;
}

static void drop_world(world *w)
{
    bl_graph_free(w->graph);
    bl_optimizer_free(w->adam);
    bl_optimizer_free(w->sgd);
    bl_params_free(w->params);
    bl_context_free(w->context);
}

/* What is recorded in a round: a plan differs from the others in one thing, and `round` in none but values.
 */
typedef struct plan {
    int kind;
    float shift;
} plan;

static bl_status infer_first(bl_infer_call *call)
{
    call->dtype[0] = bl_tensor_dtype(call->inputs[0]);
    call->shape[0] = bl_tensor_shape(call->inputs[0]);
    return BL_OK;
}

/* The factor of a derivative that looks at more than the tape. */
static double mood = 1;

static void vjp_moody(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul_scalar(call->cotangents[0], mood);
}

static bl_status compute_same(const bl_compute_call *call)
{
    memcpy(call->outputs[0], call->inputs[0], (size_t)bl_shape_count(call->output_shapes[0]) * sizeof(float));
    return BL_OK;
}

static const bl_op moody = {.size = sizeof(bl_op),
                            .name = "moody",
                            .min_inputs = 1,
                            .max_inputs = 1,
                            .output_count = 1,
                            .infer = infer_first,
                            .vjp = vjp_moody,
                            .compute = compute_same};

/* The layers of the model; plans 5 to 8 are the base with something of its own in the middle. */
static bl_tensor *layers(const world *w, const plan *p, bl_tensor *x)
{
    bl_graph *g = w->graph;
    x = bl_linear(x, bl_param(g, w->params, "/a"), NULL);
    bl_scope_push(g, p->kind == 1 ? "two" : "one"); /* a text of the same length */
    x = bl_label(bl_tanh(x), "hidden");
    if (p->kind == 2)
        x = bl_at(bl_neg(x), "elsewhere.c", 7);
    if (p->kind == 3)
        x = bl_at(bl_neg(x), "elsewhere.c", 8);
    if (p->kind == 4)
        x = bl_mul(x, bl_sigmoid(x));
    if (p->kind == 5)
        x = bl_dropout(x, 0.25, true, bl_params_find(w->params, "random"));
    if (p->kind == 6)
        x = bl_batch_norm(x, bl_params_find(w->params, "norm.running_mean"),
                          bl_params_find(w->params, "norm.running_var"),
                          bl_param(g, w->params, "/norm.weight"), bl_param(g, w->params, "/norm.bias"), true);
    if (p->kind == 7)
        x = bl_apply(g, &moody, &x, 1, NULL);
    bl_scope_pop(g);
    x = bl_matmul(x, bl_param(g, w->params, "/b"));
    return bl_add(x, bl_matmul(x, bl_param(g, w->params, "/c")));
}

static void record(world *w, const plan *p, bool sgd)
{
    bl_graph *g = w->graph;
    float values[3 * WIDTH];
    for (int i = 0; i < 3 * WIDTH; i++)
        values[i] = (float)(i % 5) - 2 + p->shift;
    bl_tensor *x = bl_constant(g, BL_F32, BL_SHAPE(3, WIDTH), values);
    bl_tensor *y = layers(w, p, x);
    w->loss = bl_mean(bl_square(bl_sub(y, x)), BL_ALL_AXES, false);
    bl_tensor *a = bl_param(g, w->params, "a");
    w->side = bl_sum(a, BL_AXES(0), false);
    if (p->kind == 8) /* a gradient of its own before that of the update */
        w->side = bl_add(w->side, bl_sum(bl_gradient(w->loss, a), BL_AXES(0), false));
    bl_tensor *effects[] = {bl_minimize(sgd ? w->sgd : w->adam, w->loss),
                            bl_assign(bl_params_find(w->params, "seen"), w->side)};
    w->gradient = bl_optimizer_gradient(sgd ? w->sgd : w->adam, g, bl_params_find(w->params, "a"));
    w->update = bl_group(g, effects, 2);
    cr_assert_eq(bl_graph_error(g)->code, BL_OK, "%s", error_text(bl_graph_error(g)));
}

/* Compiles and runs what was recorded, and gives what came out. */
static void run(const world *w, float values[1 + 2 * WIDTH * WIDTH + WIDTH])
{
    bl_program *program = bl_compile(w->context, w->loss, w->gradient, w->update);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    bl_read(program, w->loss, values, sizeof(float));
    bl_read(program, w->gradient, values + 1, WIDTH * WIDTH * sizeof(float));
    bl_program_free(program);
    bl_parameter_read(bl_params_find(w->params, "b"), values + 1 + WIDTH * WIDTH,
                      WIDTH * WIDTH * sizeof(float));
    bl_parameter_read(bl_params_find(w->params, "seen"), values + 1 + 2 * WIDTH * WIDTH,
                      WIDTH * sizeof(float));
}

static void expect_same_origin(const bl__origin *a, const bl__origin *b, int64_t id)
{
    cr_assert_eq(a->line, b->line, "node %ld is at line %d, not %d", (long)id, a->line, b->line);
    cr_assert_eq(a->file, b->file, "node %ld", (long)id);
    cr_assert_eq(!a->scope, !b->scope, "node %ld", (long)id);
    cr_assert_eq(!a->label, !b->label, "node %ld", (long)id);
    cr_assert(!a->scope || strcmp(a->scope->path, b->scope->path) == 0, "node %ld", (long)id);
    cr_assert(!a->label || strcmp(a->label, b->label) == 0, "node %ld", (long)id);
}

static void expect_same_tape(const bl_graph *a, const bl_graph *b)
{
    cr_assert_eq(a->node_count, b->node_count);
    for (int64_t id = 0; id < a->node_count; id++) {
        const bl__node *m = a->nodes[id], *n = b->nodes[id];
        cr_assert(m->op == n->op && m->id == id && m->input_count == n->input_count, "node %ld", (long)id);
        for (uint32_t i = 0; i < m->input_count; i++)
            cr_assert(m->inputs[i]->node->id == n->inputs[i]->node->id &&
                          m->inputs[i]->output == n->inputs[i]->output,
                      "node %ld", (long)id);
        for (int i = 0; i < m->op->output_count; i++) {
            const bl_tensor *s = &m->outputs[i], *t = &n->outputs[i];
            cr_assert(s->node == m && s->dtype == t->dtype && s->count == t->count &&
                          s->unreached == t->unreached &&
                          bl_shape_equal(bl_tensor_shape(s), bl_tensor_shape(t)),
                      "node %ld", (long)id);
        }
        expect_same_origin(m->origin, n->origin, id);
    }
    cr_assert_eq(a->use_count, b->use_count);
    cr_assert_eq(a->streams, b->streams);
    cr_assert_eq(a->located, b->located);
}

/* Changes between recordings that a tape does not show by itself. */
static void disturb(world *w, unsigned what)
{
    if (what == 0)
        bl_parameter_set_trainable(bl_params_find(w->params, "c"), false);
    if (what == 1)
        bl_parameter_set_trainable(bl_params_find(w->params, "c"), true);
    if (what == 2) { /* another parameter, perhaps where the last one was */
        bl_params *params = bl_params_new(w->context);
        bl_params_add(params, "d", BL_F32, BL_SHAPE(WIDTH), bl_init_ones(), NULL);
        bl_graph_reset(w->graph);
        bl_sum(bl_param(w->graph, params, "d"), BL_ALL_AXES, false);
        bl_params_free(params);
    }
    if (what == 3) { /* a tape that ends early */
        bl_graph_reset(w->graph);
        bl_param(w->graph, w->params, "a");
    }
}

static unsigned next(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

Test(repeat, any_recording_after_any_other_is_as_on_a_new_graph, .timeout = 120)
{
    world again = make_world(64), fresh = make_world(0);
    unsigned seed = 1;
    plan p = {.kind = 0};
    bool sgd = false;
    for (int round = 0; round < ROUNDS; round++) {
        float values[2][1 + 2 * WIDTH * WIDTH + WIDTH];
        if (next(&seed) % 3 == 0)
            p.kind = (int)(next(&seed) % PLANS);
        if (next(&seed) % 7 == 0)
            sgd = !sgd;
        mood = next(&seed) % 4 ? mood : 3 - mood;
        p.shift = (float)(next(&seed) % 8) / 8;
        unsigned what = next(&seed) % 16;
        disturb(&again, what);
        disturb(&fresh, what);
        bl_graph_reset(again.graph);
        bl_graph_free(fresh.graph);
        fresh.graph = bl_graph_new(fresh.context);
        record(&again, &p, sgd);
        record(&fresh, &p, sgd);
        expect_same_tape(again.graph, fresh.graph);
        run(&again, values[0]);
        run(&fresh, values[1]);
        cr_assert_arr_eq(values[0], values[1], sizeof(values[0]), "round %d, plan %d", round, p.kind);
    }
    cr_assert_gt(bl_context_cache_info(again.context).hits, ROUNDS / 2);
    drop_world(&again);
    drop_world(&fresh);
}

/* The same tape is taken over node by node, as the count of those that repeat tells; going back on the tape
 * ends that. */
Test(repeat, what_is_the_same_is_taken_over)
{
    world w = make_world(64);
    plan p = {.kind = 0};
    for (int round = 0; round < 3; round++) {
        bl_graph_reset(w.graph);
        record(&w, &p, false);
        cr_assert_eq(w.graph->repeated, round > 0 ? w.graph->node_count : 0);
    }
    uint64_t lineage = w.graph->lineage;
    p.kind = 4;
    bl_graph_reset(w.graph);
    record(&w, &p, false);
    cr_assert_gt(w.graph->repeated, 3);
    cr_assert_lt(w.graph->repeated, w.graph->node_count / 2);
    cr_assert_neq(w.graph->lineage, lineage);

    lineage = w.graph->lineage;
    bl__graph_mark mark = bl__graph_position(w.graph);
    bl_neg(w.loss);
    bl__graph_rewind(w.graph, &mark);
    cr_assert_neq(w.graph->lineage, lineage);
    cr_assert(!bl__in_step(w.graph));
    drop_world(&w);
}
