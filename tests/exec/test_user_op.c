/* Ops of the user's: computed, composite, with several outputs, fused or failing, and programs inside runs.
 */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(user_op, .init = open_all, .fini = close_all);

static bl_status infer_first(bl_infer_call *call)
{
    call->dtype[0] = bl_tensor_dtype(call->inputs[0]);
    call->shape[0] = bl_tensor_shape(call->inputs[0]);
    return BL_OK;
}

static bl_op like(const char *name, bl_status (*compute)(const bl_compute_call *call))
{
    return (bl_op){.size = sizeof(bl_op),
                   .name = name,
                   .min_inputs = 1,
                   .max_inputs = 6,
                   .output_count = 1,
                   .infer = infer_first,
                   .compute = compute};
}

static bl_program *compiled(bl_tensor *const *outputs, size_t count)
{
    bl_program *program = bl_compile_list(context, outputs, count, NULL);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

/* ---- computed ---- */

/* x^p for an f32 or f64 x; p comes as an attribute. */
static bl_status compute_power(const bl_compute_call *call)
{
    double p;
    memcpy(&p, call->attributes, sizeof(p));
    int64_t n = bl_shape_count(call->output_shapes[0]);
    if (call->input_count != 1 || call->output_dtypes[0] != call->input_dtypes[0] ||
        !bl_shape_equal(call->input_shapes[0], call->output_shapes[0]))
        return BL_ERR_ARGUMENT;
    for (int64_t i = 0; i < n; i++) {
        if (call->input_dtypes[0] == BL_F32)
            ((float *)call->outputs[0])[i] = (float)pow((double)((const float *)call->inputs[0])[i], p);
        else
            ((double *)call->outputs[0])[i] = pow(((const double *)call->inputs[0])[i], p);
    }
    return BL_OK;
}

static bl_tensor *power(bl_tensor *x, double p);

static void vjp_power(bl_vjp_call *call)
{
    double p;
    memcpy(&p, call->attributes, sizeof(p));
    bl_tensor *slope = bl_mul_scalar(power(call->inputs[0], p - 1), p);
    call->gradients[0] = bl_mul(call->cotangents[0], slope);
}

static const bl_op power_op = {.size = sizeof(bl_op),
                               .name = "power",
                               .min_inputs = 1,
                               .max_inputs = 1,
                               .output_count = 1,
                               .flags = BL_OP_ELEMENTWISE,
                               .attributes_size = sizeof(double),
                               .infer = infer_first,
                               .vjp = vjp_power,
                               .compute = compute_power};

static bl_tensor *power(bl_tensor *x, double p)
{
    return bl_apply(bl_tensor_graph(x), &power_op, &x, 1, &p);
}

Test(user_op, computed_and_differentiated)
{
    float data[] = {1, 2, 3, 4, 5, 6}, w0[] = {1.5f, 2, 0.5f};
    bl_tensor *c = bl_constant(graph, BL_F32, BL_SHAPE(2, 3), data);
    /* Its inputs come contiguous and row by row, whatever they are. */
    bl_tensor *turned = power(bl_transpose(c, 0, 1), 2),
              *spread = power(bl_expand(bl_slice(c, 1, 1, 2, 1), BL_SHAPE(2, 2)), 2);
    bl_tensor *same = power(bl_full(graph, BL_F32, BL_SHAPE(2), 3), 2);
    bl_tensor *outputs[] = {turned, spread, same};
    bl_program *p = compiled(outputs, 3);
    cr_assert_eq(bl_run(p), BL_OK, "%s", error_text(bl_program_error(p)));
    static const float turned_values[] = {1, 16, 4, 25, 9, 36}, spread_values[] = {4, 4, 25, 25};
    cr_expect_arr_eq(bl_output_data(p, turned), turned_values, sizeof(turned_values));
    cr_expect_arr_eq(bl_output_data(p, spread), spread_values, sizeof(spread_values));
    cr_expect_eq(bl_item_at(p, same, BL_SHAPE(1)), 9);
    bl_program_free(p);

    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(3), bl_init_zeros(), NULL);
    bl_parameter_write(w, w0, sizeof(w0));
    bl_tensor *y = bl_mul(power(bl_use(graph, w), 3), bl_slice(c, 0, 0, 1, 1));
    bl_gradcheck_result result;
    cr_expect_eq(bl_gradcheck(y, NULL, 0, NULL, 0, NULL, &result), BL_OK);
    char text[400];
    bl_gradcheck_format(&result, text, sizeof(text));
    cr_expect(result.passed, "%s", text);
    bl_tensor *second = bl_gradient(bl_gradient(y, bl_use(graph, w)), bl_use(graph, w));
    float out[3];
    cr_assert_eq(bl_eval(second, out, sizeof(out)), BL_OK);
    for (int i = 0; i < 3; i++)
        cr_expect_float_eq(out[i], 6 * w0[i] * data[i], 1e-4);
}

/* Puts the sums of pairs and the count of inputs into two outputs of different kinds. */
static bl_status infer_pairs(bl_infer_call *call)
{
    bl_shape shape = bl_tensor_shape(call->inputs[0]);
    call->dtype[0] = BL_F32;
    call->shape[0] = BL_SHAPE(shape.size[0] / 2);
    call->dtype[1] = BL_I64;
    call->shape[1] = BL_SCALAR;
    call->dtype[2] = BL_BOOL;
    call->shape[2] = BL_SHAPE(0);
    return BL_OK;
}

static bl_status compute_pairs(const bl_compute_call *call)
{
    float *sums = call->outputs[0];
    for (int64_t i = 0; i < call->output_shapes[0].size[0]; i++) {
        sums[i] = 0;
        for (size_t k = 0; k < call->input_count; k++) {
            const float *x = call->inputs[k];
            sums[i] += x[2 * i] + x[2 * i + 1];
        }
    }
    *(int64_t *)call->outputs[1] = (int64_t)call->input_count;
    return call->output_dtypes[1] == BL_I64 && call->output_dtypes[2] == BL_BOOL ? BL_OK : BL_ERR_DTYPE;
}

Test(user_op, many_inputs_and_several_outputs)
{
    float data[] = {1, 2, 3, 4};
    bl_tensor *x = bl_constant(graph, BL_F32, BL_SHAPE(4), data),
              *inputs[] = {x, bl_neg(x), x, bl_square(x), x, x};
    bl_op op = like("pairs", compute_pairs);
    op.infer = infer_pairs;
    op.output_count = 3;
    bl_tensor *sums = bl_apply(graph, &op, inputs, 6, NULL), *count = bl_output(sums, 1),
              *none = bl_output(sums, 2);
    bl_tensor *after = bl_neg(sums), *only = bl_output(bl_apply(graph, &op, inputs, 1, NULL), 1);
    bl_tensor *outputs[] = {count, after, none, only};
    bl_program *p = compiled(outputs, 4);
    cr_assert_eq(bl_run(p), BL_OK, "%s", error_text(bl_program_error(p)));
    cr_expect_eq(bl_item(p, count), 6);
    cr_expect_eq(bl_item_at(p, after, BL_SHAPE(0)), -(3 * 3 + 5));
    cr_expect_eq(bl_item_at(p, after, BL_SHAPE(1)), -(3 * 7 + 25));
    cr_expect_eq(bl_item(p, only), 1, "its other outputs are computed though nobody reads them");
    bl_program_free(p);
}

static bl_status infer_source(bl_infer_call *call)
{
    call->dtype[0] = BL_F64;
    call->shape[0] = BL_SHAPE(3);
    return BL_OK;
}

static bl_status compute_source(const bl_compute_call *call)
{
    for (int i = 0; i < 3; i++)
        ((double *)call->outputs[0])[i] = i;
    return call->input_count == 0 ? BL_OK : BL_ERR_ARGUMENT;
}

Test(user_op, without_inputs)
{
    bl_op op = like("source", compute_source);
    op.min_inputs = op.max_inputs = 0;
    op.infer = infer_source;
    bl_tensor *s = bl_apply(graph, &op, NULL, 0, NULL);
    double out[3];
    cr_assert_eq(bl_eval(bl_square(s), out, sizeof(out)), BL_OK, "%s", error_text(bl_context_error(context)));
    cr_expect(out[0] == 0 && out[1] == 1 && out[2] == 4);
    cr_expect(!bl_is_unreached(bl_gradient(bl_square(s), s)));
    cr_expect_eq(bl_graph_error(graph)->code, BL_OK);
}

/* ---- a definition and a kernel ---- */

static void decompose_power_of_two(bl_graph *g, bl_tensor *const *inputs, size_t count,
                                   const void *attributes, bl_tensor **outputs)
{
    (void)g, (void)count, (void)attributes;
    outputs[0] = bl_exp(bl_mul_scalar(inputs[0], log(2.0)));
}

Test(user_op, composite)
{
    bl_op op = like("exp2", NULL);
    op.decompose = decompose_power_of_two;
    bl_parameter *w = bl_params_add(params, "w", BL_F64, BL_SHAPE(2), bl_init_constant(3), NULL);
    bl_tensor *x = bl_use(graph, w), *y = bl_apply(graph, &op, &x, 1, NULL);
    double out[2];
    cr_assert_eq(bl_eval(y, out, sizeof(out)), BL_OK);
    cr_expect_float_eq(out[0], 8, 1e-12);
    cr_assert_eq(bl_eval(bl_gradient(y, x), out, sizeof(out)), BL_OK);
    cr_expect_float_eq(out[1], 8 * log(2.0), 1e-12);
}

/* ---- failing ---- */

static bl_status compute_fail(const bl_compute_call *call)
{
    (void)call;
    return BL_ERR_IO;
}

static bl_status compute_copy(const bl_compute_call *call)
{
    memcpy(call->outputs[0], call->inputs[0], (size_t)bl_shape_count(call->output_shapes[0]) * sizeof(float));
    return BL_OK;
}

Test(user_op, a_failing_compute_commits_nothing)
{
    bl_op fail = like("sensor", compute_fail);
    bl_parameter *a = bl_params_add_buffer(params, "a", BL_F32, BL_SHAPE(2));
    bl_tensor *t = bl_use(graph, a), *write = bl_assign(a, bl_add_scalar(t, 1));
    bl_scope_push(graph, "robot");
    int line = __LINE__ + 1;
    bl_tensor *sensed = bl_apply(graph, &fail, &t, 1, NULL);
    bl_label(sensed, "left eye");
    bl_tensor *outputs[] = {write, sensed};
    bl_program *p = compiled(outputs, 2);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(bl_run(p), BL_ERR_IO);
    cr_expect(error_says(bl_program_error(p), BL_ERR_IO, "bl_sensor: ", "left eye",
                         "(robot, test_user_op.c:", NULL),
              "%s", error_text(bl_program_error(p)));
    cr_expect_eq(bl_program_error(p)->line, line);
    cr_expect_eq(((const float *)bl_parameter_data(a))[0], 0);
    cr_expect_eq(bl_graph_error(graph)->code, BL_OK, "a run's error is not the graph's");
    bl_program_free(p);
}

/* ---- programs inside runs ---- */

static bl_program *inner; /* what compute_inner works on */
static bl_status inner_status;

static bl_status compute_run_inner(const bl_compute_call *call)
{
    compute_copy(call);
    inner_status = bl_run(inner);
    return BL_OK;
}

static bl_status compute_free_inner(const bl_compute_call *call)
{
    bl_program_free(inner); /* refused: it runs */
    return compute_copy(call);
}

Test(user_op, a_run_inside_a_run)
{
    bl_op nested = like("nested", compute_run_inner);
    bl_parameter *a = bl_params_add_buffer(params, "a", BL_F32, BL_SHAPE(2)),
                 *b = bl_params_add_buffer(params, "b", BL_F32, BL_SHAPE(2));
    bl_tensor *ta = bl_use(graph, a), *tb = bl_use(graph, b), *read = bl_neg(ta);
    bl_tensor *write_a = bl_assign(a, bl_add_scalar(ta, 1)), *write_b = bl_assign(b, bl_add_scalar(tb, 1));
    bl_tensor *reads_a = bl_apply(graph, &nested, &ta, 1, NULL);
    bl_program *outer = compiled(&reads_a, 1);
    inner = compiled(&read, 1);
    cr_expect_eq(bl_run(outer), BL_OK);
    cr_expect_eq(inner_status, BL_OK, "both only read");
    bl_program_free(inner);
    inner = compiled(&write_b, 1);
    cr_expect_eq(bl_run(outer), BL_OK);
    cr_expect_eq(inner_status, BL_OK, "they share nothing");
    cr_expect_eq(((const float *)bl_parameter_data(b))[0], 1);
    bl_program_free(inner);
    inner = compiled(&write_a, 1);
    cr_expect_eq(bl_run(outer), BL_OK);
    cr_expect_eq(inner_status, BL_ERR_BUSY, "the inner writes what the outer reads");
    cr_expect_eq(((const float *)bl_parameter_data(a))[0], 0);
    cr_expect(error_says(bl_program_error(inner), BL_ERR_BUSY, "a is in use", NULL));
    cr_expect_eq(bl_run(inner), BL_OK, "once the outer is done, it may");
    cr_expect_eq(((const float *)bl_parameter_data(a))[0], 1);
    bl_program_free(inner);
    inner = outer;
    cr_expect_eq(bl_run(outer), BL_OK);
    cr_expect_eq(inner_status, BL_ERR_BUSY, "a program inside itself");
    bl_program_free(outer);
}

Test(user_op, a_program_is_not_freed_inside_its_own_run)
{
    bl_op suicidal = like("suicidal", compute_free_inner);
    bl_tensor *x = bl_full(graph, BL_F32, BL_SHAPE(2), 3),
              *y = bl_neg(bl_apply(graph, &suicidal, &x, 1, NULL));
    inner = compiled(&y, 1);
    cr_assert_eq(bl_run(inner), BL_OK);
    cr_expect_eq(bl_item_at(inner, y, BL_SHAPE(1)), -3);
    cr_assert_eq(bl_run(inner), BL_OK);
    bl_program_free(inner);
}

/* ---- element-wise, by tiles ---- */

/* a b + c of three inputs. */
#define MUL_ADD(name, type)                                                                         \
    static void mul_add_##name(int64_t n, void *out, const void *const *in, const void *attributes) \
    {                                                                                               \
        const type *a = in[0], *b = in[1], *c = in[2];                                              \
        type *y = out;                                                                              \
        (void)attributes;                                                                           \
        for (int64_t i = 0; i < n; i++)                                                             \
            y[i] = a[i] * b[i] + c[i];                                                              \
    }

MUL_ADD(f32, float)
MUL_ADD(f64, double)

static bl_status infer_broadcast(bl_infer_call *call)
{
    call->dtype[0] = bl_tensor_dtype(call->inputs[0]);
    call->shape[0] = bl_tensor_shape(call->inputs[0]);
    for (size_t i = 1; i < call->input_count; i++)
        bl_shape_broadcast(call->shape[0], bl_tensor_shape(call->inputs[i]), &call->shape[0]);
    return BL_OK;
}

static void vjp_mul_add(bl_vjp_call *call)
{
    call->gradients[0] = bl_mul(call->cotangents[0], call->inputs[1]);
    call->gradients[1] = bl_mul(call->cotangents[0], call->inputs[0]);
    call->gradients[2] = call->cotangents[0];
}

static bl_tensor *sample_mul_add(bl_sampler *sampler);

static const bl_op mul_add_op = {.size = sizeof(bl_op),
                                 .name = "mul_add",
                                 .min_inputs = 3,
                                 .max_inputs = 3,
                                 .output_count = 1,
                                 .flags = BL_OP_ELEMENTWISE,
                                 .infer = infer_broadcast,
                                 .vjp = vjp_mul_add,
                                 .tile_f32 = mul_add_f32,
                                 .tile_f64 = mul_add_f64,
                                 .sample = sample_mul_add};

static bl_tensor *mul_add(bl_tensor *a, bl_tensor *b, bl_tensor *c)
{
    bl_tensor *inputs[] = {a, b, c};
    return bl_apply(bl_tensor_graph(a), &mul_add_op, inputs, 3, NULL);
}

static bl_tensor *sample_mul_add(bl_sampler *sampler)
{
    bl_shape a, b;
    bl_sample_broadcast(sampler, &a, &b);
    bl_tensor *c = bl_sample_real(sampler, BL_SCALAR, -1, 1);
    return mul_add(bl_sample_real(sampler, a, -1, 1), bl_sample_real(sampler, b, -1, 1), c);
}

Test(user_op, tiles_pass_the_check_of_samples)
{
    char text[600];
    bl_op_check_result result;
    bl_op_check(context, &mul_add_op, NULL, &result);
    bl_op_check_format(&mul_add_op, &result, text, sizeof(text));
    cr_assert(result.passed, "%s", text);
}

/* It runs in one instruction with its neighbours, or in one of its own. */
Test(user_op, tiles_are_fused)
{
    const double data[] = {1, 2, 3, 4, 5, 6}, two = 2;
    bl_tensor *x = bl_constant(graph, BL_F64, BL_SHAPE(2, 3), data);
    bl_tensor *turned = bl_transpose(bl_constant(graph, BL_F64, BL_SHAPE(3, 2), data), 0, 1);
    bl_tensor *y = bl_neg(mul_add(bl_exp(x), turned, bl_constant(graph, BL_F64, BL_SCALAR, &two)));
    bl_program *program = compiled(&y, 1);
    cr_assert_eq(bl_program_instruction_count(program), 1);
    cr_assert_eq(bl_run(program), BL_OK);
    cr_assert_float_eq(bl_item_at(program, y, BL_SHAPE(1, 0)), -(exp(4) * 2 + 2), 1e-12);
    bl_program_free(program);
    bl_compile_options alone = bl_compile_defaults();
    alone.fuse = false;
    program = bl_compile_list(context, &y, 1, &alone);
    cr_assert_eq(bl_program_instruction_count(program), 3);
    cr_assert_eq(bl_run(program), BL_OK);
    cr_assert_float_eq(bl_item_at(program, y, BL_SHAPE(1, 0)), -(exp(4) * 2 + 2), 1e-12);
    bl_program_free(program);
}

/* What a tile function could not bear is refused. */
Test(user_op, tiles_refuse)
{
    bl_tensor *x = bl_full(graph, BL_F64, BL_SHAPE(2, 3), 1), *n = bl_full(graph, BL_I64, BL_SHAPE(2, 3), 1);
    bl_tensor *narrow = bl_full(graph, BL_F32, BL_SHAPE(2, 3), 1),
              *other = bl_full(graph, BL_F64, BL_SHAPE(5), 1);
    bl_op half = mul_add_op, without_flag = mul_add_op;
    half.tile_f64 = NULL;
    without_flag.flags = 0;
    bl_tensor *inputs[] = {x, x, x};
    bl_tensor *refused[] = {mul_add(n, n, n), mul_add(x, narrow, x), mul_add(x, other, x),
                            bl_apply(graph, &half, inputs, 3, NULL),
                            bl_apply(graph, &without_flag, inputs, 3, NULL)};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        cr_assert(!bl_tensor_valid(refused[i]), "%zu", i);
    cr_assert(error_says(bl_graph_error(graph), BL_ERR_ARGUMENT, "mul_add", "tiles", NULL), "%s",
              error_text(bl_graph_error(graph)));
}
