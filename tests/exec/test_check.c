/* Programs that are compiled with a check stop at the first NaN or infinity, say where, and change nothing.
 */
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define INF ((double)INFINITY)

TestSuite(check, .init = open_all, .fini = close_all);

static bl_program *compiled(bl_tensor *const *outputs, size_t count, bl_check check)
{
    bl_compile_options options = bl_compile_defaults();
    options.check = check;
    bl_program *program = bl_compile_list(context, outputs, count, &options);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

/* Whether a value is what a check lets pass; what was found otherwise goes to *found. */
static bool passes(bl_tensor *y, bl_check check, bl_not_finite *found)
{
    bl_not_finite unwanted;
    bl_program *program = compiled(&y, 1, check);
    bl_status status = bl_run(program);
    *(found ? found : &unwanted) = bl_program_not_finite(program);
    cr_assert(status == BL_OK || status == BL_ERR_NOT_FINITE, "%s", error_text(bl_program_error(program)));
    bl_program_free(program);
    return status == BL_OK;
}

static void expect_index(const bl_not_finite *found, int rank, int64_t a, int64_t b)
{
    cr_expect_eq(found->index.rank, rank);
    cr_expect(rank < 1 || found->index.size[0] == a, "%lld", (long long)found->index.size[0]);
    cr_expect(rank < 2 || found->index.size[1] == b, "%lld", (long long)found->index.size[1]);
}

static bl_tensor *numbers(bl_shape shape, const double *values)
{
    return bl_constant(graph, BL_F64, shape, values);
}

/* ---- what is said ---- */

Test(check, the_place_in_the_forward_part)
{
    const float good[6] = {1, 2, 3, 4, 5, 6}, bad[6] = {1, 2, 3, 4, -5, -6};
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(2, 3));
    bl_scope_push(graph, "encoder");
    int line = __LINE__ + 1;
    bl_tensor *logs = bl_label(bl_log(bl_mul_scalar(x, 2)), "logs");
    bl_scope_pop(graph);
    bl_tensor *y = bl_neg(bl_exp(logs));
    bl_program *program = compiled(&y, 1, BL_CHECK_NAN);
    cr_expect_eq(bl_program_instruction_count(program), 4, "each op has an instruction");
    cr_expect_eq(bl_program_not_finite(program).kind, BL_NOT_FINITE_NOTHING);
    bl_set_input(program, x, bad, sizeof(bad));
    cr_assert_eq(bl_run(program), BL_ERR_NOT_FINITE);
    cr_expect(error_says(bl_program_error(program), BL_ERR_NOT_FINITE,
                         "bl_log: gives NaN at [1,1] of f32 [2,3]", "and 1 more", "(logs)", "encoder",
                         "test_check.c", NULL),
              "%s", error_text(bl_program_error(program)));
    cr_expect_eq(bl_context_error(context)->code, BL_ERR_NOT_FINITE);
    bl_not_finite found = bl_program_not_finite(program);
    cr_expect_eq(found.kind, BL_NOT_FINITE_RESULT);
    cr_expect_eq(found.instruction, 1);
    cr_expect_str_eq(bl_program_instruction(program, found.instruction).op, "log");
    cr_expect_str_eq(found.op, "log");
    cr_expect_str_eq(found.label, "logs");
    cr_expect_str_eq(found.scope, "encoder");
    cr_expect(strstr(found.file, "test_check.c") && found.line == line);
    cr_expect_null(found.name);
    cr_expect(found.dtype == BL_F32 && bl_shape_equal(found.shape, BL_SHAPE(2, 3)));
    expect_index(&found, 2, 1, 1);
    cr_expect(isnan(found.value) && found.count == 2 && !found.from_operand && found.output == 0);
    cr_expect_eq(bl_read(program, y, (float[6]){0}, sizeof(bad)), BL_ERR_STATE);
    bl_set_input(program, x, good, sizeof(good)); /* and it goes on */
    cr_assert_eq(bl_run(program), BL_OK);
    cr_expect_float_eq(bl_item_at(program, y, BL_SHAPE(1, 2)), -12, 1e-5);
    cr_expect_eq(bl_program_not_finite(program).kind, BL_NOT_FINITE_NOTHING);
    bl_program_free(program);
}

/* The derivative of sqrt at 0 is 0 / 0 where nothing flows back: its place is that of the root. */
Test(check, the_place_in_the_backward_part)
{
    const double x[4] = {4, 9, 0, 1}, weight[4] = {1, 1, 0, 1};
    bl_tensor *leaf = bl_input(graph, "x", BL_F64, BL_SHAPE(4)), *gradient;
    int line = __LINE__ + 1;
    bl_tensor *root = bl_label(bl_sqrt(leaf), "root");
    bl_tensor *loss = bl_sum(bl_mul(root, numbers(BL_SHAPE(4), weight)), BL_ALL_AXES, false);
    cr_assert_eq(bl_grad(&loss, 1, NULL, &leaf, 1, &gradient), BL_OK);
    bl_tensor *outputs[] = {loss, gradient};
    bl_program *program = compiled(outputs, 2, BL_CHECK_NAN);
    bl_set_input(program, leaf, x, sizeof(x));
    cr_assert_eq(bl_run(program), BL_ERR_NOT_FINITE);
    bl_not_finite found = bl_program_not_finite(program);
    cr_expect_str_eq(found.op, "div");
    cr_expect_eq(found.line, line, "%d", found.line);
    cr_expect_null(found.label, "a label names the forward value alone");
    expect_index(&found, 1, 2, 0);
    bl_program_free(program);
}

/* Several outputs: the one that has it is named, and one that nothing uses may have what it likes. */
static bl_status infer_two(bl_infer_call *call)
{
    for (int i = 0; i < 2; i++) {
        call->dtype[i] = bl_tensor_dtype(call->inputs[0]);
        call->shape[i] = bl_tensor_shape(call->inputs[0]);
    }
    return BL_OK;
}

/* x and 1 / x. */
static bl_status compute_two(const bl_compute_call *call)
{
    const double *x = call->inputs[0];
    for (int64_t i = 0; i < bl_shape_count(call->input_shapes[0]); i++) {
        ((double *)call->outputs[0])[i] = x[i];
        ((double *)call->outputs[1])[i] = 1 / x[i];
    }
    return BL_OK;
}

static void root_tile(int64_t n, void *out, const void *const *inputs, const void *attributes)
{
    (void)attributes;
    for (int64_t i = 0; i < n; i++)
        ((double *)out)[i] = sqrt(((const double *)inputs[0])[i]);
}

static bl_status infer_same(bl_infer_call *call)
{
    call->dtype[0] = bl_tensor_dtype(call->inputs[0]);
    call->shape[0] = bl_tensor_shape(call->inputs[0]);
    return BL_OK;
}

Test(check, ops_of_the_users)
{
    const double values[3] = {2, 0, -1};
    static const bl_op two = {.size = sizeof(bl_op),
                              .name = "pair",
                              .min_inputs = 1,
                              .max_inputs = 1,
                              .output_count = 2,
                              .infer = infer_two,
                              .compute = compute_two};
    static const bl_op root = {.size = sizeof(bl_op),
                               .name = "my_root",
                               .flags = BL_OP_ELEMENTWISE,
                               .min_inputs = 1,
                               .max_inputs = 1,
                               .output_count = 1,
                               .infer = infer_same,
                               .tile_f32 = root_tile,
                               .tile_f64 = root_tile};
    bl_not_finite found;
    bl_tensor *x = numbers(BL_SHAPE(3), values), *first = bl_apply(graph, &two, &x, 1, NULL);
    bl_tensor *second = bl_output(first, 1);
    cr_expect(passes(first, BL_CHECK_FINITE, NULL), "nothing uses its second output");
    cr_expect(passes(second, BL_CHECK_NAN, NULL), "an infinity is no NaN");
    cr_expect(!passes(second, BL_CHECK_FINITE, &found));
    cr_expect(found.output == 1 && found.value == INF && found.count == 1);
    expect_index(&found, 1, 1, 0);
    cr_expect(
        error_says(bl_context_error(context), BL_ERR_NOT_FINITE, "bl_pair: output 1 has inf at [1]", NULL),
        "%s", error_text(bl_context_error(context)));
    cr_expect(!passes(bl_neg(bl_apply(graph, &root, &(bl_tensor *){bl_neg(bl_neg(x))}, 1, NULL)),
                      BL_CHECK_NAN, &found));
    cr_expect_str_eq(found.op, "my_root");
    expect_index(&found, 1, 2, 0);
}

/* ---- which values ---- */

Test(check, infinities_that_were_recorded_pass)
{
    const double masked[4] = {0, -INF, 0, -INF};
    const uint8_t hidden[4] = {0, 1, 0, 1};
    bl_tensor *x = bl_full(graph, BL_F64, BL_SHAPE(2, 2), 3);
    bl_tensor *mask = numbers(BL_SHAPE(2, 2), masked),
              *where = bl_constant(graph, BL_BOOL, BL_SHAPE(2, 2), hidden);
    bl_pad_options around = bl_pad_defaults();
    around.value = -INF;
    bl_tensor *good[] = {bl_softmax(bl_add(x, mask), -1),
                         bl_softmax(bl_masked_fill(x, where, -INF), -1),
                         bl_max(bl_pad_with(x, BL_SHAPE(1, 1), BL_SHAPE(1, 1), &around), BL_ALL_AXES, false),
                         bl_mul_scalar(x, INF),
                         bl_clamp(x, -INF, INF),
                         bl_exp(bl_neg(bl_slice(mask, 0, 0, 1, 1))),
                         bl_logsumexp(bl_full(graph, BL_F64, BL_SHAPE(3), -INF), BL_ALL_AXES, false)};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect(passes(good[i], BL_CHECK_FINITE, NULL), "%zu: %s", i,
                  error_text(bl_context_error(context)));
    bl_not_finite found;
    bl_tensor *nothing = bl_sub(mask, mask);
    cr_expect(!passes(nothing, BL_CHECK_NAN, &found) && found.from_operand && found.count == 2);
    expect_index(&found, 2, 0, 1);
    cr_expect(error_says(bl_context_error(context), BL_ERR_NOT_FINITE, "bl_sub",
                         "of an operand that is not finite", NULL));
    cr_expect(!passes(nothing, BL_CHECK_FINITE, &found) && found.from_operand);
}

/* Each overflows or divides by 0, as NaN alone is looked for it passes. */
Test(check, infinities_that_are_made_do_not)
{
    const float large[2] = {1, 3e38F};
    bl_tensor *x = bl_constant(graph, BL_F32, BL_SHAPE(2), large),
              *one = bl_constant(graph, BL_F64, BL_SCALAR, &(double){1});
    bl_tensor *made[] = {bl_mul_scalar(x, 2),
                         bl_square(x),
                         bl_log(bl_sub(x, x)),
                         bl_exp(bl_mul_scalar(one, 1000)),
                         bl_sum(bl_concat((bl_tensor *[]){x, x}, 2, 0), BL_ALL_AXES, false),
                         bl_cast(bl_mul_scalar(one, 1e39), BL_F32),
                         bl_cast(bl_mul_scalar(x, 1), BL_F16),
                         bl_matmul(bl_reshape(x, BL_SHAPE(1, 2)), bl_reshape(x, BL_SHAPE(2, 1)))};
    static const char *const ops[] = {"mul_scalar", "square", "log", "exp", "sum", "cast", "cast", "matmul"};
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        bl_not_finite found;
        cr_expect(passes(made[i], BL_CHECK_NAN, NULL), "%s", ops[i]);
        cr_expect(!passes(made[i], BL_CHECK_FINITE, &found), "%s", ops[i]);
        cr_expect_str_eq(found.op, ops[i]);
        cr_expect(isinf(found.value) && !found.from_operand);
    }
}

/* A half that is not finite, whatever bits it has. */
Test(check, storage_dtypes)
{
    const uint16_t nan_f16[2] = {0x3c00, 0x7c01}, nan_bf16[2] = {0x3f80, 0x7f81}, large[2] = {0x7bff, 0xfbff};
    bl_not_finite found;
    bl_tensor *halves = bl_input(graph, "halves", BL_F16, BL_SHAPE(2)), *y = bl_cast(halves, BL_F32);
    bl_program *program = compiled(&y, 1, BL_CHECK_FINITE);
    bl_set_input(program, halves, large, sizeof(large));
    cr_expect_eq(bl_run(program), BL_OK);
    bl_set_input(program, halves, nan_f16, sizeof(nan_f16));
    cr_expect_eq(bl_run(program), BL_ERR_NOT_FINITE);
    found = bl_program_not_finite(program);
    cr_expect(found.kind == BL_NOT_FINITE_INPUT && found.dtype == BL_F16 &&
              strcmp(found.name, "halves") == 0);
    expect_index(&found, 1, 1, 0);
    bl_program_free(program);
    cr_expect(
        !passes(bl_cast(bl_constant(graph, BL_BF16, BL_SHAPE(2), nan_bf16), BL_F32), BL_CHECK_NAN, &found));
    cr_expect(found.kind == BL_NOT_FINITE_CONSTANT && found.dtype == BL_BF16);
}

/* What comes from outside is named before anything is computed. */
Test(check, leaves)
{
    const float good[2] = {1, 2}, nan[2] = {1, NAN}, inf[2] = {-INFINITY, 2};
    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(2), bl_init_ones(), NULL);
    bl_parameter *m = bl_params_add_buffer(params, "m", BL_F32, BL_SHAPE(2));
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(2));
    bl_tensor *y = bl_add(bl_mul(x, bl_use(graph, w)), bl_use(graph, m));
    bl_program *nans = compiled(&y, 1, BL_CHECK_NAN), *all = compiled(&y, 1, BL_CHECK_FINITE);
    bl_program *programs[] = {nans, all};
    for (int i = 0; i < 2; i++) {
        bl_set_input(programs[i], x, nan, sizeof(nan));
        cr_assert_eq(bl_run(programs[i]), BL_ERR_NOT_FINITE);
        cr_expect(error_says(bl_program_error(programs[i]), BL_ERR_NOT_FINITE,
                             "bl_run: the input \"x\" holds NaN at [1] of f32 [2]", "test_check.c", NULL));
        cr_expect_eq(bl_program_not_finite(programs[i]).kind, BL_NOT_FINITE_INPUT);
        cr_expect_str_eq(bl_program_not_finite(programs[i]).op, "input");
        bl_set_input(programs[i], x, inf, sizeof(inf));
    }
    cr_expect_eq(bl_run(nans), BL_OK);
    cr_expect_eq(bl_run(all), BL_ERR_NOT_FINITE);
    bl_set_input(all, x, good, sizeof(good));
    cr_expect_eq(bl_run(all), BL_OK);
    bl_parameter_write(m, inf, sizeof(inf));
    cr_expect_eq(bl_run(all), BL_ERR_NOT_FINITE);
    cr_expect(
        error_says(bl_program_error(all), BL_ERR_NOT_FINITE, "the buffer \"m\" holds -inf at [0]", NULL));
    bl_parameter_write(w, nan, sizeof(nan));
    cr_expect_eq(bl_run(nans), BL_ERR_NOT_FINITE);
    bl_not_finite found = bl_program_not_finite(nans);
    cr_expect(found.kind == BL_NOT_FINITE_STATE && strcmp(found.name, "w") == 0);
    cr_expect(error_says(bl_program_error(nans), BL_ERR_NOT_FINITE, "the parameter \"w\" holds NaN", NULL));
    bl_program_free(nans);
    bl_program_free(all);
    cr_expect(!passes(bl_neg(bl_constant(graph, BL_F32, BL_SHAPE(2), nan)), BL_CHECK_NAN, &found));
    cr_expect(found.kind == BL_NOT_FINITE_CONSTANT && strcmp(found.op, "constant") == 0 && !found.name);
    expect_index(&found, 1, 1, 0);
}

/* A number may be NaN, as that of a mean over nothing is, but nothing may be made of it. */
Test(check, numbers)
{
    bl_not_finite found;
    bl_tensor *nan = bl_full(graph, BL_F32, BL_SHAPE(2), (double)NAN),
              *one = bl_full(graph, BL_F32, BL_SHAPE(2), 1);
    cr_expect(passes(bl_where(bl_isfinite(nan), nan, one), BL_CHECK_FINITE, NULL));
    cr_expect(!passes(bl_where(bl_isfinite(nan), one, nan), BL_CHECK_NAN, &found));
    cr_expect(found.kind == BL_NOT_FINITE_RESULT && found.from_operand && strcmp(found.op, "where") == 0);
    bl_parameter *m = bl_params_add_buffer(params, "m", BL_F32, BL_SHAPE(2));
    cr_expect(!passes(bl_assign(m, nan), BL_CHECK_NAN, &found));
    cr_expect(found.kind == BL_NOT_FINITE_UPDATE);
    cr_expect_eq(((const float *)bl_parameter_data(m))[0], 0);
}

Test(check, nothing_and_one_element)
{
    const double negative = -1;
    bl_not_finite found;
    bl_tensor *none = numbers(BL_SHAPE(0, 3), NULL), *one = numbers(BL_SCALAR, &negative);
    cr_expect(passes(bl_log(none), BL_CHECK_FINITE, NULL));
    cr_expect(passes(bl_matmul(bl_transpose(none, 0, 1), none), BL_CHECK_FINITE, NULL));
    cr_expect(!passes(bl_mean(none, BL_ALL_AXES, false), BL_CHECK_NAN, NULL), "a mean of nothing is NaN");
    cr_expect(!passes(bl_log(one), BL_CHECK_NAN, &found));
    expect_index(&found, 0, 0, 0);
    cr_expect(error_says(bl_context_error(context), BL_ERR_NOT_FINITE, "bl_log: gives NaN of f64 []", NULL),
              "%s", error_text(bl_context_error(context)));
}

/* Far behind the first elements, and counted as far as they go. */
Test(check, large_values)
{
    enum {
        N = 10007
    };
    static float values[N];
    for (int i = 0; i < N; i++)
        values[i] = i < 9000 ? 1 : -1;
    bl_not_finite found;
    bl_tensor *x = bl_constant(graph, BL_F32, BL_SHAPE(N), values);
    cr_expect(!passes(bl_sqrt(x), BL_CHECK_NAN, &found));
    expect_index(&found, 1, 9000, 0);
    cr_expect_eq(found.count, N - 9000);
}

/* ---- what is changed ---- */

enum {
    WIDTH = 40
};

/* A net with dropout whose update is one of Adam's, besides two writes of its own. */
typedef struct net {
    bl_parameter *random, *total;
    bl_optimizer *adam;
    bl_tensor *x, *loss, *outputs[4];
} net;

static void make_net(net *n)
{
    bl_rng *rng = bl_rng_new(context, 1);
    bl_linear_params(params, "one", WIDTH, WIDTH, true, rng);
    bl_linear_params(params, "two", WIDTH, WIDTH, true, rng);
    bl_params_tie(params, "two.weight", "one.weight");
    n->random = bl_params_add_random(params, "random", 7);
    n->total = bl_params_add_buffer(params, "total", BL_F32, BL_SCALAR);
    n->adam = bl_adam(context, NULL);
    n->x = bl_input(graph, "x", BL_F32, BL_SHAPE(WIDTH, WIDTH));
    bl_tensor *h =
        bl_linear(n->x, bl_param(graph, params, "one.weight"), bl_param(graph, params, "one.bias"));
    h = bl_dropout(bl_tanh(h), 0.1, true, n->random);
    h = bl_linear(h, bl_param(graph, params, "two.weight"), bl_param(graph, params, "two.bias"));
    n->loss = bl_mean(bl_square(h), BL_ALL_AXES, false);
    n->outputs[0] = n->loss;
    n->outputs[1] = bl_minimize(n->adam, n->loss);
    n->outputs[2] = bl_assign(n->total, bl_add(bl_use(graph, n->total), n->loss));
    /* last of all: the root of what the input says, minus 1 */
    n->outputs[3] = bl_sqrt(bl_sub_scalar(bl_max(n->x, BL_ALL_AXES, false), 1));
    bl_rng_free(rng);
}

static void set_net(bl_program *program, const net *n, int seed, float most)
{
    float x[WIDTH * WIDTH];
    for (int i = 0; i < WIDTH * WIDTH; i++)
        x[i] = (float)((i * 37 + seed * 11) % 101) / 101 - 0.5F;
    x[5] = most;
    cr_assert_eq(bl_set_input(program, n->x, x, sizeof(x)), BL_OK);
}

/* All states that there are, one after the other; how many bytes. */
static size_t copy_states(const net *n, unsigned char *to, size_t room)
{
    static const char *const names[] = {"one.weight", "one.bias", "two.bias", "random", "total"};
    size_t at = 0;
    for (size_t i = 0; i < 5; i++) {
        bl_parameter *parameter = bl_params_find(params, names[i]);
        size_t bytes = (size_t)bl_shape_count(bl_parameter_shape(parameter)) *
                       bl_dtype_size(bl_parameter_dtype(parameter));
        cr_assert_leq(at + bytes, room);
        memcpy(to + at, bl_parameter_data(parameter), bytes);
        at += bytes;
    }
    memcpy(to + at, bl_parameter_data(bl_optimizer_step(n->adam)), sizeof(int64_t));
    return at + sizeof(int64_t);
}

/* Runs a net from the beginning, in one of the ways; the states it ends with. Every third run of a program
 * with a check is one that fails first. */
static size_t train(bl_check check, int threads, unsigned char *states, size_t room)
{
    open_all();
    net n;
    make_net(&n);
    bl_compile_options options = bl_compile_defaults();
    options.check = check;
    options.threads = threads;
    bl_program *program = bl_compile_list(context, n.outputs, 4, &options);
    static unsigned char before[64 * WIDTH * WIDTH], after[sizeof(before)];
    for (int i = 0; i < 20; i++) {
        if (check != BL_CHECK_NOTHING && i % 3 == 1) {
            size_t bytes = copy_states(&n, before, sizeof(before));
            set_net(program, &n, i, 0.5F);
            cr_assert_eq(bl_run(program), BL_ERR_NOT_FINITE);
            cr_assert_str_eq(bl_program_not_finite(program).op, "sqrt");
            copy_states(&n, after, sizeof(after));
            cr_assert_eq(memcmp(before, after, bytes), 0, "a run that was stopped has changed something");
        }
        set_net(program, &n, i, 2);
        cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    }
    size_t bytes = copy_states(&n, states, room);
    bl_program_free(program);
    bl_optimizer_free(n.adam);
    close_all();
    return bytes;
}

/* The same bits with and without a check, on one thread and several, although runs were stopped in between.
 */
Test(check_own, the_states_of_a_training)
{
    static unsigned char plain[64 * WIDTH * WIDTH], checked[sizeof(plain)];
    size_t bytes = train(BL_CHECK_NOTHING, 1, plain, sizeof(plain));
    static const int threads[] = {1, 2, 5};
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(train(i == 1 ? BL_CHECK_FINITE : BL_CHECK_NAN, threads[i], checked, sizeof(checked)),
                     bytes);
        cr_expect_eq(memcmp(plain, checked, bytes), 0, "%d threads", threads[i]);
    }
}

/* An update that overflows: it would be written over the parameter right away, were it not for the check. */
Test(check, an_update_that_overflows)
{
    const float start[3] = {1, -2, 3}, rate[3] = {1, 3e38F, 1};
    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(3), bl_init_zeros(), NULL);
    bl_parameter_write(w, start, sizeof(start));
    bl_tensor *value = bl_use(graph, w), *step = bl_mul(value, bl_constant(graph, BL_F32, BL_SHAPE(3), rate));
    bl_scope_push(graph, "update");
    bl_tensor *update = bl_assign(w, bl_sub(value, bl_mul_scalar(step, 0.9)));
    bl_scope_pop(graph);
    bl_program *program = compiled(&update, 1, BL_CHECK_FINITE);
    cr_assert_eq(bl_run(program), BL_ERR_NOT_FINITE);
    bl_not_finite found = bl_program_not_finite(program);
    cr_expect_str_eq(found.op, "mul");
    expect_index(&found, 1, 1, 0);
    cr_expect_eq(memcmp(bl_parameter_data(w), start, sizeof(start)), 0);
    bl_program_free(program);
    program = compiled(&update, 1, BL_CHECK_NOTHING);
    cr_assert_eq(bl_run(program), BL_OK);
    cr_expect(isinf(((const float *)bl_parameter_data(w))[1]), "without a check it is stored");
    bl_program_free(program);
}

/* An infinity may go about in a program, but into no state; nor may what an f32 state cannot hold. */
Test(check, infinities_are_not_stored)
{
    bl_parameter *m = bl_params_add_buffer(params, "m", BL_F32, BL_SHAPE(2, 2));
    int line = __LINE__ + 1;
    bl_tensor *reset = bl_assign_slice(m, 0, 1, bl_full(graph, BL_F32, BL_SHAPE(1, 2), -INF));
    bl_not_finite found;
    cr_expect(!passes(reset, BL_CHECK_FINITE, &found));
    cr_expect(found.kind == BL_NOT_FINITE_UPDATE && strcmp(found.op, "assign_slice") == 0 &&
              found.line == line);
    cr_expect_str_eq(found.name, "m");
    cr_expect(error_says(bl_context_error(context), BL_ERR_NOT_FINITE,
                         "the buffer \"m\" would hold -inf at [0,0]", NULL),
              "%s", error_text(bl_context_error(context)));
    cr_expect_eq(((const float *)bl_parameter_data(m))[2], 0);
    bl_tensor *large = bl_assign(m, bl_mul_scalar(bl_full(graph, BL_F32, BL_SHAPE(2, 2), 1e30), 1e30));
    bl_compile_options options = bl_compile_defaults();
    options.precision = BL_PRECISION_F64;
    options.check = BL_CHECK_FINITE;
    bl_program *program = bl_compile_list(context, &large, 1, &options);
    cr_assert_eq(bl_run(program), BL_ERR_NOT_FINITE);
    found = bl_program_not_finite(program);
    cr_expect(found.kind == BL_NOT_FINITE_UPDATE && found.count == 4);
    cr_expect_eq(((const float *)bl_parameter_data(m))[0], 0);
    bl_program_free(program);
    cr_expect(passes(reset, BL_CHECK_NAN, NULL));
    cr_expect_eq(((const float *)bl_parameter_data(m))[2], -INFINITY);
}

/* ---- the program ---- */

/* One that comes from the cache knows nothing of the last holder's runs, and looks at its own constants. */
Test(check, programs_found_again)
{
    double value = -1;
    for (int i = 0; i < 4; i++, value = -value) {
        bl_graph_reset(graph);
        bl_tensor *y = bl_log(bl_constant(graph, BL_F64, BL_SCALAR, &value));
        bl_program *program = compiled(&y, 1, BL_CHECK_NAN);
        cr_expect_eq(bl_program_not_finite(program).kind, BL_NOT_FINITE_NOTHING);
        cr_expect_eq(bl_run(program), value < 0 ? BL_ERR_NOT_FINITE : BL_OK);
        bl_program_free(program);
    }
    cr_expect_eq(bl_context_cache_info(context).hits, 3);
}

Test(check, an_unknown_check)
{
    bl_tensor *x = bl_full(graph, BL_F32, BL_SCALAR, 1);
    bl_compile_options options = bl_compile_defaults();
    options.check = (bl_check)3;
    bl_program *program = bl_compile_list(context, &x, 1, &options);
    cr_expect(error_says(bl_program_error(program), BL_ERR_ARGUMENT, "check 3 is unknown", NULL));
    cr_expect_eq(bl_program_not_finite(program).kind, BL_NOT_FINITE_NOTHING);
    cr_expect_eq(bl_program_not_finite(NULL).kind, BL_NOT_FINITE_NOTHING);
    bl_program_free(program);
}

/* Compiling fails at each allocation in turn, and leaks nothing. */
Test(check_own, out_of_memory)
{
    failing_allocator memory;
    char text[200];
    bool failed = true;
    for (long k = 1; failed; k++) {
        failing_allocator_init(&memory);
        context = failing_allocator_context(&memory);
        graph = bl_graph_new(context);
        params = bl_params_new(context);
        net n;
        make_net(&n);
        failing_allocator_fail(&memory, k, false);
        bl_compile_options options = bl_compile_defaults();
        options.check = BL_CHECK_FINITE;
        bl_program *program = bl_compile_list(context, n.outputs, 4, &options);
        failed = failing_allocator_has_failed(&memory);
        failing_allocator_relent(&memory);
        cr_assert_eq(bl_program_error(program)->code, failed ? BL_ERR_MEMORY : BL_OK, "call %ld: %s", k,
                     error_text(bl_program_error(program)));
        bl_program_free(program);
        bl_optimizer_free(n.adam);
        close_all();
        cr_assert(failing_allocator_clean(&memory, text, sizeof(text)), "call %ld: %s", k, text);
    }
}
