/* Matrix products that make one instruction with what goes on with them: which do, and that the bits are
 * those of the ops alone. */
#include "bowline/bowline.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(epilogue, .init = open_all, .fini = close_all);

static unsigned seed;

static unsigned next(unsigned below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Numbers that are not exact, so that another order of a sum would show. */
static bl_tensor *numbers(bl_dtype dtype, bl_shape shape)
{
    size_t count = (size_t)bl_shape_count(shape), bytes = count * bl_dtype_size(dtype);
    void *data = malloc(bytes ? bytes : 1);
    for (size_t i = 0; i < count; i++) {
        double value = next(20001) / 10000.0 - 1;
        if (dtype == BL_F64)
            ((double *)data)[i] = value;
        else
            ((float *)data)[i] = (float)value;
    }
    bl_tensor *tensor = bl_constant(graph, dtype, shape, data);
    free(data);
    return tensor;
}

static bl_program *compile(bl_tensor *const *outputs, size_t count, bool fused, int threads, bool wide)
{
    bl_compile_options options = bl_compile_defaults();
    options.fuse = fused;
    options.threads = threads;
    options.precision = wide ? BL_PRECISION_F64 : BL_PRECISION_RECORDED;
    bl_program *program = bl_compile_list(context, outputs, count, &options);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

static size_t instructions(bl_tensor *const *outputs, size_t count)
{
    bl_program *program = compile(outputs, count, true, 1, false);
    size_t found = bl_program_instruction_count(program);
    bl_program_free(program);
    return found;
}

/* Fused on several numbers of threads and alone, twice each, outputs have the same bits. */
static void expect_same_bits(bl_tensor *const *outputs, size_t count)
{
    static const int threads[] = {1, 2, 3, 8};
    for (int wide = 0; wide < 2; wide++) {
        bl_program *alone = compile(outputs, count, false, 1, wide);
        cr_assert_eq(bl_run(alone), BL_OK, "%s", error_text(bl_program_error(alone)));
        for (int t = 0; t < 8; t++) {
            bl_program *fused = compile(outputs, count, true, threads[t / 2], wide);
            cr_assert_eq(bl_run(fused), BL_OK, "%s", error_text(bl_program_error(fused)));
            cr_assert_eq(bl_run(fused), BL_OK, "a second run begins anew");
            for (size_t o = 0; o < count; o++) {
                bl_dtype dtype = bl_tensor_dtype(outputs[o]);
                dtype = wide && dtype == BL_F32 ? BL_F64 : dtype;
                size_t bytes = (size_t)bl_tensor_count(outputs[o]) * bl_dtype_size(dtype);
                cr_assert(bytes == 0 || memcmp(bl_output_data(fused, outputs[o]),
                                               bl_output_data(alone, outputs[o]), bytes) == 0,
                          "output %zu on %d threads", o, threads[t / 2]);
            }
            bl_program_free(fused);
        }
        bl_program_free(alone);
    }
}

/* ---- what joins ---- */

static const char *first_name(bl_tensor *const *outputs, size_t count, char *text, size_t size)
{
    bl_program *program = compile(outputs, count, true, 1, false);
    bl_instruction_info info = bl_program_instruction(program, 0);
    snprintf(text, size, "%s", info.op);
    bl_program_free(program);
    return text;
}

Test(epilogue, a_layer_is_one_instruction)
{
    char name[64];
    bl_tensor *x = numbers(BL_F32, BL_SHAPE(4, 5, 8)), *w = numbers(BL_F32, BL_SHAPE(12, 8)),
              *b = numbers(BL_F32, BL_SHAPE(12)), *residual = numbers(BL_F32, BL_SHAPE(4, 5, 12));
    bl_tensor *y = bl_relu(bl_linear(x, w, b));
    cr_expect_eq(instructions(&y, 1), 1);
    cr_expect_str_eq(first_name(&y, 1, name, sizeof(name)), "matmul+add+relu");
    bl_tensor *added = bl_add(residual, bl_linear(x, w, b));
    cr_expect_eq(instructions(&added, 1), 1);
    bl_tensor *only = bl_linear(x, w, b);
    cr_expect_eq(instructions(&only, 1), 1);
    cr_expect_str_eq(first_name(&only, 1, name, sizeof(name)), "matmul+add");
    bl_tensor *sum = bl_matmul(numbers(BL_F32, BL_SHAPE(20, 8)), bl_transpose(w, 0, 1));
    sum = bl_sum(bl_square(bl_sub(sum, numbers(BL_F32, BL_SHAPE(20, 12)))), BL_ALL_AXES, false);
    cr_expect_eq(instructions(&sum, 1), 1, "and a sum at its end");
    bl_tensor *all[] = {y, added, only, sum};
    for (int i = 0; i < 4; i++)
        expect_same_bits(&all[i], 1);
    expect_same_bits(all, 4);
}

/* linear, gelu, linear: forward and back. */
Test(epilogue, two_layers_forward_and_back)
{
    bl_tensor *x = numbers(BL_F32, BL_SHAPE(6, 8)), *w1 = numbers(BL_F32, BL_SHAPE(12, 8)),
              *b1 = numbers(BL_F32, BL_SHAPE(12)), *w2 = numbers(BL_F32, BL_SHAPE(3, 12)),
              *b2 = numbers(BL_F32, BL_SHAPE(3));
    bl_tensor *y = bl_linear(bl_gelu(bl_linear(x, w1, b1)), w2, b2);
    bl_tensor *loss = bl_sum(bl_square(y), BL_ALL_AXES, false), *wrt[] = {w1, b1, w2, b2}, *outputs[5];
    cr_assert_eq(bl_grad(&loss, 1, NULL, wrt, 4, outputs), BL_OK);
    outputs[4] = loss;
    /* Each layer; the loss; the derivative by the second layer's outputs, and from there the sum for its
     * bias, the product for its weight, and that with gelu's derivative; the first layer's sum and product.
     */
    cr_expect_eq(instructions(outputs, 5), 9);
    expect_same_bits(outputs, 5);
}

/* The raw product is an output, is used later, or is used before the group could run. */
Test(epilogue, other_users_of_the_product)
{
    bl_tensor *x = numbers(BL_F32, BL_SHAPE(30, 40)), *w = numbers(BL_F32, BL_SHAPE(40, 50));
    bl_tensor *y = bl_matmul(x, w), *both[] = {y, bl_tanh(y)};
    cr_expect_eq(instructions(both, 2), 1);
    expect_same_bits(both, 2);
    y = bl_matmul(x, w);
    bl_tensor *first = bl_tanh(y), *later = bl_cumsum(y, 1);
    later = bl_add(bl_cumsum(first, 0), later);
    cr_expect_eq(instructions(&later, 1), 4);
    expect_same_bits(&later, 1);
    y = bl_matmul(x, w);
    bl_tensor *before = bl_mul(y, bl_cumsum(y, 0));
    cr_expect_eq(instructions(&before, 1), 3, "what is made from the product comes first");
    expect_same_bits(&before, 1);
    y = bl_matmul(x, w);
    bl_tensor *square = bl_matmul(y, bl_transpose(y, 0, 1)),
              *turned = bl_add(square, bl_transpose(square, 0, 1));
    cr_expect_eq(instructions(&turned, 1), 3, "the product is seen turned over");
    expect_same_bits(&turned, 1);
    y = bl_matmul(x, w);
    bl_tensor *shown[] = {bl_neg(bl_reshape(y, BL_SHAPE(5, 6, 50))), bl_transpose(y, 0, 1)};
    cr_expect_eq(instructions(shown, 2), 2, "with a copy of a turned output");
    expect_same_bits(shown, 2);
    bl_tensor *row =
        bl_add(bl_matmul(numbers(BL_F32, BL_SHAPE(1, 40)), w), numbers(BL_F32, BL_SHAPE(30, 50)));
    cr_expect_eq(instructions(&row, 1), 2, "it is broadcast");
    expect_same_bits(&row, 1);
}

/* No output has elements as large as the product's: it has memory of its own. */
Test(epilogue, outputs_of_other_sizes)
{
    bl_tensor *y = bl_matmul(numbers(BL_F32, BL_SHAPE(33, 40)), numbers(BL_F32, BL_SHAPE(40, 35)));
    bl_tensor *outputs[] = {bl_greater(y, bl_full(graph, BL_F32, BL_SCALAR, 0.5)),
                            bl_cast(bl_tanh(y), BL_BF16)};
    for (int i = 0; i < 2; i++)
        cr_expect_eq(instructions(&outputs[i], 1), 1);
    cr_expect_eq(instructions(outputs, 2), 2, "nothing but the product is the same for both");
    expect_same_bits(outputs, 2);
}

/* A product that is computed into what it is added to, and what follows. */
Test(epilogue, behind_a_sum_of_products)
{
    static const int64_t sizes[] = {4, 70};
    for (int i = 0; i < 2; i++) {
        bl_tensor *a =
            bl_cast(bl_cast(bl_mul_scalar(numbers(BL_F32, BL_SHAPE(sizes[i], 60)), 4), BL_I32), BL_F32);
        bl_tensor *b = bl_cast(bl_cast(bl_mul_scalar(numbers(BL_F32, BL_SHAPE(60, 40)), 4), BL_I32), BL_F32);
        bl_tensor *sum =
            bl_add(bl_matmul(bl_neg(a), b), bl_matmul(a, bl_square(b))); /* whole numbers: exact */
        bl_tensor *outputs[] = {bl_tanh(bl_mul_scalar(sum, 0.01)), bl_cumsum(sum, 0)};
        size_t before = instructions(outputs, 1);
        bl_tensor *alone = sum;
        cr_expect_eq(before, instructions(&alone, 1));
        expect_same_bits(outputs, 2);
    }
}

/* A new value of a state is written where the old one stands, unless the product needs the old one. */
Test(epilogue, updates)
{
    bl_rng *rng = bl_rng_new(context, 1);
    bl_parameter *p = bl_params_add(params, "w", BL_F32, BL_SHAPE(20, 20), bl_init_normal(0, 1), rng);
    float first[400], got[2][400];
    bl_parameter_read(p, first, sizeof(first));
    for (int kind = 0; kind < 2; kind++) {
        bl_graph_reset(graph);
        bl_tensor *w = bl_use(graph, p), *a = bl_full(graph, BL_F32, BL_SHAPE(20, 20), 0.25);
        bl_tensor *product = kind ? bl_matmul(w, w) : bl_matmul(a, a);
        bl_tensor *update = bl_assign(p, bl_sub(w, bl_mul_scalar(product, 0.1)));
        for (int fused = 0; fused < 2; fused++) {
            cr_assert_eq(bl_parameter_write(p, first, sizeof(first)), BL_OK);
            bl_program *program = compile(&update, 1, fused, 1, false);
            cr_assert_eq(bl_run(program), BL_OK);
            cr_assert_eq(bl_run(program), BL_OK);
            bl_parameter_read(p, got[fused], sizeof(first));
            bl_program_free(program);
        }
        cr_expect_eq(memcmp(got[0], got[1], sizeof(first)), 0);
    }
    bl_rng_free(rng);
}

Test(epilogue, what_it_costs)
{
    bl_tensor *x = bl_input(graph, "x", BL_F32, BL_SHAPE(30, 40)),
              *w = bl_input(graph, "w", BL_F32, BL_SHAPE(40, 50)),
              *b = bl_input(graph, "b", BL_F32, BL_SHAPE(50));
    bl_tensor *y = bl_relu(bl_add(bl_matmul(x, w), b));
    bl_program *program = compile(&y, 1, true, 1, false);
    bl_instruction_info info = bl_program_instruction(program, 0);
    cr_expect_eq(info.flops, 30 * 50 * (2 * 40 + 2));
    cr_expect_eq(info.bytes_read, 4 * (30 * 40 + 40 * 50 + 50));
    cr_expect_eq(info.bytes_written, 4 * 30 * 50);
    bl_program_info all = bl_program_describe(program);
    cr_expect_eq(all.workspace_bytes - all.scratch_bytes, (4 * 30 * 50 + 63) / 64 * 64,
                 "the product has no memory");
    bl_program_free(program);
}

/* ---- many ---- */

/* An operand of the group: whole, one for each column, row or product, one for all, turned round, or every
 * second. */
static bl_tensor *operand(bl_dtype dtype, bl_shape shape)
{
    bl_shape own = shape;
    int last = shape.rank - 1;
    switch (next(7)) {
    case 0:
        return numbers(dtype, BL_SHAPE(shape.size[last]));
    case 1:
        own.size[last] = 1;
        return numbers(dtype, own);
    case 2:
        own.size[0] = 1;
        return numbers(dtype, own);
    case 3:
        return numbers(dtype, BL_SCALAR);
    case 4:
        own.size[last] = shape.size[last - 1];
        own.size[last - 1] = shape.size[last];
        return bl_transpose(numbers(dtype, own), -1, -2);
    case 5:
        own.size[last] = 2 * shape.size[last];
        return bl_slice(numbers(dtype, own), last, 0, own.size[last], 2);
    default:
        return numbers(dtype, shape);
    }
}

/* A product that is added to a value that is computed is a sum in another order: that is subtracted. */
static bl_tensor *one_step(bl_tensor *x, bl_tensor *other, bool is_computed, bl_dtype dtype)
{
    switch (next(9)) {
    case 0:
        return is_computed ? bl_sub(x, other) : bl_add(x, other);
    case 1:
        return bl_mul(other, x);
    case 2:
        return bl_relu(x);
    case 3:
        return bl_tanh(x);
    case 4:
        return bl_sigmoid(bl_mul_scalar(x, 0.5));
    case 5:
        return bl_where(bl_less(x, other), bl_square(x), other);
    case 6:
        return bl_cast(bl_cast(bl_mul_scalar(x, 3), BL_I32), dtype);
    case 7:
        return bl_sub(other, bl_gelu(x));
    default:
        return bl_cast(bl_cast(x, dtype == BL_F64 ? BL_F32 : BL_F64), dtype);
    }
}

/* Some steps behind a product, and which of their values are outputs too. */
static void expect_random(bl_dtype dtype, bl_shape left, bl_shape right)
{
    bl_tensor *values[12] = {bl_matmul(numbers(dtype, left), numbers(dtype, right))}, *outputs[4];
    bl_shape shape = bl_tensor_shape(values[0]);
    size_t count = 1, output_count = 0;
    if (shape.rank > 2 && next(2))
        values[0] = bl_reshape(values[0], shape = BL_SHAPE(bl_shape_count(shape), 1));
    while (count < 3 + next(6)) {
        bool is_computed = next(2);
        bl_tensor *other = is_computed ? values[next((unsigned)count)] : operand(dtype, shape);
        values[count] = one_step(values[next((unsigned)count)], other, is_computed, dtype);
        count++;
    }
    outputs[output_count++] = values[count - 1];
    while (output_count < 3 && next(2))
        outputs[output_count++] = values[next((unsigned)count)];
    expect_same_bits(outputs, output_count);
}

Test(epilogue, random_groups)
{
    static const bl_shape shapes[][2] = {
        {{2, {3, 4}}, {2, {4, 5}}},         {{2, {1, 7}}, {2, {7, 1}}},
        {{2, {37, 20}}, {2, {20, 53}}},     {{2, {130, 33}}, {2, {33, 71}}},
        {{2, {6, 700}}, {2, {700, 9}}},     {{2, {0, 4}}, {2, {4, 5}}},
        {{2, {3, 0}}, {2, {0, 5}}},         {{2, {3, 4}}, {2, {4, 0}}},
        {{3, {5, 6, 7}}, {3, {5, 7, 8}}},   {{3, {3, 40, 30}}, {2, {30, 33}}},
        {{4, {2, 3, 5, 4}}, {3, {3, 4, 6}}}};
    for (unsigned round = 0; round < 66; round++) {
        seed = round + 1;
        bl_graph_reset(graph);
        expect_random(round % 4 == 3 ? BL_F64 : BL_F32, shapes[round % 11][0], shapes[round % 11][1]);
    }
}

/* Large products, whose parts the group follows: rows that are cut, whole ones, batches of large and of small
 * products, an empty sum; with what is gathered, repeated and the same everywhere. */
Test(epilogue, part_after_part)
{
    static const bl_shape shapes[][2] = {
        {{2, {1030, 5}}, {2, {5, 1033}}},     {{2, {5300, 3}}, {2, {3, 200}}},
        {{2, {1900, 330}}, {2, {330, 560}}},  {{2, {1100, 0}}, {2, {0, 1000}}},
        {{3, {3, 600, 9}}, {3, {3, 9, 601}}}, {{3, {9000, 11, 4}}, {3, {9000, 4, 12}}}};
    for (int i = 0; i < 6; i++) {
        bl_graph_reset(graph);
        bl_tensor *y = bl_matmul(numbers(BL_F32, shapes[i][0]), numbers(BL_F32, shapes[i][1]));
        int64_t columns = shapes[i][1].size[shapes[i][1].rank - 1];
        bl_tensor *bias = numbers(BL_F32, BL_SHAPE(columns)), *scale = numbers(BL_F32, BL_SCALAR);
        bl_tensor *second = bl_slice(numbers(BL_F32, BL_SHAPE(2 * columns)), 0, 0, 2 * columns, 2);
        bl_tensor *z = bl_mul(bl_add(y, bias), scale), *w = bl_relu(bl_add(z, second));
        cr_expect_eq(instructions(&w, 1), 1);
        expect_same_bits(&w, 1);
    }
}

/* ---- biases of small products, which add them themselves ---- */

static void expect_bias(bl_dtype dtype, int64_t m, int64_t k, int64_t n)
{
    bl_tensor *x = numbers(dtype, BL_SHAPE(m, k)), *w = numbers(dtype, BL_SHAPE(n, k)),
              *b = numbers(dtype, BL_SHAPE(n)), *target = numbers(dtype, BL_SHAPE(m, n));
    bl_tensor *turned = bl_transpose(numbers(dtype, BL_SHAPE(k, m)), 0, 1), *loss, *gradient[3];
    bl_tensor *y = bl_linear(x, w, b), *hidden = bl_tanh(y), *far = bl_linear(turned, w, b);
    bl_tensor *difference = bl_sub(bl_linear(x, w, bl_mul_scalar(b, 2)), target);
    loss = bl_sum(bl_square(difference), BL_ALL_AXES, false);
    cr_assert_eq(bl_grad(&loss, 1, NULL, (bl_tensor *[]){x, w, b}, 3, gradient), BL_OK);
    bl_tensor *twice = bl_add(bl_matmul(x, bl_transpose(w, 0, 1)), b);
    bl_tensor *all[] = {y,
                        bl_tanh(far),
                        bl_mul(hidden, b),
                        loss,
                        gradient[0],
                        gradient[1],
                        bl_mul(bl_tanh(twice), twice),
                        bl_add(bl_tanh(bl_linear(x, w, b)), numbers(dtype, BL_SHAPE(3, m, n)))};
    for (int i = 0; i < 8; i++)
        expect_same_bits(&all[i], 1);
    expect_same_bits((bl_tensor *[]){y, hidden}, 2); /* what goes into tanh is wanted too */
}

Test(epilogue, small_products_add_a_bias)
{
    static const int64_t shapes[][3] = {{1, 1, 1},    {1, 40, 9},  {9, 40, 1},  {5, 3, 10},
                                        {32, 16, 32}, {17, 5, 35}, {35, 33, 2}, {3, 0, 4}};
    for (int i = 0; i < 8; i++) {
        expect_bias(BL_F32, shapes[i][0], shapes[i][1], shapes[i][2]);
        bl_graph_reset(graph);
    }
    expect_bias(BL_F64, 5, 3, 10);
}

Test(epilogue, products_of_a_batch_add_a_bias_to_each)
{
    bl_tensor *x = numbers(BL_F32, BL_SHAPE(4, 3, 5)), *w = numbers(BL_F32, BL_SHAPE(4, 5, 7)),
              *b = numbers(BL_F32, BL_SHAPE(7)), *apart = numbers(BL_F32, BL_SHAPE(4, 1, 7));
    bl_tensor *y = bl_relu(bl_add(bl_matmul(x, w), b)), *z = bl_relu(bl_add(bl_matmul(x, w), apart));
    expect_same_bits(&y, 1);
    expect_same_bits(&z, 1);
}
