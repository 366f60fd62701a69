/* What a program tells about itself before it runs: operations, bytes, parameters, instructions. Takes every
 * op on samples from the table of entries (ops/registry.h). */
#include "bowline/bowline.h"
#include "ops/registry.h"
#include "ops/sampler.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(info, .init = open_all, .fini = close_all);

static bl_tensor *input(bl_dtype dtype, bl_shape shape)
{
    return bl_input(graph, "x", dtype, shape);
}

static bl_tensor *reals(bl_shape shape)
{
    return input(BL_F32, shape);
}

/* What is known of the program of one output; `fused` as compiled by default. */
static bl_program_info info_of(bl_tensor *output, bool fused)
{
    bl_compile_options options = bl_compile_defaults();
    options.fuse = fused;
    bl_program *program = bl_compile_list(context, &output, 1, &options);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    bl_program_info info = bl_program_describe(program), sum = {.instructions = info.instructions};
    for (size_t i = 0; i <= info.instructions; i++) {
        bl_instruction_info instruction = bl_program_instruction(program, i);
        cr_assert_not_null(instruction.op);
        sum.flops += instruction.flops;
        sum.bytes_read += instruction.bytes_read;
        sum.bytes_written += instruction.bytes_written;
    }
    cr_assert(info.flops == sum.flops && info.bytes_read == sum.bytes_read &&
              info.bytes_written == sum.bytes_written);
    cr_assert_null(bl_program_instruction(program, info.instructions + 1).op);
    cr_assert_eq(info.instructions, bl_program_instruction_count(program));
    cr_assert_eq(info.workspace_bytes, bl_program_workspace_bytes(program));
    cr_assert_eq(info.workspace_bound, bl_program_workspace_bound(program));
    bl_program_free(program);
    return info;
}

/* The operations of one output, the same in groups and alone. */
static void expect_flops(bl_tensor *output, int64_t expected)
{
    char text[160] = "";
    bl_tensor_format(output, text, sizeof(text));
    for (int fused = 0; fused < 2; fused++) {
        int64_t flops = info_of(output, fused).flops;
        cr_expect_eq(flops, expected, "%s: %lld, not %lld", text, (long long)flops, (long long)expected);
    }
}

Test(info, operations_of_elements_and_rows)
{
    bl_tensor *x = reals(BL_SHAPE(3, 4)), *row = reals(BL_SHAPE(4));
    bl_tensor *places = input(BL_I64, BL_SHAPE(3, 4)), *classes = input(BL_I64, BL_SHAPE(3));
    expect_flops(bl_add(x, row), 12);
    expect_flops(bl_tanh(bl_add(bl_mul(x, row), x)), 36);
    expect_flops(bl_gelu(x), 12);
    expect_flops(bl_cast(x, BL_F64), 12);
    expect_flops(bl_fmod(x, row), 12);
    expect_flops(bl_sum(x, BL_AXES(0), false), 12);
    expect_flops(bl_argmax(x, BL_AXES(1), false), 12);
    expect_flops(bl_var(x, BL_AXES(1), 1, false), 48);
    expect_flops(bl_logsumexp(x, BL_AXES(1), false), 48);
    expect_flops(bl_norm(x, 2, BL_AXES(1), false), 24);
    expect_flops(bl_softmax(x, 1), 60);
    expect_flops(bl_log_softmax(x, 0), 60);
    expect_flops(bl_cross_entropy(x, classes), 48);
    expect_flops(bl_cumsum(x, 1), 12);
    expect_flops(bl_index_add(x, 0, classes, x), 12);
    expect_flops(bl_scatter_add(x, 1, places, x), 12);
    expect_flops(bl_layer_norm(x, BL_SHAPE(4), NULL, NULL, 1e-5), 72);
    expect_flops(bl_rms_norm(x, BL_SHAPE(4), NULL, 1e-5), 36);
    expect_flops(bl_gradient(bl_embedding(x, classes), x), 12);
}

/* Of causal attention those of the scores that are left. */
Test(info, operations_of_attention)
{
    bl_tensor *x = reals(BL_SHAPE(3, 2));
    bl_attention_options options = bl_attention_defaults();
    expect_flops(bl_scaled_dot_product_attention(x, x, x), 9 * (4 + 4 + 4) + 6 + 6);
    options.causal = true;
    expect_flops(bl_scaled_dot_product_attention_with(x, x, x, &options), 6 * (4 + 4 + 4) + 6 + 6);
}

Test(info, operations_of_windows_positions_and_draws)
{
    bl_tensor *planes = reals(BL_SHAPE(3, 4, 4));
    bl_parameter *random = bl_params_add_random(params, "random", 1);
    expect_flops(bl_max_pool2d(planes, 2), 3 * 4 * 4);
    expect_flops(bl_avg_pool1d(planes, 2), 12 * 2 * 2 * 2);
    expect_flops(bl_avg_pool2d(planes, 2), 3 * (2 * 2 * 4 * 2 + 2 * (2 * 2 * 2)));
    expect_flops(bl_rotary_embedding(reals(BL_SHAPE(2, 3, 4)), input(BL_I64, BL_SHAPE(3))), 3 * 24 + 3 * 6);
    expect_flops(bl_dropout(planes, 0.5, true, random), 2 * 48);
    expect_flops(bl_uniform(graph, random, BL_F32, BL_SHAPE(7), 0, 1), 7);
}

Test(info, what_moves_elements_counts_nothing)
{
    bl_tensor *x = reals(BL_SHAPE(3, 4)), *pair[] = {x, x}, *classes = input(BL_I64, BL_SHAPE(3));
    bl_tensor *places = input(BL_I64, BL_SHAPE(3, 4));
    expect_flops(bl_transpose(x, 0, 1), 0);
    expect_flops(bl_concat(pair, 2, 0), 0);
    expect_flops(bl_embedding(x, classes), 0);
    expect_flops(bl_one_hot(classes, 5, BL_F32), 0);
    expect_flops(bl_gather(x, 1, places), 0);
    expect_flops(bl_index_select(x, 0, classes), 0);
    expect_flops(bl_tril(x, 0), 0);
    expect_flops(bl_argsort(x, 1, false), 0);
}

Test(info, operations_of_products)
{
    bl_tensor *a = reals(BL_SHAPE(4, 5)), *b = reals(BL_SHAPE(5, 6)), *many = reals(BL_SHAPE(2, 4, 5));
    expect_flops(bl_matmul(a, b), 2 * 4 * 5 * 6);
    expect_flops(bl_matmul(many, b), 2 * 2 * 4 * 5 * 6);
    expect_flops(bl_linear(a, reals(BL_SHAPE(7, 5)), reals(BL_SHAPE(7))), 2 * 4 * 5 * 7 + 4 * 7);
    expect_flops(bl_matmul(reals(BL_SHAPE(0, 5)), b), 0);
    expect_flops(bl_matmul(reals(BL_SHAPE(4, 0)), reals(BL_SHAPE(0, 6))), 0);
    expect_flops(bl_solve_triangular(reals(BL_SHAPE(4, 4)), reals(BL_SHAPE(4, 3)), false), 4 * 4 * 3);
    bl_conv_options same = bl_conv_defaults();
    for (int d = 0; d < 2; d++)
        same.padding[d] = 1;
    bl_tensor *image = reals(BL_SHAPE(2, 2, 5, 6)), *kernel = reals(BL_SHAPE(3, 2, 3, 3));
    bl_tensor *map = bl_conv2d_with(image, kernel, NULL, &same);
    int64_t products = 2 * (2 * 3 * 5 * 6) * (2 * 3 * 3);
    expect_flops(map, products);
    expect_flops(bl_gradient(map, image), products);
    expect_flops(bl_gradient(map, kernel), products);
}

#if BL__LAPACK
Test(info, operations_of_factorizations)
{
    bl_tensor *a = reals(BL_SHAPE(2, 6, 6)), *b = reals(BL_SHAPE(2, 6, 4));
    expect_flops(bl_cholesky(a), 2 * 72);
    expect_flops(bl_det(a), 2 * 144);
    expect_flops(bl_solve(a, b), 2 * (144 + 2 * 36 * 4));
    expect_flops(bl_inverse(a), 2 * (144 + 2 * 36 * 6));
}
#endif

Test(info, operations_stop_at_the_largest_number)
{
    const int64_t many = (int64_t)1 << 59;
    bl_tensor *all = bl_expand(reals(BL_SHAPE(1)), BL_SHAPE(many)), *sum = NULL;
    for (int i = 0; i < 18; i++) {
        bl_tensor *part = bl_sum(bl_slice(all, 0, i, many, 1), BL_ALL_AXES, false);
        sum = sum ? bl_add(sum, part) : part;
    }
    bl_program *program = bl_compile(context, sum);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    cr_expect_eq(bl_program_describe(program).flops, INT64_MAX);
    bl_program_free(program);
}

/* Whatever the shapes, sizes of 0 among them. An op's gradient is there for the kernels that only derivatives
 * use. */
static void check_sample(const bl_op *op, uint64_t seed)
{
    bl_sampler *sampler = bl__sampler_new(context, seed, BL_F32);
    bl_tensor *output = op->sample(sampler), *wanted[3] = {output};
    size_t count = 1;
    cr_assert(bl_tensor_valid(output), "%s", op->name);
    for (size_t i = 0; i < bl__sampler_leaf_count(sampler) && count < 3; i++) {
        bl_tensor *gradient = bl_gradient(output, bl__sampler_leaf(sampler, i)->tensor);
        if (bl_tensor_valid(gradient))
            wanted[count++] = gradient;
        bl_graph_clear_error(bl_sampler_graph(sampler)); /* it has none */
    }
    bl_compile_options alone = bl_compile_defaults();
    alone.fuse = false;
    bl_program *fused = bl_compile_list(context, wanted, count, NULL);
    bl_program *unfused = bl_compile_list(context, wanted, count, &alone);
    cr_assert_eq(bl_program_error(fused)->code, BL_OK, "%s", error_text(bl_program_error(fused)));
    bl_program_info one = bl_program_describe(fused), other = bl_program_describe(unfused);
    cr_expect(one.flops >= 0 && one.bytes_read >= 0 && one.bytes_written >= 0, "%s", op->name);
    cr_expect_eq(one.flops, other.flops, "%s, seed %llu: %lld in groups, %lld alone", op->name,
                 (unsigned long long)seed, (long long)one.flops, (long long)other.flops);
    cr_expect(one.bytes_read <= other.bytes_read && one.bytes_written <= other.bytes_written, "%s", op->name);
    bl_program_free(fused);
    bl_program_free(unfused);
    bl__sampler_free(sampler);
}

Test(info, of_every_op_the_same_operations_in_groups_and_alone)
{
    for (int key = 1; key <= BL__OP_COUNT; key++) {
        for (uint64_t seed = 1; bl__ops[key - 1]->sample && seed <= 20; seed++)
            check_sample(bl__ops[key - 1], seed);
    }
}

/* ---- bytes ---- */

static void expect_bytes(bl_tensor *output, int64_t read, int64_t written)
{
    char text[160] = "";
    bl_tensor_format(output, text, sizeof(text));
    bl_program_info info = info_of(output, true);
    cr_expect(info.bytes_read == read && info.bytes_written == written, "%s: %lld and %lld", text,
              (long long)info.bytes_read, (long long)info.bytes_written);
}

Test(info, bytes_are_those_of_the_elements_that_are_there)
{
    bl_tensor *x = reals(BL_SHAPE(4, 3)), *row = reals(BL_SHAPE(3)), *number = reals(BL_SCALAR);
    expect_bytes(bl_mul(x, row), 48 + 12, 48);
    expect_bytes(bl_mul(x, bl_expand(number, BL_SHAPE(4, 3))), 48 + 4, 48);
    expect_bytes(bl_exp(bl_expand(row, BL_SHAPE(4, 3))), 12, 48);
    expect_bytes(bl_exp(bl_slice(x, 1, 0, 2, 1)), 32, 32);
    expect_bytes(bl_exp(bl_transpose(x, 0, 1)), 48, 48);
    expect_bytes(bl_mul(bl_add(x, row), x), 48 + 12, 48); /* the sum stays in the group */
    expect_bytes(bl_sum(bl_expand(number, BL_SHAPE(4, 3)), BL_ALL_AXES, false), 4, 4);
    expect_bytes(bl_exp(reals(BL_SHAPE(0, 3))), 0, 0);
    expect_bytes(bl_transpose(x, 0, 1), 48, 48); /* as an output it is a copy */
    expect_bytes(bl_greater(x, row), 48 + 12, 12);
}

Test(info, of_a_table_only_what_is_looked_up_is_read)
{
    bl_tensor *table = reals(BL_SHAPE(10, 3)), *two = input(BL_I64, BL_SHAPE(2));
    bl_tensor *twenty = input(BL_I64, BL_SHAPE(20));
    expect_bytes(bl_embedding(table, two), 2 * 12 + 16, 24);
    expect_bytes(bl_embedding(table, twenty), 120 + 160, 240); /* no more than there is */
    expect_bytes(bl_index_select(table, 0, two), 24 + 16, 24);
    expect_bytes(bl_gather(table, 0, input(BL_I64, BL_SHAPE(1, 3))), 12 + 24, 12);
}

Test(info, the_commit_is_the_last_instruction)
{
    bl_parameter *state = bl_params_add_buffer(params, "state", BL_F32, BL_SHAPE(4, 3));
    bl_parameter *random = bl_params_add_random(params, "random", 1);
    bl_tensor *part = bl_assign_slice(state, 0, 1, bl_neg(reals(BL_SHAPE(2, 3))));
    bl_tensor *noise = bl_uniform(graph, random, BL_F32, BL_SHAPE(5), 0, 1);
    bl_compile_options wide = bl_compile_defaults();
    wide.precision = BL_PRECISION_F64;
    bl_tensor *outputs[] = {noise, part};
    bl_program *narrow = bl_compile_list(context, outputs, 2, NULL);
    bl_program *f64 = bl_compile_list(context, &part, 1, &wide);
    bl_instruction_info commit = bl_program_instruction(narrow, bl_program_instruction_count(narrow));
    cr_expect_str_eq(commit.op, "commit");
    cr_expect(commit.bytes_read == 24 + 8 && commit.bytes_written == 24 + 8 && commit.flops == 0);
    cr_expect_eq(bl_program_describe(narrow).effects, 2, "the slice and the count of runs");
    commit = bl_program_instruction(f64, bl_program_instruction_count(f64));
    cr_expect(commit.bytes_read == 48 && commit.bytes_written == 24);
    bl_program_free(narrow);
    bl_program_free(f64);

    bl_parameter *whole = bl_params_add_buffer(params, "whole", BL_F32, BL_SHAPE(4, 3));
    bl_tensor *update = bl_assign(whole, bl_add_scalar(bl_use(graph, whole), 1));
    bl_program *in_place = bl_compile(context, update);
    bl_program_info info = bl_program_describe(in_place);
    cr_expect(info.instructions == 1 && info.effects == 1);
    cr_expect(info.bytes_read == 48 && info.bytes_written == 48, "the instruction writes the state itself");
    bl_program_free(in_place);
}

/* ---- states ---- */

static void expect_count(bl_state_count count, size_t objects, int64_t elements)
{
    cr_expect(count.count == objects && count.elements == elements &&
                  count.bytes == (size_t)elements * sizeof(float),
              "%zu of %lld elements, %zu bytes", count.count, (long long)count.elements, count.bytes);
}

/* The model of examples/weight_tying, with a weight of no use, and one that is not trained. */
static bl_program *training_step(void)
{
    const int64_t tokens[] = {4, 9, 3, 0, 3, 9};
    bl_sgd_options options = bl_sgd_defaults();
    options.momentum = 0.9;
    bl_optimizer *sgd = bl_sgd(context, &options);
    bl_tensor *indices = bl_constant(graph, BL_I64, BL_SHAPE(2, 3), tokens);
    bl_tensor *rows = bl_embedding(bl_param(graph, params, "embedding.weight"), indices);
    bl_tensor *logits = bl_linear(rows, bl_param(graph, params, "head.weight"), NULL);
    logits = bl_add(logits, bl_param(graph, params, "frozen"));
    bl_tensor *loss = bl_cross_entropy(logits, indices);
    bl_program *step = bl_compile(context, loss, bl_minimize(sgd, loss));
    cr_assert_eq(bl_program_error(step)->code, BL_OK, "%s", error_text(bl_program_error(step)));
    bl_optimizer_free(sgd);
    return step;
}

Test(info, parameters_unique_and_by_name)
{
    bl_init zeros = bl_init_zeros();
    bl_params_add(params, "head.weight", BL_F32, BL_SHAPE(10, 3), zeros, NULL);
    bl_params_add(params, "embedding.weight", BL_F32, BL_SHAPE(10, 3), zeros, NULL);
    bl_params_add(params, "unused", BL_F32, BL_SHAPE(1000), zeros, NULL);
    bl_parameter_set_trainable(bl_params_add(params, "frozen", BL_F32, BL_SHAPE(10), zeros, NULL), false);
    bl_program *untied = training_step();
    bl_program_info info = bl_program_describe(untied);
    expect_count(info.parameters, 3, 70);
    expect_count(info.parameters_by_name, 3, 70);
    expect_count(info.trained, 2, 60);
    size_t buffers = info.buffers.count;
    bl_params_tie(params, "embedding.weight", "head.weight");
    bl_params_register(params, "third.weight", bl_params_find(params, "head.weight"));
    bl_graph_reset(graph);
    bl_program *tied = training_step();
    info = bl_program_describe(tied);
    expect_count(info.parameters, 2, 40);
    expect_count(info.parameters_by_name, 4, 100);
    expect_count(info.trained, 1, 30);
    cr_expect_eq(info.buffers.count, buffers - 1, "one momentum less");
    cr_expect_eq(info.buffers_by_name.count, info.buffers.count, "each counts though no registry has it");
    bl_program_free(untied);
    bl_program_free(tied);
}

/* ---- instructions ---- */

Test(info, instructions_say_where_they_come_from)
{
    bl_tensor *x = reals(BL_SHAPE(4, 5));
    bl_scope_push(graph, "block");
    bl_tensor *y = bl_label(bl_matmul(x, reals(BL_SHAPE(5, 6))), "scores");
    int line = __LINE__ - 1;
    bl_scope_pop(graph);
    bl_program *program = bl_compile(context, y, bl_sum(bl_exp(bl_cumsum(y, 0)), BL_ALL_AXES, false));
    bl_instruction_info product = bl_program_instruction(program, 0);
    cr_expect_str_eq(product.op, "matmul");
    cr_expect_str_eq(product.label, "scores");
    cr_expect_str_eq(product.scope, "block");
    cr_expect(product.file && strstr(product.file, "test_info.c") && product.line == line);
    cr_expect(product.flops == 240 && product.bytes_read == 200 && product.bytes_written == 96);
    bl_instruction_info power = bl_program_instruction(program, 2);
    cr_expect_str_eq(power.op, "exp+sum");
    cr_expect(!power.label && !power.scope);
    bl_program_free(program);
}

Test(info, of_no_program)
{
    bl_program *invalid = bl_compile_list(context, NULL, 0, NULL);
    const bl_program *none[] = {NULL, invalid};
    for (int i = 0; i < 2; i++) {
        bl_program_info info = bl_program_describe(none[i]);
        cr_expect(info.instructions == 0 && info.flops == 0 && info.parameters.count == 0);
        cr_expect_null(bl_program_instruction(none[i], 0).op);
    }
    bl_program_free(invalid);
}
