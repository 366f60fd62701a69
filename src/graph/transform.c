/* Products with Jacobians and Hessians, and the matrices: all of them by bl_grad. */
#include "bowline/transform.h"
#include "bowline/ops.h"
#include "graph/graph.h"
#include "graph/text.h"

enum {
    MOST_ROWS = 4096 /* of a matrix, each of which is a vjp */
};

/* ---- what they share ---- */

static bl_graph *graph_of(bl_tensor *const *tensors, size_t count)
{
    bl_graph *graph = NULL;
    for (size_t i = 0; tensors && i < count && !graph; i++)
        graph = bl__graph_of(tensors[i]);
    return graph;
}

/* Every entry as after an error; the status to return. */
static bl_status give_up(bl_graph *graph, bl_tensor **results, size_t count)
{
    for (size_t i = 0; results && i < count; i++)
        results[i] = graph ? &graph->invalid : NULL;
    return graph ? graph->error.code : BL_ERR_ARGUMENT;
}

/* Whether vectors[i] can be multiplied with what belongs to like[i]; reported when not. */
static bool check_like(bl_graph *graph, const char *op, const char *what, bl_tensor *const *vectors,
                       bl_tensor *const *like, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!bl__usable(graph, op, vectors[i]) || !bl__usable(graph, op, like[i]))
            return false;
        bl_shape have = bl_tensor_shape(vectors[i]), want = bl_tensor_shape(like[i]);
        if (!bl_shape_equal(have, want))
            bl__fail(graph, BL_ERR_SHAPE, op, "%s %zu is %s for a tensor of %s", what, i,
                     BL__SHAPE_TEXT(have), BL__SHAPE_TEXT(want));
        else if (vectors[i]->dtype != like[i]->dtype)
            bl__fail(graph, BL_ERR_DTYPE, op, "%s %zu is %s for a tensor of %s", what, i,
                     bl_dtype_name((bl_dtype)vectors[i]->dtype), bl_dtype_name((bl_dtype)like[i]->dtype));
        else
            continue;
        return false;
    }
    return true;
}

/* One element and known: what can have a Hessian. */
static bool check_scalar(const char *op, const bl_tensor *output)
{
    if (!bl__usable(bl__graph_of(output), op, output))
        return false;
    if (output->count != 1)
        bl__fail(bl__graph_of(output), BL_ERR_SHAPE, op, "the output is %s, not one element",
                 BL__SHAPE_TEXT(bl_tensor_shape(output)));
    return output->count == 1;
}

/* The graph of whichever knows one. */
static bl_graph *graph_of_pair(const bl_tensor *output, const bl_tensor *wrt)
{
    bl_graph *graph = bl__graph_of(output);
    return graph ? graph : bl__graph_of(wrt);
}

static bl_tensor *refused(const bl_tensor *output, const bl_tensor *wrt)
{
    bl_graph *graph = graph_of_pair(output, wrt);
    return graph ? &graph->invalid : NULL;
}

/* Both known and of one graph. */
static bool check_pair(const char *op, const bl_tensor *output, const bl_tensor *wrt)
{
    bl_graph *graph = graph_of_pair(output, wrt);
    return bl__usable(graph, op, output) && bl__usable(graph, op, wrt);
}

/* ---- vjp ---- */

bl_tensor *bl_vjp(bl_tensor *output, bl_tensor *wrt, bl_tensor *cotangent)
{
    bl_tensor *gradient = NULL;
    if (!check_pair("vjp", output, wrt) || !bl__usable(bl__graph_of(output), "vjp", cotangent))
        return refused(output, wrt);
    bl_grad(&output, 1, &cotangent, &wrt, 1, &gradient);
    return gradient;
}

/* ---- jvp: the vjp is linear in its cotangent u, and its derivative by u along the tangents is the jvp ----
 */

/* Where the tangents reach no output, the products stay zeros that say so. */
static bl_status derive_jvp(bl_tensor *const *outputs, size_t output_count, bl_tensor *const *wrt,
                            size_t wrt_count, bl_tensor *const *tangents, bl_tensor **products,
                            bl_tensor **scratch)
{
    bl_graph *graph = bl__graph_of(outputs[0]);
    bl_tensor **u = scratch, **gradients = u + output_count, **along = gradients + wrt_count;
    size_t reached = 0;
    for (size_t i = 0; i < output_count; i++)
        u[i] = bl_full(graph, (bl_dtype)outputs[i]->dtype, bl_tensor_shape(outputs[i]), 0);
    bl_status status = bl_grad(outputs, output_count, u, wrt, wrt_count, gradients);
    for (size_t j = 0; j < wrt_count && status == BL_OK; j++) {
        if (bl_is_unreached(gradients[j]))
            continue;
        gradients[reached] = gradients[j];
        along[reached++] = tangents[j];
    }
    if (status != BL_OK)
        return status;
    if (reached > 0)
        return bl_grad(gradients, reached, along, u, output_count, products);
    for (size_t i = 0; i < output_count; i++) {
        products[i] = u[i]; /* zeros as they are */
        products[i]->unreached = true;
    }
    return BL_OK;
}

bl_status bl_jvp(bl_tensor *const *outputs, size_t output_count, bl_tensor *const *wrt, size_t wrt_count,
                 bl_tensor *const *tangents, bl_tensor **products)
{
    bl_graph *graph = graph_of(outputs, output_count);
    graph = graph ? graph : graph_of(wrt, wrt_count);
    if (graph && (!outputs || output_count == 0 || !wrt || wrt_count == 0 || !tangents || !products))
        bl__fail(graph, BL_ERR_ARGUMENT, "jvp", "outputs, wrt, tangents or products is NULL or empty");
    else if (graph && check_like(graph, "jvp", "output", outputs, outputs, output_count) &&
             check_like(graph, "jvp", "tangent", tangents, wrt, wrt_count) && graph->error.code == BL_OK) {
        size_t bytes = (output_count + 2 * wrt_count) * sizeof(bl_tensor *);
        bl_tensor **scratch = bl__arena_take(&graph->arena, bytes);
        if (!scratch)
            bl__fail(graph, BL_ERR_MEMORY, "jvp", "no memory for the products");
        else if (derive_jvp(outputs, output_count, wrt, wrt_count, tangents, products, scratch) == BL_OK)
            return BL_OK;
    }
    return give_up(graph, products, output_count);
}

/* ---- hvp: the gradient of <gradient, vectors> ---- */

bl_status bl_hvp(bl_tensor *output, bl_tensor *const *wrt, size_t wrt_count, bl_tensor *const *vectors,
                 bl_tensor **products)
{
    bl_graph *graph = bl__graph_of(output);
    graph = graph ? graph : graph_of(wrt, wrt_count);
    if (graph && (!output || !wrt || wrt_count == 0 || !vectors || !products))
        bl__fail(graph, BL_ERR_ARGUMENT, "hvp", "output, wrt, vectors or products is NULL or empty");
    else if (graph && check_scalar("hvp", output) &&
             check_like(graph, "hvp", "vector", vectors, wrt, wrt_count)) {
        bl_tensor **gradients = bl__arena_take(&graph->arena, wrt_count * sizeof(*gradients));
        if (!gradients)
            bl__fail(graph, BL_ERR_MEMORY, "hvp", "no memory for the gradients");
        else if (bl_grad(&output, 1, NULL, wrt, wrt_count, gradients) == BL_OK &&
                 bl_grad(gradients, wrt_count, vectors, wrt, wrt_count, products) == BL_OK)
            return BL_OK;
    }
    return give_up(graph, products, wrt_count);
}

/* ---- matrices, a row an element of the output ---- */

/* The sizes of both, one after the other; false, reported, when a matrix of them cannot be made. */
static bool matrix_shape(const char *op, const bl_tensor *output, const bl_tensor *wrt, bl_shape *shape)
{
    bl_graph *graph = bl__graph_of(output);
    bl_shape columns = bl_tensor_shape(wrt);
    *shape = bl_tensor_shape(output);
    if (output->count > MOST_ROWS || shape->rank + columns.rank > BL_MAX_RANK) {
        bl__fail(graph, BL_ERR_SHAPE, op, "%s by %s is too large: at most %d rows and %d axes",
                 BL__SHAPE_TEXT(*shape), BL__SHAPE_TEXT(columns), MOST_ROWS, BL_MAX_RANK);
        return false;
    }
    for (int d = 0; d < columns.rank; d++)
        shape->size[shape->rank++] = columns.size[d];
    return true;
}

/* The gradient of element `index` of a tensor of rank 1, as one row. */
static bl_tensor *row(bl_tensor *flat, int64_t index, bl_tensor *wrt)
{
    bl_tensor *element = bl_slice(flat, 0, index, index + 1, 1), *gradient = NULL;
    bl_grad(&element, 1, NULL, &wrt, 1, &gradient);
    return bl_reshape(gradient, BL_SHAPE(1, wrt->count));
}

static bl_tensor *matrix(const char *op, bl_tensor *output, bl_tensor *wrt)
{
    bl_graph *graph = bl__graph_of(output);
    bl_shape shape;
    if (!matrix_shape(op, output, wrt, &shape))
        return &graph->invalid;
    if (output->count == 0 || wrt->count == 0)
        return bl_full(graph, (bl_dtype)wrt->dtype, shape, 0);
    bl_tensor **rows = bl__arena_take(&graph->arena, (size_t)output->count * sizeof(*rows));
    if (!rows)
        return bl__fail(graph, BL_ERR_MEMORY, op, "no memory for the rows");
    bl_tensor *flat = bl_reshape(output, BL_SHAPE(output->count));
    for (int64_t i = 0; i < output->count; i++) {
        rows[i] = row(flat, i, wrt);
        if (!bl_tensor_valid(rows[i]))
            return &graph->invalid;
    }
    return bl_reshape(bl_concat(rows, (size_t)output->count, 0), shape);
}

bl_tensor *bl_jacobian(bl_tensor *output, bl_tensor *wrt)
{
    return check_pair("jacobian", output, wrt) ? matrix("jacobian", output, wrt) : refused(output, wrt);
}

bl_tensor *bl_hessian(bl_tensor *output, bl_tensor *wrt)
{
    if (!check_pair("hessian", output, wrt) || !check_scalar("hessian", output))
        return refused(output, wrt);
    bl_tensor *gradient = NULL;
    bl_grad(&output, 1, NULL, &wrt, 1, &gradient);
    return bl_tensor_valid(gradient) ? matrix("hessian", gradient, wrt) : gradient;
}
