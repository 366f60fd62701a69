/* Leaves: inputs, constants and parameters, whose values come from outside the tape. */
#include "bowline/ops.h"
#include "graph/shape.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#include <string.h>

/* ---- what their builders check ---- */

/* The one rule of all leaves: bl_apply cannot make them. */
static bl_status infer(bl_infer_call *call)
{
    return bl_infer_fail(call, BL_ERR_ARGUMENT, "a leaf is made by its builder, not applied");
}

/* Whether a leaf can have a dtype and shape; reported when not. */
static bool check(bl_graph *graph, const char *op, bl_dtype dtype, bl_shape shape)
{
    bl_status status = bl__shape_status(shape);
    if (bl_dtype_size(dtype) == 0)
        bl__fail(graph, BL_ERR_DTYPE, op, "there is no dtype %d", (int)dtype);
    else if (status == BL_ERR_SHAPE)
        bl__fail(graph, status, op, "the shape %s has a rank outside 0..%d or a size below 0",
                 BL__SHAPE_TEXT(shape), BL_MAX_RANK);
    else if (status != BL_OK)
        bl__fail(graph, status, op, "the elements of %s cannot be counted", BL__SHAPE_TEXT(shape));
    else
        return true;
    return false;
}

/* ---- input ---- */

bl_tensor *bl_input(bl_graph *graph, const char *name, bl_dtype dtype, bl_shape shape)
{
    if (!graph)
        return NULL;
    if (!name)
        return bl__fail(graph, BL_ERR_ARGUMENT, "input", "the name is NULL");
    if (!check(graph, "input", dtype, shape))
        return &graph->invalid;
    bl__input_attributes attributes = {.ordinal = graph->inputs,
                                       .name = bl__arena_string(&graph->arena, name)};
    if (!attributes.name)
        return bl__fail(graph, BL_ERR_MEMORY, "input", "no memory for the name");
    bl_tensor *input = bl__append_leaf(graph, &bl__op_input, &attributes, dtype, shape);
    if (bl_tensor_valid(input))
        graph->inputs++;
    return input;
}

static bl_tensor *input_sample(bl_sampler *sampler)
{
    return bl__sample_input(sampler, bl_sample_shape(sampler, 0, 5), -1, 1);
}

const bl_op bl__op_input = {BL__OP(input, 0), .flags = BL_OP_LEAF,
                            .attributes_size = sizeof(bl__input_attributes), .infer = infer,
                            .sample = input_sample};

/* ---- constant ---- */

bl_tensor *bl_constant(bl_graph *graph, bl_dtype dtype, bl_shape shape, const void *data)
{
    if (!graph)
        return NULL;
    if (!check(graph, "constant", dtype, shape))
        return &graph->invalid;
    size_t bytes = (size_t)bl_shape_count(shape) * bl_dtype_size(dtype);
    if (!data && bytes > 0)
        return bl__fail(graph, BL_ERR_ARGUMENT, "constant", "the data of %s is NULL", BL__SHAPE_TEXT(shape));
    void *copy = bytes > 0 ? bl__arena_take_aligned(&graph->arena, bytes) : NULL;
    if (!copy && bytes > 0)
        return bl__fail(graph, BL_ERR_MEMORY, "constant", "no memory for %zu bytes", bytes);
    if (bytes > 0)
        memcpy(copy, data, bytes);
    bl__constant_attributes attributes = {.data = copy};
    return bl__append_leaf(graph, &bl__op_constant, &attributes, dtype, shape);
}

static bl_tensor *constant_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    return bl__sample_chance(sampler, 2) ? bl_sample_indices(sampler, shape, -9, 9)
                                         : bl_sample_bools(sampler, shape);
}

const bl_op bl__op_constant = {BL__OP(constant, 0), .flags = BL_OP_LEAF,
                               .attributes_size = sizeof(bl__constant_attributes), .infer = infer,
                               .sample = constant_sample};

/* ---- full: one value everywhere, kept once ---- */

static bl_tensor *full(bl_graph *graph, const char *op, bl_dtype dtype, bl_shape shape, double value)
{
    if (!graph)
        return NULL;
    if (!check(graph, op, dtype, shape))
        return &graph->invalid;
    if (!bl__is_one_of(dtype, BL__COMPUTED))
        return bl__fail(graph, BL_ERR_DTYPE, op, "%s is storage only: make it f32 and cast it",
                        bl_dtype_name(dtype));
    if (!bl__holds(dtype, value))
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "%s cannot hold %.17g", bl_dtype_name(dtype), value);
    bl__full_attributes attributes = {.value = value};
    return bl__append_leaf(graph, &bl__op_full, &attributes, dtype, shape);
}

bl_tensor *bl_full(bl_graph *graph, bl_dtype dtype, bl_shape shape, double value)
{
    return full(graph, "full", dtype, shape, value);
}

bl_tensor *bl_scalar(bl_graph *graph, bl_dtype dtype, double value)
{
    return full(graph, "scalar", dtype, BL_SCALAR, value);
}

bl_tensor *bl_zeros(bl_graph *graph, bl_dtype dtype, bl_shape shape)
{
    return full(graph, "zeros", dtype, shape, 0);
}

bl_tensor *bl_ones(bl_graph *graph, bl_dtype dtype, bl_shape shape)
{
    return full(graph, "ones", dtype, shape, 1);
}

static bl_tensor *full_like(const char *op, bl_tensor *x, double value)
{
    if (!bl__known(op, x))
        return bl__refused(x);
    return full(bl__graph_of(x), op, bl_tensor_dtype(x), bl_tensor_shape(x), value);
}

bl_tensor *bl_full_like(bl_tensor *x, double value)
{
    return full_like("full_like", x, value);
}

bl_tensor *bl_zeros_like(bl_tensor *x)
{
    return full_like("zeros_like", x, 0);
}

bl_tensor *bl_ones_like(bl_tensor *x)
{
    return full_like("ones_like", x, 1);
}

static bl_tensor *full_sample(bl_sampler *sampler)
{
    static const bl_dtype integers[] = {BL_BOOL, BL_I32, BL_I64};
    bl_graph *graph = bl_sampler_graph(sampler);
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    if (bl__sample_chance(sampler, 2))
        return bl_full(graph, bl__sampler_dtype(sampler), shape, bl__sample_number(sampler, -9, 9));
    bl_dtype dtype = integers[bl_sample_int(sampler, 0, 2)];
    return bl_full(graph, dtype, shape, (double)bl_sample_int(sampler, 0, 1));
}

const bl_op bl__op_full = {BL__OP(full, 0), .flags = BL_OP_LEAF,
                           .attributes_size = sizeof(bl__full_attributes), .infer = infer,
                           .sample = full_sample};

/* ---- parameter: its builders, bl_use and bl_param, stand with the graph ---- */

static bl_tensor *parameter_sample(bl_sampler *sampler)
{
    return bl__sample_parameter(sampler, bl_sample_shape(sampler, 0, 5), -1, 1);
}

const bl_op bl__op_parameter = {BL__OP(parameter, 0), .flags = BL_OP_LEAF,
                                .attributes_size = sizeof(bl__parameter_attributes), .infer = infer,
                                .sample = parameter_sample};
