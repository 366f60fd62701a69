/* Random tensors: uniform, normal and Bernoulli draws from a random state. */
#include "ops/random.h"
#include "bowline/ops.h"
#include "graph/parameter.h"
#include "graph/shape.h"
#include "ops/sampler.h"

#include <math.h>
#include <string.h>

/* ---- what ops that draw share ---- */

static bool is_state(const bl_parameter *parameter)
{
    return parameter->buffer && parameter->dtype == BL_I64 && bl_shape_equal(parameter->shape, BL_SHAPE(2));
}

bl_tensor *bl__use_random(bl_graph *graph, const char *op, bl_parameter *random)
{
    if (!random)
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "the random state is NULL");
    if (random->context != graph->context)
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "%s belongs to another context", random->name);
    if (!is_state(random))
        return bl__fail(graph, BL_ERR_ARGUMENT, op,
                        "%s, %s %s, is no random state: bl_params_add_random makes one", random->name,
                        bl_dtype_name(random->dtype), BL__SHAPE_TEXT(random->shape));
    return bl_use(graph, random);
}

bl_status bl__require_random(bl_infer_call *call)
{
    const bl_parameter *random = bl_tensor_parameter(call->inputs[call->input_count - 1]);
    if (random && is_state(random))
        return BL_OK;
    return bl_infer_fail(call, BL_ERR_ARGUMENT, "the last operand is no random state");
}

bool bl__is_probability(bl_graph *graph, const char *op, double p)
{
    if (p >= 0 && p <= 1)
        return true;
    bl__fail(graph, BL_ERR_ARGUMENT, op, "p = %g is outside [0, 1]", p);
    return false;
}

uint64_t bl__next_stream(bl_graph *graph)
{
    return graph->streams++;
}

/* ---- draws of a shape of their own ---- */

/* Applies an op whose only input is the state. */
static bl_tensor *draw(const bl_op *op, bl_graph *graph, bl_parameter *random, bl_dtype dtype, bl_shape shape,
                       double a, double b)
{
    if (!graph)
        return NULL;
    bl_status status = bl__shape_status(shape);
    if (status != BL_OK)
        return bl__fail(graph, status, op->name, "no tensor has the shape %s", BL__SHAPE_TEXT(shape));
    bl_tensor *state = bl__use_random(graph, op->name, random);
    if (!bl_tensor_valid(state))
        return state;
    bl__random_attributes attributes = {
        .stream = graph->streams, .dtype = dtype, .a = a, .b = b, .rank = shape.rank};
    memcpy(attributes.size, shape.size, (size_t)shape.rank * sizeof(*shape.size));
    bl_tensor *drawn = bl__apply_1(op, state, &attributes);
    if (bl_tensor_valid(drawn))
        bl__next_stream(graph);
    return drawn;
}

static bl_status infer_drawn(bl_infer_call *call, unsigned dtypes)
{
    const bl__random_attributes *attributes = call->attributes;
    bl_dtype dtype = (bl_dtype)attributes->dtype;
    bl_status status = bl__require_random(call);
    if (status != BL_OK)
        return status;
    if (!bl__is_one_of(dtype, dtypes))
        return bl_infer_fail(call, BL_ERR_DTYPE, "it draws no %s: cast afterwards", bl_dtype_name(dtype));
    return bl__infer_as(call, dtype, bl_shape_of((int)attributes->rank, attributes->size));
}

/* Whether a number is finite in the dtype that is drawn. */
static bool is_finite_in(int64_t dtype, double value)
{
    return isfinite(dtype == BL_F32 ? (double)(float)value : value);
}

static bl_dtype sample_dtype(bl_sampler *sampler)
{
    return bl__sample_chance(sampler, 2) ? BL_F32 : BL_F64;
}

/* ---- uniform ---- */

static bl_status uniform_infer(bl_infer_call *call)
{
    const bl__random_attributes *attributes = call->attributes;
    double low = attributes->a, high = attributes->b;
    bl_status status = infer_drawn(call, BL__REALS);
    if (status != BL_OK)
        return status;
    if (!(low <= high))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "[%g, %g) is no interval", low, high);
    if (!is_finite_in(attributes->dtype, low) || !is_finite_in(attributes->dtype, high) ||
        !is_finite_in(attributes->dtype, high - low))
        return bl_infer_fail(call, BL_ERR_ARGUMENT, "[%g, %g) is not finite in %s", low, high,
                             bl_dtype_name((bl_dtype)attributes->dtype));
    return BL_OK;
}

bl_tensor *bl_uniform(bl_graph *graph, bl_parameter *random, bl_dtype dtype, bl_shape shape, double low,
                      double high)
{
    return draw(&bl__op_uniform, graph, random, dtype, shape, low, high);
}

static bl_tensor *uniform_sample(bl_sampler *sampler)
{
    bl_dtype dtype = sample_dtype(sampler);
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    return bl_uniform(bl_sampler_graph(sampler), bl__sample_random(sampler), dtype, shape, -1, 2);
}

const bl_op bl__op_uniform = {BL__OP(uniform, 1), .flags = BL__OP_RANDOM,
                              .attributes_size = sizeof(bl__random_attributes), .infer = uniform_infer,
                              .sample = uniform_sample};

/* ---- normal ---- */

static bl_status normal_infer(bl_infer_call *call)
{
    const bl__random_attributes *attributes = call->attributes;
    double mean = attributes->a, deviation = attributes->b;
    bl_status status = infer_drawn(call, BL__REALS);
    if (status != BL_OK)
        return status;
    if (!(deviation >= 0) || !is_finite_in(attributes->dtype, mean) ||
        !is_finite_in(attributes->dtype, deviation))
        return bl_infer_fail(call, BL_ERR_ARGUMENT,
                             "a mean of %g and a deviation of %g are no normal distribution's", mean,
                             deviation);
    return BL_OK;
}

bl_tensor *bl_normal(bl_graph *graph, bl_parameter *random, bl_dtype dtype, bl_shape shape, double mean,
                     double deviation)
{
    return draw(&bl__op_normal, graph, random, dtype, shape, mean, deviation);
}

static bl_tensor *normal_sample(bl_sampler *sampler)
{
    bl_dtype dtype = sample_dtype(sampler);
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    return bl_normal(bl_sampler_graph(sampler), bl__sample_random(sampler), dtype, shape, 1, 2);
}

const bl_op bl__op_normal = {BL__OP(normal, 1), .flags = BL__OP_RANDOM,
                             .attributes_size = sizeof(bl__random_attributes), .infer = normal_infer,
                             .sample = normal_sample};

/* ---- bernoulli: of one probability, or, with two inputs, of a tensor of them ---- */

static bl_status bernoulli_infer(bl_infer_call *call)
{
    if (call->input_count == 1)
        return infer_drawn(call, BL__COMPUTED);
    bl_status status = bl__require(call, 0, BL__REALS);
    if (status == BL_OK)
        status = bl__require_random(call);
    if (status != BL_OK)
        return status;
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), bl__shape_in(call, 0));
}

bl_tensor *bl_bernoulli(bl_graph *graph, bl_parameter *random, bl_dtype dtype, bl_shape shape, double p)
{
    if (graph && !bl__is_probability(graph, "bernoulli", p))
        return &graph->invalid;
    return draw(&bl__op_bernoulli, graph, random, dtype, shape, p, 0);
}

bl_tensor *bl_bernoulli_of(bl_tensor *probabilities, bl_parameter *random)
{
    bl_graph *graph = bl__graph_of(probabilities);
    if (!bl__usable(graph, "bernoulli_of", probabilities))
        return bl__refused(probabilities);
    bl_tensor *inputs[] = {probabilities, bl__use_random(graph, "bernoulli_of", random)};
    if (!bl_tensor_valid(inputs[1]))
        return inputs[1];
    bl__random_attributes attributes = {.stream = graph->streams};
    bl_tensor *drawn = bl_apply(graph, &bl__op_bernoulli, inputs, 2, &attributes);
    if (bl_tensor_valid(drawn))
        bl__next_stream(graph);
    return drawn;
}

static bl_tensor *bernoulli_sample(bl_sampler *sampler)
{
    static const bl_dtype dtypes[] = {BL_F32, BL_F64, BL_I32, BL_I64, BL_BOOL};
    bl_graph *graph = bl_sampler_graph(sampler);
    bl_parameter *random = bl__sample_random(sampler);
    bl_shape shape = bl_sample_shape(sampler, 0, 5);
    if (bl__sample_chance(sampler, 3)) /* no leaf of floats: it has no derivative by the probabilities */
        return bl_bernoulli_of(bl_full(graph, bl__sampler_dtype(sampler), shape, 0.375), random);
    bl_dtype dtype = dtypes[bl_sample_int(sampler, 0, 4)];
    return bl_bernoulli(graph, random, dtype, shape, bl__sample_number(sampler, 0, 1));
}

const bl_op bl__op_bernoulli = {BL__OP_BETWEEN(bernoulli, 1, 2), .flags = BL__OP_RANDOM,
                                .attributes_size = sizeof(bl__random_attributes), .infer = bernoulli_infer,
                                .sample = bernoulli_sample};
