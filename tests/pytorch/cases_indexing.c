/* PyTorch's cases of indexing. */
#include "cases.h"

static int axis_of(const pytorch_case *c)
{
    return (int)integer_at(c, 0);
}

DEFINE_BUILD(gather, bl_gather(c->input[0], axis_of(c), c->input[1]))
DEFINE_BUILD(take_along_axis, bl_take_along_axis(c->input[0], c->input[1], axis_of(c)))
DEFINE_BUILD(scatter, bl_scatter(c->input[0], axis_of(c), c->input[1], c->input[2]))
DEFINE_BUILD(scatter_add, bl_scatter_add(c->input[0], axis_of(c), c->input[1], c->input[2]))
DEFINE_BUILD(index_select, bl_index_select(c->input[0], axis_of(c), c->input[1]))
DEFINE_BUILD(index_add, bl_index_add(c->input[0], axis_of(c), c->input[1], c->input[2]))
DEFINE_BUILD(dynamic_slice, bl_dynamic_slice(c->input[0], c->input[1], shape_at(c, 0, c->attribute_count)))
DEFINE_BUILD(dynamic_update_slice, bl_dynamic_update_slice(c->input[0], c->input[1], c->input[2]))
DEFINE_BUILD(masked_fill, bl_masked_fill(c->input[0], c->input[1], c->attribute[0]))

const pytorch_builder pytorch_indexing[] = {ROW(gather),        ROW(take_along_axis),
                                            ROW(scatter),       ROW(scatter_add),
                                            ROW(index_select),  ROW(index_add),
                                            ROW(dynamic_slice), ROW(dynamic_update_slice),
                                            ROW(masked_fill),   END_ROW};
