/* Programs found again: what is a hit and what is not, and that a hit computes what a new program would. */
#include "bowline/bowline.h"
#include "exec/cache.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(cache, .init = open_all, .fini = close_all);

static bl_cache_info info(void)
{
    return bl_context_cache_info(context);
}

/* ---- the tied model, recorded again at every step ---- */

enum {
    CLASSES = 10,
    WIDTH = 3,
    STEPS = 20
};

typedef struct model {
    bl_context *context;
    bl_params *params;
    bl_optimizer *adam;
    bl_graph *graph;
} model;

static model make_model(const bl_context_options *options)
{
    model m = {.context = bl_context_new(options)};
    m.params = bl_params_new(m.context);
    bl_rng *rng = bl_rng_new(m.context, 0);
    bl_linear_params(m.params, "head", WIDTH, CLASSES, true, rng);
    bl_params_register(m.params, "embedding.weight", bl_params_find(m.params, "head.weight"));
    bl_rng_free(rng);
    m.adam = bl_adam(m.context, NULL);
    m.graph = bl_graph_new(m.context);
    return m;
}

static void drop_model(model *m)
{
    bl_graph_free(m->graph);
    bl_optimizer_free(m->adam);
    bl_params_free(m->params);
    bl_context_free(m->context);
}

static bl_tensor *record_loss(const model *m, int64_t step)
{
    const int64_t tokens[] = {4, 9, 3, step % CLASSES, 3, 9};
    bl_tensor *input = bl_constant(m->graph, BL_I64, BL_SHAPE(2, 3), tokens);
    bl_tensor *weight = bl_param(m->graph, m->params, "head.weight");
    bl_tensor *embedded = bl_embedding(bl_param(m->graph, m->params, "embedding.weight"), input);
    bl_tensor *predicted =
        bl_softmax(bl_linear(embedded, weight, bl_param(m->graph, m->params, "head.bias")), -1);
    return bl_mse_loss(predicted, bl_one_hot(input, CLASSES, BL_F32));
}

enum {
    RESET,     /* the graph is recorded on again */
    NEW_GRAPH, /* a new one each step */
    OFF        /* and nothing is kept */
};

/* Trains with other tokens at every step and gives the losses. */
static void train(int how, float losses[STEPS])
{
    bl_context_options options = bl_context_defaults();
    options.cached_programs = how == OFF ? 0 : options.cached_programs;
    model m = make_model(&options);
    for (int64_t step = 0; step < STEPS; step++) {
        if (how == RESET)
            bl_graph_reset(m.graph);
        else {
            bl_graph_free(m.graph);
            m.graph = bl_graph_new(m.context);
        }
        bl_tensor *loss = record_loss(&m, step);
        bl_program *program = bl_compile(m.context, loss, bl_minimize(m.adam, loss));
        cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
        bl_read(program, loss, &losses[step], sizeof(losses[step]));
        bl_program_free(program);
    }
    bl_cache_info kept = bl_context_cache_info(m.context);
    cr_assert_eq(kept.hits, how == OFF ? 0 : STEPS - 1);
    cr_assert_eq(kept.misses, how == OFF ? 0 : 1);
    cr_assert_eq(kept.programs, how != OFF);
    cr_assert_eq(kept.bytes > 0, how != OFF);
    drop_model(&m);
}

Test(cache, a_recorded_step_is_found_again_and_computes_the_same)
{
    float off[STEPS], reset[STEPS], fresh[STEPS];
    train(OFF, off);
    train(RESET, reset);
    train(NEW_GRAPH, fresh);
    cr_assert_arr_eq(off, reset, sizeof(off));
    cr_assert_arr_eq(off, fresh, sizeof(off));
    cr_assert_lt(off[STEPS - 1], off[0]);
}

/* ---- near misses ---- */

enum {
    BASE,
    OTHER_NUMBER,
    OTHER_OP,
    OTHER_DTYPE,
    OTHER_SHAPE,
    OTHER_RANK,
    OTHER_PARAMETER,
    OTHER_INPUT_NAME,
    OTHER_ORDINAL,
    OTHER_ORDER,
    OTHER_COUNT,
    NOT_SHARED,
    OTHER_FULL,
    OTHER_LABEL,
    OTHER_SCOPE,
    OTHER_LINE,
    OTHER_STATE,
    VARIANTS
};

/* A small tape that differs from the base in one way. */
static bl_program *compile_variant(int variant, const bl_compile_options *options)
{
    static const float values[2] = {1, 2};
    bl_graph *g = graph;
    bl_graph_reset(g);
    bl_dtype dtype = variant == OTHER_DTYPE ? BL_F64 : BL_F32;
    bl_shape shape = variant == OTHER_SHAPE  ? BL_SHAPE(3)
                     : variant == OTHER_RANK ? BL_SHAPE(1, 2)
                                             : BL_SHAPE(2);
    if (variant == OTHER_ORDINAL)
        bl_input(g, "unused", BL_F32, BL_SCALAR);
    bl_scope_push(g, variant == OTHER_SCOPE ? "b" : "a");
    bl_tensor *x = bl_input(g, variant == OTHER_INPUT_NAME ? "y" : "x", dtype, shape);
    bl_tensor *p = bl_param(g, params, variant == OTHER_PARAMETER ? "/q" : "/p");
    bl_tensor *scaled = bl_mul_scalar(x, variant == OTHER_NUMBER ? 3 : 2);
    bl_tensor *sum = variant == OTHER_OP ? (bl_sub)(scaled, x) : (bl_add)(scaled, x);
    bl_at(sum, __FILE__, variant == OTHER_LINE ? 2 : 1);
    bl_label(sum, variant == OTHER_LABEL ? "total" : "sum");
    bl_tensor *other = variant == NOT_SHARED ? bl_mul_scalar(x, 2) : scaled;
    bl_tensor *c = bl_constant(g, BL_F32, BL_SHAPE(2), values);
    bl_tensor *full = bl_full(g, BL_F32, BL_SHAPE(2), variant == OTHER_FULL ? 0.5 : 1);
    bl_tensor *right = bl_mul(bl_add(p, c), full);
    bl_tensor *effect = bl_assign(bl_params_find(params, variant == OTHER_STATE ? "n" : "m"), right);
    bl_scope_pop(g);
    cr_assert_eq(bl_graph_error(g)->code, BL_OK, "%s", error_text(bl_graph_error(g)));
    bl_tensor *outputs[] = {sum, right, effect, other};
    if (variant == OTHER_ORDER) {
        outputs[0] = right;
        outputs[1] = sum;
    }
    bl_program *program = bl_compile_list(context, outputs, variant == OTHER_COUNT ? 3 : 4, options);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

/* Whether compiling a variant is a hit. */
static bool hits(int variant, const bl_compile_options *options)
{
    bl_cache_info before = info();
    bl_program_free(compile_variant(variant, options));
    bl_cache_info after = info();
    cr_assert_eq(after.hits + after.misses, before.hits + before.misses + 1);
    return after.hits > before.hits;
}

static void add_parameters(void)
{
    bl_params_add(params, "p", BL_F32, BL_SHAPE(2), bl_init_ones(), NULL);
    bl_params_add(params, "q", BL_F32, BL_SHAPE(2), bl_init_ones(), NULL);
    bl_params_add_buffer(params, "m", BL_F32, BL_SHAPE(2));
    bl_params_add_buffer(params, "n", BL_F32, BL_SHAPE(2));
}

Test(cache, near_misses_of_every_kind_are_misses)
{
    add_parameters();
    for (int variant = 0; variant < VARIANTS; variant++) {
        cr_assert(!hits(variant, NULL), "variant %d", variant);
        cr_assert(hits(variant, NULL), "variant %d", variant);
        cr_assert(hits(BASE, NULL), "after variant %d", variant);
        bl_graph_free(graph);
        graph = bl_graph_new(context);
        cr_assert(hits(variant, NULL), "variant %d on a new graph", variant);
    }
    bl_compile_options f64 = bl_compile_defaults(), alone = bl_compile_defaults();
    f64.precision = BL_PRECISION_F64;
    alone.fuse = false;
    cr_assert(!hits(BASE, &f64) && hits(BASE, &f64));
    cr_assert(!hits(BASE, &alone) && hits(BASE, &alone));
    bl_compile_options threads = bl_compile_defaults(), same = bl_compile_defaults();
    threads.threads = bl_context_threads(context) + 1;
    same.threads = bl_context_threads(context);
    cr_assert(!hits(BASE, &threads) && hits(BASE, &threads) && hits(BASE, &same));
    bl_compile_options checked = bl_compile_defaults(), finite = checked;
    checked.check = BL_CHECK_NAN;
    finite.check = BL_CHECK_FINITE;
    cr_assert(!hits(BASE, &checked) && hits(BASE, &checked));
    cr_assert(!hits(BASE, &finite) && hits(BASE, &finite));
    cr_assert(hits(BASE, NULL));
    bl_params_tie(params, "q", "p"); /* q's parameter is gone, and p is what it was */
    cr_assert(hits(BASE, NULL));
    bl_params_untie(params, "q");
    cr_assert(!hits(BASE, NULL), "p's names have changed their meaning");
    cr_assert(hits(BASE, NULL));
}

/* A hash says nothing: two programs whose hashes are made equal are told apart. */
Test(cache, equal_hashes_are_not_believed)
{
    bl_tensor *x = bl_full(graph, BL_F64, BL_SCALAR, 3), *square = bl_square(x), *negative = bl_neg(x);
    square->hash = negative->hash = 1;
    bl_program *first = bl_compile(context, square);
    bl_program_free(first);
    bl_program *second = bl_compile(context, negative);
    cr_assert_eq(bl_run(second), BL_OK);
    cr_assert_float_eq(bl_item(second, negative), -3, 0);
    cr_assert_eq(info().hits, 0);
    bl_program_free(second);
    cr_assert_eq(info().programs, 2);
    first = bl_compile(context, square);
    cr_assert_eq(info().hits, 1);
    cr_assert_eq(bl_run(first), BL_OK);
    cr_assert_float_eq(bl_item(first, square), 9, 0);
    bl_program_free(first);
}

/* ---- what a hit is ---- */

/* x * 2 + the constant c, after some nodes that nothing needs. */
static bl_program *compile_doubled(bl_graph *g, int unneeded, double c, bl_tensor **x, bl_tensor **y)
{
    *x = bl_input(g, "x", BL_F64, BL_SCALAR);
    for (int i = 0; i < unneeded; i++)
        bl_exp(*x);
    bl_tensor *constant = bl_constant(g, BL_F64, BL_SCALAR, &c);
    *y = bl_add(bl_mul_scalar(*x, 2), constant);
    return bl_compile(context, *y);
}

Test(cache, a_hit_is_as_a_new_program_with_the_new_handles_and_constants)
{
    bl_tensor *x, *y;
    const double three = 3;
    bl_program *program = compile_doubled(graph, 0, 1, &x, &y);
    bl_bind_input(program, x, &three, sizeof(three));
    cr_assert_eq(bl_run(program), BL_OK);
    cr_assert_float_eq(bl_item(program, y), 7, 0);
    bl_bind_input(program, y, &three, sizeof(three)); /* an error of the first life */
    cr_assert_eq(bl_profile_start(program), BL_OK);
    bl_program_free(program);

    bl_graph *other = bl_graph_new(context);
    program = compile_doubled(other, 3, 10, &x, &y);
    cr_assert_eq(info().hits, 1);
    cr_assert_eq(bl_program_error(program)->code, BL_OK);
    cr_assert_eq(bl_run(program), BL_ERR_STATE, "the input has not been set in this life");
    cr_assert(isnan(bl_item(program, y)));
    bl_set_input(program, x, &three, sizeof(three));
    cr_assert_eq(bl_run(program), BL_OK);
    cr_assert_float_eq(bl_item(program, y), 16, 0);
    cr_assert_eq(bl_profile_run(program).runs, 0);
    bl_program_free(program);
    program = compile_doubled(graph, 1, 0, &x, &y); /* on the first graph, further on: another ordinal */
    cr_assert_eq(info().misses, 2);
    bl_program_free(program);
    bl_graph_free(other);
}

Test(cache, two_programs_in_hand_are_never_one)
{
    bl_tensor *x, *y, *x2, *y2;
    const double one = 1, two = 2;
    for (int round = 0; round < 3; round++) {
        bl_graph *g = bl_graph_new(context);
        bl_program *first = compile_doubled(graph, 0, 0, &x, &y),
                   *second = compile_doubled(g, 0, 0, &x2, &y2);
        cr_assert_neq(first, second);
        bl_set_input(first, x, &one, sizeof(one));
        bl_set_input(second, x2, &two, sizeof(two));
        cr_assert(bl_run(first) == BL_OK && bl_run(second) == BL_OK);
        cr_assert_float_eq(bl_item(first, y), 2, 0);
        cr_assert_float_eq(bl_item(second, y2), 4, 0);
        bl_program_free(first);
        bl_program_free(second);
        cr_assert_eq(info().programs, 2);
        cr_assert_eq(info().hits, 2 * round);
        bl_graph_free(g);
        bl_graph_reset(graph);
    }
}

/* Where an op fails is where this recording has it, and bl_eval goes the same way as any compile. */
Test(cache, messages_name_the_place_of_the_new_recording)
{
    const float rows[4] = {0};
    for (int round = 0; round < 4; round++) {
        const int64_t wrong = 7;
        bl_graph_reset(graph);
        bl_tensor *table = bl_constant(graph, BL_F32, BL_SHAPE(2, 2), rows);
        bl_tensor *index = bl_constant(graph, BL_I64, BL_SHAPE(1), &wrong);
        bl_tensor *taken = round % 2 ? bl_embedding(table, index)
                                     : bl_embedding(table, index); /* formatted onto two lines */
        int line = __LINE__ - (round % 2 ? 2 : 1);
        float values[2];
        cr_assert_eq(bl_eval(taken, values, sizeof(values)), BL_ERR_INDEX);
        cr_assert_eq(bl_context_error(context)->line, line, "%d, not %d", bl_context_error(context)->line,
                     line);
    }
    cr_assert_eq(info().misses, 2);
    cr_assert_eq(info().hits, 2);
}

/* ---- bounds ---- */

/* Compiles and frees x + number. */
static void compile_number(double number)
{
    bl_graph_reset(graph);
    bl_program_free(bl_compile(context, bl_add_scalar(bl_full(graph, BL_F32, BL_SHAPE(4), 1), number)));
}

static void open_with(size_t programs, size_t bytes)
{
    close_all();
    bl_context_options options = bl_context_defaults();
    options.cached_programs = programs;
    options.cached_bytes = bytes;
    context = bl_context_new(&options);
    graph = bl_graph_new(context);
    params = bl_params_new(context);
}

Test(cache, the_oldest_make_room)
{
    open_with(3, (size_t)64 << 20);
    for (int i = 0; i < 4; i++)
        compile_number(i);
    cr_assert_eq(info().programs, 3);
    compile_number(1); /* now the newest */
    cr_assert_eq(info().hits, 1);
    compile_number(4); /* 2 goes */
    compile_number(1);
    compile_number(3);
    cr_assert_eq(info().hits, 3);
    compile_number(0);
    compile_number(2);
    cr_assert_eq(info().hits, 3);
    cr_assert_eq(info().misses, 7);

    size_t each = info().bytes / 3;
    bl_context_cache_clear(context);
    cr_assert_eq(info().programs, 0);
    cr_assert_eq(info().bytes, 0);
    open_with(100, 2 * each + each / 2);
    for (int i = 0; i < 5; i++)
        compile_number(i);
    cr_assert_eq(info().programs, 2);
    cr_assert_leq(info().bytes, 2 * each + each / 2);
    open_with(100, each / 2); /* none fits */
    compile_number(0);
    cr_assert_eq(info().programs, 0);
    open_with(0, (size_t)64 << 20);
    compile_number(0);
    compile_number(0);
    cr_assert_eq(info().programs + info().hits + info().misses, 0);
    bl_context_cache_clear(NULL);
    cr_assert_eq(bl_context_cache_info(NULL).bytes, 0);
}

Test(cache, long_tapes_are_not_kept)
{
    bl_tensor *x = bl_full(graph, BL_F32, BL_SHAPE(1), 1);
    for (int i = 0; i < BL__PATTERN_NODES - 1; i++)
        x = bl_neg(x);
    bl_program_free(bl_compile(context, x));
    cr_assert_eq(info().programs, 1);
    bl_program_free(bl_compile(context, bl_neg(x)));
    cr_assert_eq(info().programs, 1);
}

/* ---- what a kept program holds ---- */

static bl_program *compile_step(const model *m)
{
    bl_graph_reset(m->graph);
    bl_tensor *loss = record_loss(m, 0);
    bl_program *program = bl_compile(m->context, loss, bl_minimize(m->adam, loss));
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

Test(cache, neither_parameters_nor_the_context_are_held)
{
    failing_allocator memory;
    char text[200];
    failing_allocator_init(&memory);
    bl_context_options options = failing_allocator_options(&memory);
    model m = make_model(&options);
    bl_program_free(compile_step(&m));
    size_t before = memory.live_bytes;
    bl_params *large = bl_params_new(m.context);
    bl_params_add(large, "large", BL_F32, BL_SHAPE(1000, 1000), bl_init_ones(), NULL);
    bl_tensor *sum = bl_sum(bl_param(m.graph, large, "large"), BL_ALL_AXES, false);
    bl_program *program = bl_compile(m.context, sum);
    cr_assert_eq(bl_run(program), BL_OK);
    bl_program_free(program);
    bl_graph_reset(m.graph);
    bl_params_free(large);
    cr_assert_lt(memory.live_bytes, before + 100000);
    cr_assert_eq(bl_context_cache_info(m.context).programs, 2);

    large =
        bl_params_new(m.context); /* another parameter of the same name and shape, maybe in the same place */
    bl_params_add(large, "large", BL_F32, BL_SHAPE(1000, 1000), bl_init_constant(2), NULL);
    sum = bl_sum(bl_param(m.graph, large, "large"), BL_ALL_AXES, false);
    program = bl_compile(m.context, sum);
    cr_assert_eq(bl_context_cache_info(m.context).hits, 0);
    cr_assert_eq(bl_run(program), BL_OK);
    cr_assert_float_eq(bl_item(program, sum), 2e6, 0);
    bl_params_free(large);
    drop_model(&m); /* the context stays for the program's sake */
    cr_assert_eq(bl_run(program), BL_OK);
    bl_program_free(program);
    cr_assert(failing_allocator_clean(&memory, text, sizeof(text)), "%s", text);
}

/* A state that is written and not read is of the generation of the compile, as in a new program. */
Test(cache, what_a_tie_made_stale_is_compiled_anew)
{
    bl_params_add(params, "a", BL_F32, BL_SHAPE(2), bl_init_ones(), NULL);
    bl_params_add(params, "b", BL_F32, BL_SHAPE(2), bl_init_zeros(), NULL);
    bl_params_add_buffer(params, "c", BL_F32, BL_SHAPE(2));
    bl_params_register(params, "c2", bl_params_find(params, "c"));
    for (int round = 0; round < 4; round++) {
        bl_graph_reset(graph);
        bl_tensor *sum = bl_add(bl_param(graph, params, "a"), bl_param(graph, params, "b"));
        bl_tensor *effect = bl_assign(bl_params_find(params, "c"), sum);
        bl_program *program = bl_compile(context, sum, effect);
        cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
        cr_assert_float_eq(bl_item_at(program, sum, BL_SHAPE(0)), round < 2 ? 1 : 2, 0);
        if (round == 1) {
            bl_params_tie(params, "b", "a");
            bl_params_untie(params, "c2");
            cr_assert_eq(bl_run(program), BL_ERR_STALE);
        }
        bl_program_free(program);
    }
    cr_assert_eq(info().misses, 2);
    cr_assert_eq(info().hits, 2);
}

/* ---- ops of the user's ---- */

static bl_status infer_first(bl_infer_call *call)
{
    call->dtype[0] = bl_tensor_dtype(call->inputs[0]);
    call->shape[0] = bl_tensor_shape(call->inputs[0]);
    return BL_OK;
}

static bl_status give_one(const bl_compute_call *call)
{
    *(float *)call->outputs[0] = 1;
    return BL_OK;
}

static bl_status give_two(const bl_compute_call *call)
{
    *(float *)call->outputs[0] = 2;
    return BL_OK;
}

/* What an op was is compared, not where it stands. */
Test(cache, an_op_of_the_user_counts_by_what_it_is)
{
    static bl_op op;
    bl_status (*const computes[])(const bl_compute_call *call) = {give_one, give_one, give_two, give_one,
                                                                  give_one};
    static char name[8];
    for (int round = 0; round < 5; round++) {
        strcpy(name, round == 4 ? "other" : "given");
        op = (bl_op){.size = sizeof(op),
                     .name = name,
                     .min_inputs = 1,
                     .max_inputs = 1,
                     .output_count = 1,
                     .infer = infer_first,
                     .compute = computes[round]};
        bl_graph_reset(graph);
        bl_tensor *x = bl_full(graph, BL_F32, BL_SCALAR, 0), *y = bl_apply(graph, &op, &x, 1, NULL);
        bl_program *program = bl_compile(context, y);
        cr_assert_eq(bl_run(program), BL_OK);
        cr_assert_float_eq(bl_item(program, y), round == 2 ? 2 : 1, 0);
        bl_program_free(program);
    }
    cr_assert_eq(info().hits, 2);
    cr_assert_eq(info().misses, 3);
}

/* ---- memory ---- */

Test(cache, recording_again_does_not_grow, .timeout = 120)
{
    failing_allocator memory;
    failing_allocator_init(&memory);
    bl_context_options options = failing_allocator_options(&memory);
    model m = make_model(&options);
    size_t live = 0;
    long calls = 0;
    for (int i = 0; i < 10000; i++) {
        bl_program_free(compile_step(&m));
        if (i == 2) {
            live = memory.live_bytes;
            calls = memory.calls;
        }
    }
    cr_assert_eq(memory.live_bytes, live);
    cr_assert_eq(memory.calls, calls, "nothing is allocated");
    drop_model(&m);
}

/* A life of three structures in turn, with whatever fails; true when nothing did. */
static bool live_through(failing_allocator *memory)
{
    bl_context_options options = failing_allocator_options(memory);
    options.cached_programs = 2;
    bl_context *own = bl_context_new(&options);
    bl_graph *g = bl_graph_new(own);
    bl_params *registry = bl_params_new(own);
    bl_params_add(registry, "w", BL_F32, BL_SHAPE(3), bl_init_ones(), NULL);
    bl_optimizer *adam = bl_adam(own, NULL);
    bool done = true;
    for (int round = 0; round < 9; round++) {
        const float values[] = {1, 2, 3};
        bl_graph_reset(g);
        bl_tensor *w = bl_param(g, registry, "w"), *x = bl_input(g, "x", BL_F32, BL_SHAPE(3));
        for (int i = 0; i < round % 3; i++)
            w = bl_label(bl_tanh(w), "layer");
        bl_tensor *loss =
            bl_sum(bl_mul(bl_mul(w, x), bl_constant(g, BL_F32, BL_SHAPE(3), values)), BL_ALL_AXES, false);
        bl_program *program = own ? bl_compile(own, loss, bl_minimize(adam, loss)) : NULL;
        bl_set_input(program, x, values, sizeof(values));
        done = bl_run(program) == BL_OK && done;
        bl_program_free(program);
        bl_optimizer_clear_error(adam);
    }
    bl_optimizer_free(adam);
    bl_params_free(registry);
    bl_graph_free(g);
    bl_context_free(own);
    return done;
}

Test(cache, any_allocation_may_fail, .timeout = 120)
{
    char text[200];
    for (int keep = 0; keep < 2; keep++) {
        failing_allocator memory;
        bool done = false;
        for (long k = 1; !done; k++) {
            failing_allocator_init(&memory);
            failing_allocator_fail(&memory, k, keep);
            done = live_through(&memory) && !failing_allocator_has_failed(&memory);
            cr_assert(failing_allocator_clean(&memory, text, sizeof(text)), "allocation %ld: %s", k, text);
            cr_assert(!done || k > 50);
        }
    }
}

/* ---- a parameter in another's place ---- */

enum {
    KEPT = 512
};

/* An allocator that gives the block that was released last among those of a size again. */
typedef struct keeper {
    void *block[KEPT];
    size_t bytes[KEPT], count;
} keeper;

static void *allocate_kept(void *user, size_t bytes, size_t alignment)
{
    keeper *k = user;
    for (size_t i = k->count; i-- > 0;) {
        void *block = k->block[i];
        if (k->bytes[i] != bytes || (uintptr_t)block % alignment != 0)
            continue;
        k->count--;
        for (; i < k->count; i++) {
            k->block[i] = k->block[i + 1];
            k->bytes[i] = k->bytes[i + 1];
        }
        return block;
    }
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void release_kept(void *user, void *block, size_t bytes)
{
    keeper *k = user;
    cr_assert_lt(k->count, KEPT);
    k->block[k->count] = block;
    k->bytes[k->count++] = bytes;
}

/* Two times a parameter, recorded, compiled and run; what it is. */
static double twice(bl_context *own, bl_graph *tape, bl_parameter *p)
{
    bl_tensor *y = bl_mul_scalar(bl_use(tape, p), 2);
    bl_program *program = bl_compile(own, y);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    double value = bl_item(program, y);
    bl_program_free(program);
    return value;
}

/* A parameter counts by its id: one that stands where another was before it was freed is not the same, though
 * the recording is at all its addresses. */
Test(cache, another_parameter_at_the_same_address)
{
    static keeper kept;
    bl_context_options options = bl_context_defaults();
    options.allocator = (bl_allocator){allocate_kept, release_kept, &kept};
    bl_context *own = bl_context_new(&options);
    bl_graph *tape = bl_graph_new(own);
    uintptr_t places[2];
    for (int i = 0; i < 2; i++) {
        float value = (float)(3 + i);
        bl_params *registry = bl_params_new(own);
        bl_parameter *p = bl_params_add(registry, "p", BL_F32, BL_SCALAR, bl_init_zeros(), NULL);
        cr_assert_eq(bl_parameter_write(p, &value, sizeof(value)), BL_OK);
        cr_expect_eq(twice(own, tape, p), 2 * value);
        cr_expect_eq(bl_context_cache_info(own).hits, 0);
        places[i] = (uintptr_t)p;
        bl_graph_reset(tape); /* which holds it; once, or the recording before would be forgotten */
        bl_params_free(registry);
    }
    cr_assert_eq(places[0], places[1], "the test needs it");
    bl_graph_free(tape);
    bl_context_free(own);
    for (size_t i = 0; i < kept.count; i++)
        free(kept.block[i]);
}
