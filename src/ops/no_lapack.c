/* The builders of factorizations where LAPACK is not built in: they refuse, and say what to install. */
#include "bowline/ops.h"
#include "graph/graph.h"
#include "ops/keys.h"

#if !BL__LAPACK

static bl_tensor *refuse(bl_tensor *a, const char *op)
{
    bl_graph *graph = bl__graph_of(a);
    if (!graph || !bl__usable(graph, op, a))
        return graph ? &graph->invalid : NULL;
    return bl__fail(graph, BL_ERR_UNSUPPORTED, op,
                    "the library was built without LAPACK: install liblapack-dev and build it again");
}

bl_tensor *bl_cholesky(bl_tensor *a)
{
    return refuse(a, "cholesky");
}

bl_tensor *bl_inverse(bl_tensor *a)
{
    return refuse(a, "inverse");
}

bl_tensor *bl_solve(bl_tensor *a, bl_tensor *b)
{
    return refuse(a ? a : b, "solve");
}

bl_tensor *bl_det(bl_tensor *a)
{
    return refuse(a, "det");
}

bl_status bl_slogdet(bl_tensor *a, bl_tensor **sign, bl_tensor **logarithm)
{
    bl_tensor *refused = refuse(a, "slogdet");
    if (sign)
        *sign = refused;
    if (logarithm)
        *logarithm = refused;
    return a ? bl_graph_error(bl__graph_of(a))->code : BL_ERR_ARGUMENT;
}

bl_tensor *bl_logdet(bl_tensor *a)
{
    return refuse(a, "logdet");
}

#endif
