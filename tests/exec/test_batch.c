/* Element-wise instructions of the same steps made one: which are, and that every bit is as it is when each
 * runs alone. */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/fixture.h"
#include "support/optimizers.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(batch, .init = open_all, .fini = close_all);

static size_t named(const bl_program *program, const char *part)
{
    size_t found = 0;
    for (size_t i = 0; i < bl_program_instruction_count(program); i++)
        found += strstr(bl_program_instruction(program, i).op, part) != NULL;
    return found;
}

static int64_t committed_bytes(const bl_program *program)
{
    return bl_program_instruction(program, bl_program_instruction_count(program)).bytes_written;
}

/* Numbers to be freed. */
static float *numbers(int64_t count, int phase)
{
    float *data = malloc((size_t)(count > 0 ? count : 1) * sizeof(float));
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)((i * 37 + phase * 11) % 101) / 50 - 0.9f;
    return data;
}

static bl_parameter *add_parameter(bl_params *to, const char *name, bl_shape shape, int phase)
{
    bl_parameter *parameter = bl_params_add(to, name, BL_F32, shape, bl_init_zeros(), NULL);
    float *data = numbers(bl_shape_count(shape), phase);
    bl_parameter_write(parameter, data, (size_t)bl_shape_count(shape) * sizeof(float));
    free(data);
    return parameter;
}

/* ---- updates, together and each by a program of its own ---- */

enum {
    STEPS = 3,
    MOST = 20
};

/* Of ranks 0 to 8, small and large, one without elements; `shapes` has room for MOST. */
static size_t list_shapes(bool matrices, bl_shape *shapes)
{
    const bl_shape any[] = {BL_SHAPE(40, 33),
                            BL_SCALAR,
                            BL_SHAPE(33),
                            BL_SHAPE(3, 4),
                            BL_SHAPE(0, 4),
                            BL_SHAPE(128),
                            BL_SHAPE(129),
                            BL_SHAPE(2, 3, 4),
                            BL_SHAPE(2, 1, 2, 3),
                            BL_SHAPE(1, 2, 1, 2, 2),
                            BL_SHAPE(70001),
                            BL_SHAPE(1),
                            BL_SHAPE(1, 1, 1, 1, 2, 2),
                            BL_SHAPE(2, 1, 1, 1, 1, 1, 3),
                            BL_SHAPE(1, 2, 1, 2, 1, 2, 1, 3),
                            BL_SHAPE(301, 300)};
    const bl_shape two[] = {BL_SHAPE(40, 33), BL_SHAPE(3, 4), BL_SHAPE(1, 5), BL_SHAPE(5, 1),
                            BL_SHAPE(120, 130)};
    size_t count = matrices ? sizeof(two) / sizeof(two[0]) : sizeof(any) / sizeof(any[0]);
    for (size_t i = 0; i < count; i++)
        shapes[i] = matrices ? two[i] : any[i];
    return count;
}

typedef struct model {
    bl_context *context;
    bl_params *params;
    bl_optimizer *optimizer;
    bl_parameter *parameters[MOST];
    size_t count;
} model;

static model make_model(const named_optimizer *kind, int threads)
{
    bl_shape shapes[MOST];
    bl_context_options options = bl_context_defaults();
    options.threads = threads;
    model m = {.context = bl_context_new(&options)};
    m.params = bl_params_new(m.context);
    m.optimizer = kind->make(m.context);
    m.count = list_shapes(kind->for_matrices, shapes);
    for (size_t i = 0; i < m.count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%zu", i);
        m.parameters[i] = add_parameter(m.params, name, shapes[i], (int)i);
    }
    return m;
}

static void free_model(model *m)
{
    bl_optimizer_free(m->optimizer);
    bl_params_free(m->params);
    bl_context_free(m->context);
}

/* The gradient of parameter `index`; of every second matrix one that is turned round. */
static bl_tensor *gradient_of(bl_graph *on, const model *m, size_t index)
{
    bl_shape shape = bl_parameter_shape(m->parameters[index]);
    float *data = numbers(bl_shape_count(shape), 50 + (int)index);
    bool turned = shape.rank == 2 && index % 2 == 1;
    bl_shape own = turned ? BL_SHAPE(shape.size[1], shape.size[0]) : shape;
    bl_tensor *gradient = bl_constant(on, BL_F32, own, data);
    free(data);
    return turned ? bl_transpose(gradient, 0, 1) : gradient;
}

/* Updates parameters first .. first+count-1 by one program, STEPS times; returns its instructions. */
static size_t update(model *m, size_t first, size_t count, size_t *several)
{
    bl_tensor *gradients[MOST];
    bl_graph *on = bl_graph_new(m->context);
    for (size_t i = 0; i < count; i++)
        gradients[i] = gradient_of(on, m, first + i);
    bl_program *program =
        bl_compile(m->context, bl_optimizer_update(m->optimizer, m->parameters + first, gradients, count));
    for (int step = 0; step < STEPS; step++)
        cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    size_t instructions = bl_program_instruction_count(program);
    *several = named(program, " x ");
    bl_program_free(program);
    bl_graph_free(on);
    return instructions;
}

static bool same_bits(const model *a, const model *b)
{
    bool same = true;
    for (size_t i = 0; i < a->count; i++) {
        size_t bytes = (size_t)bl_shape_count(bl_parameter_shape(a->parameters[i])) * sizeof(float);
        same = same && (bytes == 0 || memcmp(bl_parameter_data(a->parameters[i]),
                                             bl_parameter_data(b->parameters[i]), bytes) == 0);
    }
    return same;
}

Test(batch, every_optimizer_updates_as_each_parameter_alone)
{
    const int threads[] = {1, 2, 3, 8};
    for (const named_optimizer *kind = every_optimizer; kind->name; kind++) {
        size_t several;
        model alone = make_model(kind, 1);
        for (size_t i = 0; i < alone.count; i++) {
            update(&alone, i, 1, &several);
            cr_assert_eq(several, 0, "%s", kind->name);
        }
        for (size_t t = 0; t < sizeof(threads) / sizeof(threads[0]); t++) {
            model together = make_model(kind, threads[t]);
            size_t instructions = update(&together, 0, together.count, &several);
            cr_assert(same_bits(&alone, &together), "%s on %d threads", kind->name, threads[t]);
            cr_assert_geq(several, 1, "%s", kind->name);
            if (!kind->is_whole)
                cr_assert_leq(instructions, 6, "%s: %zu", kind->name, instructions); /* of 16, one a number */
            free_model(&together);
        }
        free_model(&alone);
    }
}

/* ---- counts ---- */

enum {
    LAYERS = 10,
    WIDTH = 8
};

static bl_tensor *layers_loss(void)
{
    bl_tensor *x = bl_full(graph, BL_F32, BL_SHAPE(4, WIDTH), 0.5);
    bl_rng *rng = bl_rng_new(context, 0);
    for (int i = 0; i < LAYERS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "layer.%d", i);
        bl_linear_params(params, name, WIDTH, WIDTH, true, rng);
        bl_scope_push(graph, name);
        x = bl_tanh(bl_linear(x, bl_param(graph, params, "weight"), bl_param(graph, params, "bias")));
        bl_scope_pop(graph);
    }
    bl_rng_free(rng);
    return bl_mean(bl_square(x), BL_ALL_AXES, false);
}

Test(batch, layers_have_one_update)
{
    bl_optimizer *adam = bl_adam(context, NULL);
    bl_tensor *loss = layers_loss(), *update = bl_minimize(adam, loss);
    cr_assert(bl_tensor_valid(update), "%s", error_text(bl_graph_error(graph)));
    bl_program *program = bl_compile(context, loss, update);
    cr_assert_eq(named(program, " x 20"), 2); /* the scalars of all, and the updates */
    cr_assert_eq(named(program, " x "), 2);
    cr_assert_eq(named(program, "mul_scalar+mul_scalar+add+mul_scalar+9 more x 20"), 1);
    cr_assert_eq(committed_bytes(program), 0);
    bl_compile_options options = bl_compile_defaults();
    options.fuse = false;
    bl_tensor *outputs[] = {loss, update};
    bl_program *apart = bl_compile_list(context, outputs, 2, &options);
    cr_assert_eq(named(apart, " x "), 0);
    cr_assert_eq(bl_program_describe(program).flops, bl_program_describe(apart).flops);
    options.fuse = true;
    options.check = BL_CHECK_FINITE;
    bl_program *checked = bl_compile_list(context, outputs, 2, &options);
    cr_assert_eq(named(checked, " x "), 0);
    bl_program_free(checked);
    bl_program_free(apart);
    bl_program_free(program);
    bl_optimizer_free(adam);
}

/* The same outputs of two programs, bit for bit, where one has each op alone. */
static void expect_same_bits(bl_tensor *const *outputs, size_t count, int threads, const char *part,
                             size_t several)
{
    bl_compile_options options = bl_compile_defaults();
    options.threads = threads;
    bl_program *together = bl_compile_list(context, outputs, count, &options);
    options.fuse = false;
    bl_program *apart = bl_compile_list(context, outputs, count, &options);
    cr_assert_eq(named(together, part), several, "%s: %zu", part, named(together, part));
    cr_assert_eq(bl_run(together), BL_OK, "%s", error_text(bl_program_error(together)));
    cr_assert_eq(bl_run(apart), BL_OK, "%s", error_text(bl_program_error(apart)));
    for (size_t i = 0; i < count; i++) {
        size_t bytes = (size_t)bl_tensor_count(outputs[i]) * bl_dtype_size(bl_tensor_dtype(outputs[i]));
        cr_assert(bytes == 0 || memcmp(bl_output_data(together, outputs[i]),
                                       bl_output_data(apart, outputs[i]), bytes) == 0,
                  "output %zu", i);
    }
    bl_program_free(together);
    bl_program_free(apart);
}

static bl_tensor *state(const char *name, bl_shape shape, int phase)
{
    return bl_use(graph, add_parameter(params, name, shape, phase));
}

/* Scaling by a norm, and sums of squares, which end groups: of parts that threads share and of none. */
Test(batch, clipping_and_sums)
{
    const bl_shape shapes[] = {BL_SHAPE(7),     BL_SHAPE(3, 5),     BL_SHAPE(40000), BL_SCALAR,
                               BL_SHAPE(0, 19), BL_SHAPE(100, 400), BL_SHAPE(90),    BL_SHAPE(65537)};
    enum {
        COUNT = sizeof(shapes) / sizeof(shapes[0])
    };
    bl_tensor *gradients[COUNT], *clipped[COUNT], *outputs[2 * COUNT + 1];
    for (size_t i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%zu", i);
        gradients[i] = state(name, shapes[i], (int)i);
    }
    outputs[0] = bl_clip_norm(gradients, COUNT, 1, 2, clipped);
    for (size_t i = 0; i < COUNT; i++) {
        outputs[1 + i] = clipped[i];
        outputs[1 + COUNT + i] = bl_sum(bl_square(bl_add_scalar(gradients[i], 0.1)), BL_ALL_AXES, false);
    }
    for (int threads = 1; threads <= 8; threads++) {
        expect_same_bits(outputs, 2 * COUNT + 1, threads, "mul x 8", 1);
        /* of one element or none there is no sum */
        expect_same_bits(outputs, 2 * COUNT + 1, threads, "add_scalar+square+sum x 6", 1);
    }
}

/* Bytes of elements of 1, 4 and 8, broadcast operands, casts between; in f64 too, and what has no elements.
 */
Test(batch, small_ones_of_all_kinds)
{
    bl_tensor *outputs[12], *one = bl_full(graph, BL_F32, BL_SCALAR, 0.25);
    for (size_t i = 0; i < 12; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%zu", i);
        bl_tensor *x = state(name, BL_SHAPE((int64_t)(i * i), 3), (int)i);
        bl_tensor *own = bl_full(graph, BL_F32, BL_SCALAR, (double)i);
        bl_tensor *chosen = bl_where(bl_greater(x, one), bl_mul(x, own), bl_exp(x));
        outputs[i] = bl_logical_not(bl_equal(bl_cast(bl_cast(chosen, BL_F64), BL_I64), bl_cast(x, BL_I64)));
    }
    for (int threads = 1; threads < 4; threads++)
        expect_same_bits(outputs, 12, threads, " x 12", 1);
}

/* ---- what may not be made one, or not there ---- */

/* Each reads the old value of the other's state. */
Test(batch, states_that_are_read_crosswise)
{
    const int64_t sizes[] = {4, 300, 200000};
    for (int s = 0; s < 3; s++) {
        bl_graph_reset(graph);
        char names[2][16];
        for (int i = 0; i < 2; i++)
            snprintf(names[i], sizeof(names[i]), "state%d.%d", s, i);
        bl_tensor *a = state(names[0], BL_SHAPE(sizes[s]), 1), *b = state(names[1], BL_SHAPE(sizes[s]), 2);
        bl_parameter *to_a = bl_tensor_parameter(a), *to_b = bl_tensor_parameter(b);
        float *old = malloc((size_t)sizes[s] * 2 * sizeof(float));
        memcpy(old, bl_parameter_data(to_a), (size_t)sizes[s] * sizeof(float));
        memcpy(old + sizes[s], bl_parameter_data(to_b), (size_t)sizes[s] * sizeof(float));
        bl_tensor *outputs[] = {bl_assign(to_a, bl_tanh(bl_add(bl_mul_scalar(bl_abs(a), 2), b))),
                                bl_assign(to_b, bl_tanh(bl_add(bl_mul_scalar(bl_abs(b), 2), a)))};
        bl_compile_options options = bl_compile_defaults();
        options.threads = 2;
        bl_program *program = bl_compile_list(context, outputs, 2, &options);
        cr_assert_eq(named(program, " x 2"), 1);
        cr_assert_eq(bl_run(program), BL_OK);
        const float *new_a = bl_parameter_data(to_a), *new_b = bl_parameter_data(to_b);
        for (int64_t i = 0; i < sizes[s]; i++) {
            float x = old[i], y = old[sizes[s] + i];
            cr_assert_float_eq(new_a[i], tanhf(fabsf(x) * 2 + y), 1e-6);
            cr_assert_float_eq(new_b[i], tanhf(fabsf(y) * 2 + x), 1e-6);
        }
        bl_program_free(program);
        free(old);
    }
}

/* b's update does not move before what reads the old b: it is still written where that stands. */
Test(batch, a_reader_between_keeps_its_place)
{
    bl_tensor *a = state("a", BL_SHAPE(64), 1), *b = state("b", BL_SHAPE(64), 2);
    bl_tensor *outputs[3];
    outputs[0] = bl_assign(bl_tensor_parameter(a), bl_add_scalar(bl_exp(bl_abs(bl_mul(a, a))), 1));
    outputs[1] = bl_cumsum(b, 0);
    outputs[2] = bl_assign(bl_tensor_parameter(b), bl_add_scalar(bl_exp(bl_abs(bl_mul(b, b))), 1));
    bl_program *program = bl_compile_list(context, outputs, 3, NULL);
    cr_assert_eq(named(program, " x "), 0);
    cr_assert_eq(committed_bytes(program), 0);
    bl_program_free(program);
}

/* An update does not move before what may fail: a run that fails changes nothing. */
Test(batch, a_failure_between_leaves_states_alone)
{
    bl_tensor *a = state("a", BL_SHAPE(64), 1), *b = state("b", BL_SHAPE(64), 2);
    bl_tensor *indices = bl_input(graph, "indices", BL_I64, BL_SHAPE(2)), *outputs[3];
    outputs[0] = bl_assign(bl_tensor_parameter(a), bl_add_scalar(bl_exp(bl_abs(bl_mul(a, a))), 1));
    outputs[1] = bl_embedding(bl_full(graph, BL_F32, BL_SHAPE(3, 2), 1), indices);
    outputs[2] = bl_assign(bl_tensor_parameter(b), bl_add_scalar(bl_exp(bl_abs(bl_mul(b, b))), 1));
    float before[2][64];
    memcpy(before[0], bl_parameter_data(bl_tensor_parameter(a)), sizeof(before[0]));
    memcpy(before[1], bl_parameter_data(bl_tensor_parameter(b)), sizeof(before[1]));
    bl_program *program = bl_compile_list(context, outputs, 3, NULL);
    cr_assert_eq(named(program, " x "), 0);
    cr_assert_eq(committed_bytes(program), 64 * (int64_t)sizeof(float)); /* a's */
    int64_t wrong[] = {1, 3}, right[] = {1, 2};
    bl_set_input(program, indices, wrong, sizeof(wrong));
    cr_assert_eq(bl_run(program), BL_ERR_INDEX);
    cr_assert(memcmp(before[0], bl_parameter_data(bl_tensor_parameter(a)), sizeof(before[0])) == 0);
    cr_assert(memcmp(before[1], bl_parameter_data(bl_tensor_parameter(b)), sizeof(before[1])) == 0);
    bl_set_input(program, indices, right, sizeof(right));
    cr_assert_eq(bl_run(program), BL_OK);
    cr_assert(memcmp(before[0], bl_parameter_data(bl_tensor_parameter(a)), sizeof(before[0])) != 0);
    bl_program_free(program);
}

/* Large values that something in the run uses are made where they were, so that they are not there together;
 * small ones are made at once. */
Test(batch, large_values_are_not_made_early)
{
    for (int large = 0; large < 2; large++) {
        bl_graph_reset(graph);
        bl_tensor *sum = NULL;
        int64_t n = large ? 200 : 20;
        for (int i = 0; i < 6; i++) {
            char name[16];
            snprintf(name, sizeof(name), "w%d.%d", large, i);
            bl_tensor *w = bl_exp(bl_mul_scalar(bl_abs(state(name, BL_SHAPE(n, n), i)), 0.5));
            bl_tensor *product = bl_sum(bl_matmul(w, w), BL_ALL_AXES, false);
            sum = sum ? bl_add(sum, product) : product;
        }
        expect_same_bits(&sum, 1, 1, "abs+mul_scalar+exp x 6", large ? 0 : 1);
        bl_program *program = bl_compile_list(context, &sum, 1, NULL);
        cr_assert_leq(bl_program_workspace_bytes(program), bl_program_describe(program).scratch_bytes +
                                                               12 * 4 * (size_t)(n * n) / (large ? 4 : 1));
        bl_program_free(program);
    }
}

/* Single ops that take one tensor twice. */
Test(batch, an_input_that_is_used_twice)
{
    enum {
        COUNT = 6
    };
    const bool mask[4] = {false, true, false, true}, other[4] = {true, true, false, false};
    bl_tensor *masks[COUNT], *others[COUNT], *outputs[COUNT];
    for (int i = 0; i < COUNT; i++) {
        masks[i] = bl_input(graph, "mask", BL_BOOL, BL_SHAPE(4));
        others[i] = bl_input(graph, "other", BL_BOOL, BL_SHAPE(4));
        outputs[i] = bl_where(masks[i], masks[i], others[i]);
    }
    bl_program *program = bl_compile_list(context, outputs, COUNT, NULL);
    cr_assert_eq(named(program, "where x 6"), 1);
    for (int i = 0; i < COUNT; i++) {
        bl_set_input(program, masks[i], mask, sizeof(mask));
        bl_set_input(program, others[i], other, sizeof(other));
    }
    cr_assert_eq(bl_run(program), BL_OK);
    for (int i = 0; i < COUNT; i++) {
        const bool *found = bl_output_data(program, outputs[i]);
        for (int k = 0; k < 4; k++)
            cr_expect_eq(found[k], mask[k] || other[k], "output %d, element %d", i, k);
    }
    bl_program_free(program);
}
