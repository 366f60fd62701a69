/* Rows of edges.h: leaves, draws and effects. */
#include "edges.h"
#include "support/fixture.h"

#include <string.h>

static bl_tensor *parameter(void)
{
    bl_parameter *p = edge_parameter(edge_shape_of(0));
    return p ? bl_use(graph, p) : NULL;
}

static bl_tensor *assign(bl_tensor *value)
{
    bl_parameter *state = bl_tensor_valid(value) ? edge_state(bl_tensor_shape(value)) : NULL;
    return state ? bl_assign(state, value) : NULL;
}

/* In the middle of one more on both sides. */
static bl_tensor *assign_slice(bl_tensor *value)
{
    bl_shape shape = bl_tensor_shape(value);
    if (shape.rank > 0)
        shape.size[edge_place('*')] += 2;
    bl_parameter *state = bl_tensor_valid(value) ? edge_state(shape) : NULL;
    return state ? bl_assign_slice(state, edge_at('*'), edge_argument(1, -1, 3), value) : NULL;
}

/* clang-format off */
#define LEAF (".:abc", ".:1a11b1c1", NULL, "+", "ab")
#define EFFECT(empty, scalar) ("r:abc", "r:1a11b1c1", empty, scalar, NULL)

#define ROWS(X) \
    X(input, LEAF, edge_input(edge_shape_of(0))) \
    X(constant, LEAF, bl_constant(graph, BL_F64, edge_shape_of(0), edge_numbers())) \
    X(full, LEAF, bl_full(graph, BL_F64, edge_shape_of(0), edge_numbers()[0])) \
    X(uniform, LEAF, bl_uniform(graph, edge_random(), BL_F64, edge_shape_of(0), -1, 2)) \
    X(normal, LEAF, bl_normal(graph, edge_random(), BL_F64, edge_shape_of(0), 1, 2)) \
    X(bernoulli, LEAF, bl_bernoulli(graph, edge_random(), BL_F64, edge_shape_of(0), 0.4)) \
    X(assign, EFFECT(NULL, "+"), assign(x[0])) \
    X(assign_slice, EFFECT("*=0", "-"), assign_slice(x[0])) \
    X(group, EFFECT(NULL, "+"), bl_group(graph, (bl_tensor *[]){assign(x[0])}, 1))

#define MORE(Y) \
    Y(params_add, parameter, LEAF, parameter())
/* clang-format on */

ROWS(EDGE_BUILD)
MORE(EDGE_BUILD_AS)

const edge_row edge_rows_leaves[] = {ROWS(EDGE_ROW) MORE(EDGE_ROW_AS){0}};
