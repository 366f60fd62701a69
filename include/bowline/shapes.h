/* Ops: shapes and parts of tensors, and tensors made from numbers.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_SHAPES_H
#define BOWLINE_SHAPES_H

#include "graph.h"

BL_BEGIN_DECLS

/* ---- shape: views where the layout allows, any dtype ---- */

/* The same elements, row by row, in another shape of the same count; one size may be -1, to be worked out.
 * PyTorch: torch.reshape. */
BL_API bl_tensor *bl_reshape(bl_tensor *x, bl_shape shape);
/* Axis d of the result is axis axes[d] of x; a permutation of all axes. PyTorch: torch.permute. */
BL_API bl_tensor *bl_permute(bl_tensor *x, bl_axes axes);
/* Two axes exchanged. PyTorch: torch.transpose. */
BL_API bl_tensor *bl_transpose(bl_tensor *x, int axis_a, int axis_b);
/* Broadcast to a shape, without a copy; sizes of 1 grow, leading axes are added. PyTorch:
 * torch.broadcast_to. */
BL_API bl_tensor *bl_expand(bl_tensor *x, bl_shape shape);
/* x[.., start : stop : step, ..] along an axis; 0 <= start <= stop <= size, step >= 1. PyTorch:
 * torch.Tensor.__getitem__. */
BL_API bl_tensor *bl_slice(bl_tensor *x, int axis, int64_t start, int64_t stop, int64_t step);
/* Tensors one after the other along an axis; all other sizes equal; count >= 1. PyTorch: torch.cat. */
BL_API bl_tensor *bl_concat(bl_tensor *const *tensors, size_t count, int axis);
/* Consecutive slices of the given sizes along an axis, which they must cover, into parts[0..count-1].
 * Returns: BL_OK or the graph's error, with every part the invalid tensor. PyTorch: torch.split. */
BL_API bl_status bl_split(bl_tensor *x, const int64_t *sizes, size_t count, int axis, bl_tensor **parts);

/* ---- axes: views, any dtype ---- */

/* One more axis of size 1, which is axis `axis` of the result. PyTorch: torch.unsqueeze. */
BL_API bl_tensor *bl_unsqueeze(bl_tensor *x, int axis);
/* Without those of the axes whose size is 1; the others stay, no error. BL_ALL_AXES: every axis of size 1.
 * PyTorch: torch.squeeze. */
BL_API bl_tensor *bl_squeeze(bl_tensor *x, bl_axes axes);
/* Axes first .. last, both included, as one; a scalar becomes [1] by axis 0. PyTorch: torch.flatten. */
BL_API bl_tensor *bl_flatten(bl_tensor *x, int first, int last);
/* An axis as several of these sizes, whose product is its size; one may be -1, to be worked out. PyTorch:
 * torch.unflatten. */
BL_API bl_tensor *bl_unflatten(bl_tensor *x, int axis, bl_shape sizes);
/* Axis source[i] becomes axis destination[i]; the others keep their order. PyTorch: torch.movedim. */
BL_API bl_tensor *bl_movedim(bl_tensor *x, bl_axes source, bl_axes destination);
/* The order of the elements along the axes turned round; BL_ALL_AXES: along all. PyTorch: torch.flip. */
BL_API bl_tensor *bl_flip(bl_tensor *x, bl_axes axes);
/* The diagonal of two axes, elements (i, i + offset), or (i - offset, i) where the offset is below 0: the two
 * axes go, and it is the last one. PyTorch: torch.diagonal. */
BL_API bl_tensor *bl_diagonal(bl_tensor *x, int64_t offset, int axis_a, int axis_b);

/* ---- lists of tensors, any dtype ---- */

/* Tensors of one shape along a new axis, axis `axis` of the result; count >= 1. PyTorch: torch.stack. */
BL_API bl_tensor *bl_stack(bl_tensor *const *tensors, size_t count, int axis);
/* Consecutive slices along an axis into parts[0..count-1], each of ceil(size / count), then of what is left:
 * the last ones may be shorter, down to 0, where PyTorch gives fewer. Views. Returns: BL_OK or the graph's
 * error, with every part the invalid tensor. PyTorch: torch.chunk. */
BL_API bl_status bl_chunk(bl_tensor *x, size_t count, int axis, bl_tensor **parts);
/* x[.., start : start + length, ..] along an axis, a view. PyTorch: torch.narrow. */
BL_API bl_tensor *bl_narrow(bl_tensor *x, int axis, int64_t start, int64_t length);
/* Tensors expanded to the shape that they broadcast to, into results[0..count-1]. Views; dtypes may differ.
 * Returns: BL_OK or the graph's error, with every result the invalid tensor. PyTorch:
 * torch.broadcast_tensors. */
BL_API bl_status bl_broadcast_tensors(bl_tensor *const *tensors, size_t count, bl_tensor **results);

/* How a grid lies: the coordinates of tensor i change along axis i, or for XY, those of the first two tensors
 * along each other's. */
typedef enum bl_meshgrid_indexing {
    BL_MESHGRID_IJ,
    BL_MESHGRID_XY
} bl_meshgrid_indexing;

/* From lists of coordinates, of rank 1 or 0, the grids of each coordinate, into grids[0..count-1]; count in
 * 1..8. Views; dtypes may differ.
 * Returns: BL_OK or the graph's error, with every grid the invalid tensor. PyTorch: torch.meshgrid. */
BL_API bl_status bl_meshgrid(bl_tensor *const *tensors, size_t count, bl_meshgrid_indexing indexing,
                             bl_tensor **grids);

/* ---- repeated and moved elements, any dtype ---- */

/* Along axes[i], y[j] = x[j - shifts[i]], modulo the size; shifts of one axis add up. BL_ALL_AXES: a shift
 * for each axis of x, in their order. PyTorch: torch.roll. */
BL_API bl_tensor *bl_roll(bl_tensor *x, const int64_t *shifts, bl_axes axes);
/* The whole of x repeats[d] times along each axis d, where axes that x lacks come first; at least as many
 * repeats as axes. PyTorch: torch.Tensor.repeat. */
BL_API bl_tensor *bl_repeat(bl_tensor *x, bl_shape repeats);
/* bl_repeat where axes that `repeats` lacks, the first ones, are there once. PyTorch: torch.tile. */
BL_API bl_tensor *bl_tile(bl_tensor *x, bl_shape repeats);
/* Each element along an axis `repeats` times, one after the other. PyTorch: torch.repeat_interleave. */
BL_API bl_tensor *bl_repeat_interleave(bl_tensor *x, int64_t repeats, int axis);

/* What stands around a tensor that is padded: one value; its elements in a mirror on the first and the last
 * of them; the first and the last again and again; the elements of the other end. */
typedef enum bl_pad_mode {
    BL_PAD_CONSTANT,
    BL_PAD_REFLECT,
    BL_PAD_REPLICATE,
    BL_PAD_CIRCULAR
} bl_pad_mode;

/* How to pad. */
typedef struct bl_pad_options {
    bl_pad_mode mode; /* default BL_PAD_CONSTANT */
    double value;     /* of BL_PAD_CONSTANT, which the dtype must hold; default 0 */
} bl_pad_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_pad_options bl_pad_defaults(void);
/* x with before[d] zeros before and after[d] after each axis d, one of each an axis; an amount below 0 cuts
 * off elements. Numbers and bool. PyTorch: torch.nn.functional.pad. */
BL_API bl_tensor *bl_pad(bl_tensor *x, bl_shape before, bl_shape after);
/* bl_pad with options; NULL: the defaults. Modes that take elements of x are for any dtype, and cut nothing
 * off: an amount is at least 0, below the size for BL_PAD_REFLECT, at most the size for BL_PAD_CIRCULAR.
 * PyTorch: torch.nn.functional.pad. */
BL_API bl_tensor *bl_pad_with(bl_tensor *x, bl_shape before, bl_shape after, const bl_pad_options *options);

/* ---- matrices, the last two axes, any dtype ---- */

/* The elements with column - row <= diagonal, zeros elsewhere. PyTorch: torch.tril. */
BL_API bl_tensor *bl_tril(bl_tensor *x, int64_t diagonal);
/* The elements with column - row >= diagonal, zeros elsewhere. PyTorch: torch.triu. */
BL_API bl_tensor *bl_triu(bl_tensor *x, int64_t diagonal);
/* Zeros, with the last axis of x on a diagonal, as bl_diagonal takes it, of axes axis_a and axis_b of the
 * result, which are as long as it needs. PyTorch: torch.diag_embed. */
BL_API bl_tensor *bl_diag_embed(bl_tensor *x, int64_t offset, int axis_a, int axis_b);

/* ---- tensors made from numbers, f32, f64, i32, i64; eye and those of one value also bool ---- */

/* start, start + step, .. before stop, as a constant: stop is never reached, and an error where the steps
 * lead away from it. An integer dtype must hold the three numbers. PyTorch: torch.arange. */
BL_API bl_tensor *bl_arange(bl_graph *graph, bl_dtype dtype, double start, double stop, double step);
/* `count` numbers from start to stop, both included, equally far apart, as a constant; f32 or f64. PyTorch:
 * torch.linspace. */
BL_API bl_tensor *bl_linspace(bl_graph *graph, bl_dtype dtype, double start, double stop, int64_t count);
/* [rows, columns] with ones on the main diagonal, zeros elsewhere. PyTorch: torch.eye. */
BL_API bl_tensor *bl_eye(bl_graph *graph, bl_dtype dtype, int64_t rows, int64_t columns);
/* bl_full of 0. PyTorch: torch.zeros. */
BL_API bl_tensor *bl_zeros(bl_graph *graph, bl_dtype dtype, bl_shape shape);
/* bl_full of 1. PyTorch: torch.ones. */
BL_API bl_tensor *bl_ones(bl_graph *graph, bl_dtype dtype, bl_shape shape);
/* bl_full of the dtype and shape of x. PyTorch: torch.full_like. */
BL_API bl_tensor *bl_full_like(bl_tensor *x, double value);
/* bl_full_like of 0. PyTorch: torch.zeros_like. */
BL_API bl_tensor *bl_zeros_like(bl_tensor *x);
/* bl_full_like of 1. PyTorch: torch.ones_like. */
BL_API bl_tensor *bl_ones_like(bl_tensor *x);

BL_END_DECLS

#endif
