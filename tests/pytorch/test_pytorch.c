/* The library's values and gradients beside PyTorch's, one test a builder. The fixtures are made by
 * make_fixtures.py; the values that they should hold are never adjusted here. */
#include "cases.h"
#include "reader.h"
#include "support/counts.h"
#include "support/errors.h"
#include "support/fixture.h"
#include "support/numbers.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(pytorch, .init = open_all, .fini = close_all, .timeout = 60);

/* A row and the family it belongs to: by value, since Criterion copies parameters into another process. */
typedef struct builder_place {
    int family, row;
} builder_place;

static const pytorch_builder *const families[] = {
#define TABLE(family) pytorch_##family,
    FAMILIES(TABLE)
#undef TABLE
};

static const char *const family_names[] = {
#define NAME(family) #family,
    FAMILIES(NAME)
#undef NAME
};

enum {
    FAMILY_COUNT = sizeof(families) / sizeof(families[0]),
    MOST_BUILDERS = 1000
};

bl_shape shape_at(const pytorch_case *c, size_t first, size_t count)
{
    bl_shape shape = {.rank = (int)count};
    for (size_t d = 0; d < count && d < BL_MAX_RANK; d++)
        shape.size[d] = integer_at(c, first + d);
    return shape;
}

bl_axes axes_at(const pytorch_case *c, size_t first, size_t count)
{
    bl_axes axes = {.count = (int)count};
    for (size_t d = 0; d < count && d < BL_MAX_RANK; d++)
        axes.axis[d] = (int)integer_at(c, first + d);
    return axes;
}

/* ---- one case in one dtype ---- */

/* A case on the graph: what was recorded and what is expected of it. */
typedef struct run_of_case {
    const pytorch_builder *builder;
    const read_case *read;
    bl_dtype real; /* f32 or f64 */
    pytorch_case recorded;
} run_of_case;

static bl_tensor *constant_of(const values *v, bl_dtype real)
{
    static float narrow[MOST_VALUES];
    static int64_t wide[MOST_VALUES];
    static int32_t integers[MOST_VALUES];
    static uint8_t bools[MOST_VALUES];
    bl_dtype dtype = v->dtype == BL_F64 ? real : v->dtype;
    for (size_t i = 0; i < v->count; i++) {
        narrow[i] = (float)v->data[i];
        wide[i] = v->dtype == BL_I64 ? (int64_t)v->data[i] : 0;
        integers[i] = v->dtype == BL_I32 ? (int32_t)v->data[i] : 0;
        bools[i] = v->data[i] != 0;
    }
    const void *data = dtype == BL_F32   ? (const void *)narrow
                       : dtype == BL_F64 ? (const void *)v->data
                       : dtype == BL_I64 ? (const void *)wide
                       : dtype == BL_I32 ? (const void *)integers
                                         : (const void *)bools;
    return bl_constant(graph, dtype, v->shape, data);
}

static void record(run_of_case *run)
{
    const read_case *read = run->read;
    pytorch_case *c = &run->recorded;
    *c = (pytorch_case){.graph = graph, .input_count = read->input_count};
    c->attribute_count = read->attribute_count;
    memcpy(c->attribute, read->attribute, sizeof(c->attribute));
    for (size_t i = 0; i < read->input_count; i++)
        c->input[i] = constant_of(&read->input[i], run->real);
    run->builder->build(c);
}

/* Compares a tensor with what PyTorch has. */
static void compare(const run_of_case *run, const char *what, size_t index, bl_tensor *tensor,
                    const values *want, double tolerance)
{
    static double raw[MOST_VALUES];
    static double got[MOST_VALUES];
    const char *name = run->builder->name, *dtype = bl_dtype_name(run->real);
    int number = run->read->number;
    cr_assert(bl_tensor_valid(tensor), "%s %d, %s, %s %zu: %s", name, number, dtype, what, index,
              error_text(bl_graph_error(graph)));
    cr_assert(bl_shape_equal(bl_tensor_shape(tensor), want->shape), "%s %d, %s %zu: another shape", name,
              number, what, index);
    bool is_real = bl_tensor_dtype(tensor) == BL_F32 || bl_tensor_dtype(tensor) == BL_F64;
    cr_assert(is_real == (want->dtype == BL_F32 || want->dtype == BL_F64), "%s %d, %s %zu: another dtype",
              name, number, what, index);
    size_t bytes = want->count * bl_dtype_size(bl_tensor_dtype(tensor));
    cr_assert_eq(bl_eval(tensor, raw, bytes), BL_OK, "%s %d: %s", name, number,
                 error_text(bl_context_error(context)));
    to_doubles(bl_tensor_dtype(tensor), raw, want->count, got);
    for (size_t i = 0; i < want->count; i++) {
        double b = want->data[i], scale = fabs(b) > 1 ? fabs(b) : 1;
        bool same = got[i] == b || (isnan(got[i]) && isnan(b)) || fabs(got[i] - b) <= tolerance * scale;
        cr_assert(same, "%s %d, %s, %s %zu, element %zu: %.17g, PyTorch has %.17g", name, number, dtype, what,
                  index, i, got[i], b);
    }
}

/* Weight i of output k, as in make_fixtures.py. */
static bl_tensor *weights_of(bl_tensor *output, size_t k)
{
    static double data[MOST_VALUES];
    values v = {.dtype = BL_F64, .shape = bl_tensor_shape(output), .data = data};
    v.count = (size_t)bl_tensor_count(output);
    for (size_t i = 0; i < v.count; i++)
        data[i] = ((double)((7 * i + 3 * k) % 11) - 5.5) / 4;
    return constant_of(&v, bl_tensor_dtype(output));
}

static void compare_gradients(const run_of_case *run, double tolerance)
{
    const read_case *read = run->read;
    bl_tensor *outputs[MOST_OUTPUTS], *cotangents[MOST_OUTPUTS], *wrt[MOST_INPUTS], *gradients[MOST_INPUTS];
    size_t output_count = 0, wrt_count = 0, places[MOST_INPUTS];
    for (size_t k = 0; k < read->output_count; k++) {
        bl_tensor *output = run->recorded.output[k];
        if (bl_tensor_dtype(output) != run->real)
            continue;
        cotangents[output_count] = weights_of(output, k);
        outputs[output_count++] = output;
    }
    for (size_t i = 0; i < read->input_count; i++) {
        if (!read->wants_gradient[i])
            continue;
        places[wrt_count] = i;
        wrt[wrt_count++] = run->recorded.input[i];
    }
    if (wrt_count == 0 || output_count == 0)
        return;
    cr_assert_eq(bl_grad(outputs, output_count, cotangents, wrt, wrt_count, gradients), BL_OK, "%s %d: %s",
                 run->builder->name, read->number, error_text(bl_graph_error(graph)));
    for (size_t j = 0; j < wrt_count; j++)
        compare(run, "gradient by input", places[j], gradients[j], &read->gradient[run->real][places[j]],
                tolerance);
}

static double chosen(double own, double usual)
{
    return own > 0 ? own : usual;
}

static void run_case(const pytorch_builder *builder, const read_case *read, bl_dtype real)
{
    bool wide = real == BL_F64;
    run_of_case run = {.builder = builder, .read = read, .real = real};
    double forward = wide ? chosen(builder->forward_f64, 1e-12) : chosen(builder->forward_f32, 1e-6);
    double backward = wide ? chosen(builder->gradient_f64, 1e-9) : chosen(builder->gradient_f32, 2e-3);
    bl_graph_reset(graph);
    record(&run);
    for (size_t k = 0; k < read->output_count; k++)
        compare(&run, "output", k, run.recorded.output[k], &read->output[real][k], forward);
    compare_gradients(&run, backward);
}

/* ---- the tests ---- */

ParameterizedTestParameters(pytorch, builders)
{
    static builder_place places[MOST_BUILDERS];
    size_t count = 0;
    for (int f = 0; f < FAMILY_COUNT; f++) {
        for (int r = 0; families[f][r].name && count < MOST_BUILDERS; r++)
            places[count++] = (builder_place){f, r};
    }
    return cr_make_param_array(builder_place, places, count);
}

ParameterizedTest(builder_place *place, pytorch, builders)
{
    const pytorch_builder *builder = &families[place->family][place->row];
    reader *r = reader_open(family_names[place->family]);
    int cases = 0;
    cr_assert(r, "%s", reader_error());
    for (const read_case *read; (read = reader_next(r, builder->name));) {
        run_case(builder, read, BL_F64);
        run_case(builder, read, BL_F32);
        cases++;
    }
    cr_assert(reader_well(r), "%s: %s", family_names[place->family], reader_error());
    cr_assert_gt(cases, 0, "%s has no case", builder->name);
    reader_close(r);
    counts_add("pytorch_builders", 1);
    counts_add("pytorch_cases", cases);
}

static bool has_row(const pytorch_builder *rows, const char *name)
{
    for (; rows->name; rows++) {
        if (strcmp(rows->name, name) == 0)
            return true;
    }
    return false;
}

/* No case is left out for want of a builder, nor a family for want of a file. */
Test(pytorch, every_case_has_a_builder)
{
    for (int f = 0; f < FAMILY_COUNT; f++) {
        reader *r = reader_open(family_names[f]);
        cr_assert(r, "%s", reader_error());
        for (const read_case *read; (read = reader_next(r, NULL));)
            cr_assert(has_row(families[f], read->name), "%s: no builder for %s", family_names[f], read->name);
        cr_assert(reader_well(r), "%s: %s", family_names[f], reader_error());
        reader_close(r);
    }
}
