/* The joint norm of many tensors, and clipping by it or by value. */
#include "bowline/gradients.h"
#include "bowline/ops.h"
#include "ops/arguments.h"

#include <math.h>

/* Whether every tensor is one of reals of the graph, and p a power for norms; reported when not. */
static bool check(const char *op, bl_graph *graph, bl_tensor *const *tensors, size_t count)
{
    if (!bl__all_known(op, graph, tensors, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        bl_dtype dtype = bl_tensor_dtype(tensors[i]);
        if (dtype != BL_F32 && dtype != BL_F64) {
            bl__fail(graph, BL_ERR_DTYPE, op, "tensor %zu is %s, not f32 or f64", i, bl_dtype_name(dtype));
            return false;
        }
    }
    return true;
}

static bool check_most(const char *op, bl_graph *graph, double most)
{
    if (most >= 0)
        return true;
    bl__fail(graph, BL_ERR_ARGUMENT, op, "the limit %g is negative or NaN", most);
    return false;
}

static bool counts(const bl_tensor *tensor)
{
    return !bl_is_unreached(tensor) && tensor->count > 0;
}

/* The norms of all tensors of a dtype that count, as one vector in f64; NULL when there are none. */
static bl_tensor *norms_of(bl_tensor *const *tensors, size_t count, bl_dtype dtype, double p,
                           bl_tensor **norms)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (bl_tensor_dtype(tensors[i]) == dtype && counts(tensors[i]))
            norms[found++] = bl_norm(tensors[i], p, BL_ALL_AXES, false);
    }
    if (found == 0)
        return NULL;
    bl_tensor *all = bl_stack(norms, found, 0);
    return dtype == BL_F64 ? all : bl_cast(all, BL_F64);
}

/* Each norm is one number of its tensor's dtype; they meet in f64. */
static bl_tensor *global_norm(const char *op, bl_graph *graph, bl_tensor *const *tensors, size_t count,
                              double p)
{
    if (!(p >= 0))
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "p is %g, which is no norm of several tensors", p);
    bl__arena_mark before = bl__arena_position(&graph->scratch);
    bl_tensor **norms = bl__arena_take(&graph->scratch, count * sizeof(bl_tensor *));
    if (!norms)
        return bl__fail(graph, BL_ERR_MEMORY, op, "no memory for %zu norms", count);
    bl_tensor *parts[2], *single = norms_of(tensors, count, BL_F32, p, norms);
    size_t part_count = 0;
    if (single)
        parts[part_count++] = single;
    bl_tensor *wide = norms_of(tensors, count, BL_F64, p, norms);
    if (wide)
        parts[part_count++] = wide;
    bl__arena_rewind(&graph->scratch, before);
    if (part_count == 0)
        return bl_scalar(graph, BL_F64, 0);
    bl_tensor *all = part_count == 1 ? parts[0] : bl_concat(parts, part_count, 0);
    return p == 0 ? bl_sum(all, BL_ALL_AXES, false) : bl_norm(all, p, BL_ALL_AXES, false);
}

bl_tensor *bl_global_norm(bl_tensor *const *tensors, size_t count, double p)
{
    const char *op = "global_norm";
    bl_graph *graph = bl__graph_of_list(tensors, count);
    if (!graph)
        return NULL;
    return check(op, graph, tensors, count) ? global_norm(op, graph, tensors, count, p) : &graph->invalid;
}

/* Each gradient times a factor, f64, in its dtype. */
static bool scale(bl_tensor *const *gradients, size_t count, bl_tensor *factor, bl_tensor **scaled)
{
    bl_tensor *single = NULL; /* cast once, for as many as want it */
    bool valid = bl_tensor_valid(factor);
    for (size_t i = 0; i < count && valid; i++) {
        bool is_single = bl_tensor_dtype(gradients[i]) == BL_F32;
        if (is_single && !single)
            single = bl_cast(factor, BL_F32);
        scaled[i] =
            bl_is_unreached(gradients[i]) ? gradients[i] : bl_mul(gradients[i], is_single ? single : factor);
        valid = bl_tensor_valid(scaled[i]);
    }
    return valid;
}

bl_tensor *bl_clip_norm(bl_tensor *const *gradients, size_t count, double most, double p, bl_tensor **clipped)
{
    const char *op = "clip_norm";
    bl_graph *graph = bl__graph_of_list(gradients, count);
    if (!graph)
        return NULL;
    if (!clipped)
        return bl__fail(graph, BL_ERR_ARGUMENT, op, "the array for the clipped gradients is NULL");
    bl_tensor *norm = &graph->invalid;
    if (check(op, graph, gradients, count) && check_most(op, graph, most))
        norm = global_norm(op, graph, gradients, count, p);
    bool done = bl_tensor_valid(norm);
    if (done) {
        bl_tensor *factor = bl_minimum_scalar(bl_scalar_div(most, bl_add_scalar(norm, 1e-6)), 1);
        done = scale(gradients, count, factor, clipped);
    }
    bl__give_list(graph, done, clipped, count);
    return done ? norm : &graph->invalid;
}

bl_status bl_clip_value(bl_tensor *const *gradients, size_t count, double most, bl_tensor **clipped)
{
    const char *op = "clip_value";
    bl_graph *graph = bl__graph_of_list(gradients, count);
    if (!graph)
        return BL_ERR_ARGUMENT;
    if (!clipped) {
        bl__fail(graph, BL_ERR_ARGUMENT, op, "the array for the clipped gradients is NULL");
        return graph->error.code;
    }
    bool done = check(op, graph, gradients, count) && check_most(op, graph, most);
    for (size_t i = 0; i < count && done; i++) {
        clipped[i] = bl_is_unreached(gradients[i]) ? gradients[i] : bl_clamp(gradients[i], -most, most);
        done = bl_tensor_valid(clipped[i]);
    }
    return bl__give_list(graph, done, clipped, count);
}
