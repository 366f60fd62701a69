/* Effects: writing a value to a parameter or buffer, a part of one, and several effects as one. Their outputs
 * have no elements; a program commits them after everything else. */
#include "bowline/ops.h"
#include "graph/parameter.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#include <limits.h>

static bl_status infer_effect(bl_infer_call *call)
{
    return bl__infer_as(call, BL_BOOL, BL_SHAPE(0));
}

/* What assign and assign_slice share: a state of the value's dtype that the graph may use. */
static bl_status check_state(bl_infer_call *call)
{
    const bl__assign_attributes *attributes = call->attributes;
    const bl_parameter *state = attributes->parameter;
    bl_dtype dtype = bl_tensor_dtype(call->inputs[0]);
    if (state->context != call->graph->context)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "%s belongs to another context", state->name);
    if (call->inputs[0]->node->op->flags & BL_OP_EFFECT)
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "the value for %s is an effect, which has none",
                             state->name);
    if (state->dtype != dtype)
        return bl_infer_fail(call, BL_ERR_DTYPE, "%s is %s, the value is %s: cast the value", state->name,
                             bl_dtype_name(state->dtype), bl_dtype_name(dtype));
    return BL_OK;
}

/* Applies an effect on a state. The state is used on the graph, which thereby holds it. */
static bl_tensor *assign(const bl_op *op, bl_tensor *value, const bl__assign_attributes *attributes)
{
    bl_tensor *effect = bl__apply_1(op, value, attributes);
    if (!bl_tensor_valid(effect))
        return effect;
    return bl_tensor_valid(bl_use(bl__graph_of(value), attributes->parameter)) ? effect : bl__refused(value);
}

/* Whether there are a state and a value; reported to whichever can be told. */
static bool check_arguments(const char *op, const bl_parameter *state, const bl_tensor *value)
{
    if (value && !state)
        bl__fail(bl__graph_of(value), BL_ERR_ARGUMENT, op, "the state is NULL");
    else if (state && !value)
        bl__report(state->context, NULL, BL_ERR_ARGUMENT, op, NULL, "the value for %s is NULL", state->name);
    return state && value;
}

/* ---- assign ---- */

static bl_status infer_assign(bl_infer_call *call)
{
    const bl__assign_attributes *attributes = call->attributes;
    const bl_parameter *state = attributes->parameter;
    bl_shape value = bl__shape_in(call, 0);
    bl_status status = check_state(call);
    if (status != BL_OK)
        return status;
    if (!bl_shape_equal(state->shape, value))
        return bl_infer_fail(call, BL_ERR_SHAPE, "%s is %s, the value is %s", state->name,
                             BL__SHAPE_TEXT(state->shape), BL__SHAPE_TEXT(value));
    return infer_effect(call);
}

bl_tensor *bl_assign(bl_parameter *state, bl_tensor *value)
{
    bl__assign_attributes attributes = {.parameter = state, .id = state ? state->id : 0};
    if (!check_arguments("assign", state, value))
        return bl__refused(value);
    return assign(&bl__op_assign, value, &attributes);
}

static bl_tensor *assign_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 0, 4);
    bl_parameter *state = bl__sample_buffer(sampler, bl__sampler_dtype(sampler), shape);
    return bl_assign(state, bl_sample_real(sampler, shape, -1, 1));
}

const bl_op bl__op_assign = {BL__OP(assign, 1), .flags = BL_OP_EFFECT,
                             .attributes_size = sizeof(bl__assign_attributes), .infer = infer_assign,
                             .sample = assign_sample};

/* ---- assign_slice ---- */

static bl_status infer_assign_slice(bl_infer_call *call)
{
    const bl__assign_attributes *attributes = call->attributes;
    const bl_parameter *state = attributes->parameter;
    bl_shape value = bl__shape_in(call, 0), whole = state->shape;
    int axis = (int)attributes->axis;
    bl_status status = check_state(call);
    if (status != BL_OK)
        return status;
    bl_shape part = bl__shape_with(whole, axis, value.rank == whole.rank ? value.size[axis] : 0);
    if (!bl_shape_equal(part, value))
        return bl_infer_fail(call, BL_ERR_SHAPE, "a value of %s is no part of %s, %s, along axis %d",
                             BL__SHAPE_TEXT(value), state->name, BL__SHAPE_TEXT(whole), axis);
    int64_t size = whole.size[axis];
    if (attributes->start < 0 || attributes->start > size || value.size[axis] > size - attributes->start)
        return bl_infer_fail(call, BL_ERR_SHAPE,
                             "%lld from %lld on does not lie inside %s, %s, along axis %d",
                             (long long)value.size[axis], (long long)attributes->start, state->name,
                             BL__SHAPE_TEXT(whole), axis);
    return infer_effect(call);
}

bl_tensor *bl_assign_slice(bl_parameter *state, int axis, int64_t start, bl_tensor *value)
{
    if (!check_arguments("assign_slice", state, value))
        return bl__refused(value);
    int found = bl__axis(axis, state->shape.rank);
    if (found < 0)
        return bl__fail(bl__graph_of(value), BL_ERR_ARGUMENT, "assign_slice",
                        "axis %d is outside the rank of %s, %s", axis, state->name,
                        BL__SHAPE_TEXT(state->shape));
    bl__assign_attributes attributes = {.parameter = state, .id = state->id, .axis = found, .start = start};
    return assign(&bl__op_assign_slice, value, &attributes);
}

static bl_tensor *assign_slice_sample(bl_sampler *sampler)
{
    bl_shape shape = bl_sample_shape(sampler, 1, 4), part = shape;
    bl_parameter *state = bl__sample_buffer(sampler, bl__sampler_dtype(sampler), shape);
    int axis = (int)bl_sample_int(sampler, 0, shape.rank - 1);
    int64_t start = bl_sample_int(sampler, 0, shape.size[axis]);
    part.size[axis] = bl_sample_int(sampler, 0, shape.size[axis] - start);
    return bl_assign_slice(state, axis - shape.rank, start, bl_sample_real(sampler, part, -1, 1));
}

const bl_op bl__op_assign_slice = {BL__OP(assign_slice, 1), .flags = BL_OP_EFFECT,
                                   .attributes_size = sizeof(bl__assign_attributes),
                                   .infer = infer_assign_slice, .sample = assign_slice_sample};

/* ---- group ---- */

static bl_status infer_group(bl_infer_call *call)
{
    for (size_t i = 0; i < call->input_count; i++) {
        const bl_op *op = call->inputs[i]->node->op;
        if (!(op->flags & BL_OP_EFFECT))
            return bl_infer_fail(call, BL_ERR_ARGUMENT, "operand %zu is a %s, not an effect", i + 1,
                                 op->name);
    }
    return infer_effect(call);
}

bl_tensor *bl_group(bl_graph *graph, bl_tensor *const *effects, size_t count)
{
    return bl_apply(graph, &bl__op_group, effects, count, NULL);
}

static bl_tensor *group_sample(bl_sampler *sampler)
{
    bl_tensor *effects[3];
    size_t count = (size_t)bl_sample_int(sampler, 0, 3);
    for (size_t i = 0; i < count; i++)
        effects[i] = assign_sample(sampler);
    return bl_group(bl_sampler_graph(sampler), effects, count);
}

const bl_op bl__op_group = {BL__OP_BETWEEN(group, 0, INT_MAX), .flags = BL_OP_EFFECT, .infer = infer_group,
                            .sample = group_sample};
