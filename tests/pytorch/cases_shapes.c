/* PyTorch's cases of shapes. */
#include "cases.h"

/* The axis, or another integer, that stands first among the attributes. */
static int first(const pytorch_case *c)
{
    return (int)integer_at(c, 0);
}

/* All attributes from `from` on, as a shape or as axes. */
static bl_shape sizes_from(const pytorch_case *c, size_t from)
{
    return shape_at(c, from, c->attribute_count - from);
}

static bl_axes all_axes(const pytorch_case *c)
{
    return axes_at(c, 0, c->attribute_count);
}

/* ---- axes ---- */

DEFINE_BUILD(unsqueeze, bl_unsqueeze(c->input[0], first(c)))
DEFINE_BUILD(squeeze, bl_squeeze(c->input[0], all_axes(c)))
DEFINE_BUILD(squeeze_all, bl_squeeze(c->input[0], BL_ALL_AXES))
DEFINE_BUILD(flatten, bl_flatten(c->input[0], first(c), (int)integer_at(c, 1)))
DEFINE_BUILD(unflatten, bl_unflatten(c->input[0], first(c), sizes_from(c, 1)))
DEFINE_BUILD(flip, bl_flip(c->input[0], all_axes(c)))

/* Half of the attributes are where axes come from, half where they go. */
static void build_movedim(pytorch_case *c)
{
    size_t count = c->attribute_count / 2;
    c->output[0] = bl_movedim(c->input[0], axes_at(c, 0, count), axes_at(c, count, count));
}

/* ---- lists ---- */

DEFINE_BUILD(stack, bl_stack(c->input, c->input_count, first(c)))
DEFINE_BUILD(narrow, bl_narrow(c->input[0], first(c), integer_at(c, 1), integer_at(c, 2)))

static void build_chunk(pytorch_case *c)
{
    bl_chunk(c->input[0], (size_t)integer_at(c, 0), (int)integer_at(c, 1), c->output);
}

static void build_broadcast_tensors(pytorch_case *c)
{
    bl_broadcast_tensors(c->input, c->input_count, c->output);
}

static void build_meshgrid(pytorch_case *c)
{
    bl_meshgrid(c->input, c->input_count, first(c) ? BL_MESHGRID_XY : BL_MESHGRID_IJ, c->output);
}

/* ---- repeats and padding ---- */

DEFINE_BUILD(repeat, bl_repeat(c->input[0], sizes_from(c, 0)))
DEFINE_BUILD(tile, bl_tile(c->input[0], sizes_from(c, 0)))
DEFINE_BUILD(repeat_interleave, bl_repeat_interleave(c->input[0], integer_at(c, 0), (int)integer_at(c, 1)))

static void build_roll(pytorch_case *c)
{
    size_t count = c->attribute_count / 2;
    int64_t shifts[BL_MAX_RANK];
    for (size_t i = 0; i < count && i < BL_MAX_RANK; i++)
        shifts[i] = integer_at(c, i);
    c->output[0] = bl_roll(c->input[0], shifts, axes_at(c, count, count));
}

/* The mode and the value, then half of the amounts before, half after. */
static void build_pad(pytorch_case *c)
{
    size_t rank = (c->attribute_count - 2) / 2;
    bl_pad_options options = {.mode = (bl_pad_mode)integer_at(c, 0), .value = c->attribute[1]};
    c->output[0] = bl_pad_with(c->input[0], shape_at(c, 2, rank), shape_at(c, 2 + rank, rank), &options);
}

/* ---- matrices ---- */

DEFINE_BUILD(tril, bl_tril(c->input[0], integer_at(c, 0)))
DEFINE_BUILD(triu, bl_triu(c->input[0], integer_at(c, 0)))
DEFINE_BUILD(diagonal,
             bl_diagonal(c->input[0], integer_at(c, 0), (int)integer_at(c, 1), (int)integer_at(c, 2)))
DEFINE_BUILD(diag_embed,
             bl_diag_embed(c->input[0], integer_at(c, 0), (int)integer_at(c, 1), (int)integer_at(c, 2)))

/* ---- tensors made from numbers, of the input's dtype ---- */

DEFINE_BUILD(arange, bl_arange(c->graph, bl_tensor_dtype(c->input[0]), c->attribute[0], c->attribute[1],
                               c->attribute[2]))
DEFINE_BUILD(linspace, bl_linspace(c->graph, bl_tensor_dtype(c->input[0]), c->attribute[0], c->attribute[1],
                                   integer_at(c, 2)))
DEFINE_BUILD(eye, bl_eye(c->graph, bl_tensor_dtype(c->input[0]), integer_at(c, 0), integer_at(c, 1)))
DEFINE_BUILD(zeros_like, bl_zeros_like(c->input[0]))
DEFINE_BUILD(ones_like, bl_ones_like(c->input[0]))
DEFINE_BUILD(full_like, bl_full_like(c->input[0], c->attribute[0]))

const pytorch_builder pytorch_shapes[] = {
    ROW(unsqueeze),         ROW(squeeze),   ROW(squeeze_all), ROW(flatten), ROW(unflatten),
    ROW(movedim),           ROW(flip),      ROW(stack),       ROW(chunk),   ROW(narrow),
    ROW(broadcast_tensors), ROW(meshgrid),  ROW(roll),        ROW(repeat),  ROW(tile),
    ROW(repeat_interleave), ROW(pad),       ROW(tril),        ROW(triu),    ROW(diagonal),
    ROW(diag_embed),        ROW(arange),    ROW(linspace),    ROW(eye),     ROW(zeros_like),
    ROW(ones_like),         ROW(full_like), END_ROW};
