/* What an op is. The library's own ops and those of its users are described by the same struct. */
#ifndef BOWLINE_OP_H
#define BOWLINE_OP_H

#include "graph.h"

BL_BEGIN_DECLS

#define BL_MAX_OUTPUTS     8
#define BL_MAX_TILE_INPUTS 3

typedef struct bl_op bl_op;
typedef struct bl_sampler bl_sampler;

/* One application of an op, seen by its shape rule: reads the inputs, fills in dtype and shape an output. */
typedef struct bl_infer_call {
    const bl_op *op;
    bl_graph *graph;
    const void *attributes;
    bl_tensor *const *inputs;
    size_t input_count;
    bl_dtype dtype[BL_MAX_OUTPUTS];
    bl_shape shape[BL_MAX_OUTPUTS];
} bl_infer_call;

/* One application of an op, seen by its vjp: one cotangent an output, NULL where nothing flows. The vjp
 * stores in gradients[i] the cotangent of input i, or leaves it NULL; needed[i] is false where nobody asks. A
 * gradient may still have the broadcast shape of the output: it is reduced to the input's by the caller. */
typedef struct bl_vjp_call {
    const bl_op *op;
    bl_graph *graph;
    const void *attributes;
    bl_tensor *const *inputs;
    size_t input_count;
    bl_tensor *const *outputs;
    bl_tensor *const *cotangents;
    const bool *needed;
    bl_tensor **gradients;
} bl_vjp_call;

/* Plain values for an op that its author computes: everything contiguous, row by row. */
typedef struct bl_compute_call {
    const void *attributes;
    size_t input_count;
    const void *const *inputs;
    const bl_shape *input_shapes;
    const bl_dtype *input_dtypes;
    void *const *outputs;
    const bl_shape *output_shapes;
    const bl_dtype *output_dtypes;
} bl_compute_call;

/* An element-wise op on n elements of one dtype, one after the other in every operand. */
typedef void (*bl_tile_function)(int64_t n, void *out, const void *const *in, const void *attributes);

/* The layout of a view: element (i0, i1, ..) stands at offset + sum_d i_d * stride[d], in elements. Strides
 * may be 0, and below 0. */
typedef struct bl_layout {
    bl_shape shape;
    int64_t stride[BL_MAX_RANK];
    int64_t offset;
} bl_layout;

enum {
    BL_OP_ELEMENTWISE = 1u << 0, /* every output element depends on the inputs' elements at the same place */
    BL_OP_EFFECT = 1u << 1,      /* commits to state after everything else; its output has no elements */
    BL_OP_LEAF = 1u << 2,        /* its value comes from outside the tape */
    BL_OP_PIECEWISE =
        1u << 3 /* the derivative is zero wherever there is one: no vjp, and bl_grad gives zeros */
};

struct bl_op {
    size_t size;      /* sizeof(bl_op), so that the struct can grow */
    const char *name; /* the builder's name without "bl_" */
    int key;          /* row of the kernel tables; 0 in an op of the user's */
    int min_inputs;
    int max_inputs;
    int output_count;       /* 1..BL_MAX_OUTPUTS */
    unsigned flags;         /* BL_OP_.. */
    size_t attributes_size; /* bytes copied into the node; compared whole, so clear padding first */

    /* The shape rule: fills call->dtype and call->shape, or returns bl_infer_fail(..). Required. */
    bl_status (*infer)(bl_infer_call *call);
    /* Appends the gradients from public ops. NULL: the op has no derivative, and bl_grad through it is an
     * error unless BL_OP_PIECEWISE says that zero is right or the value is not a float. */
    void (*vjp)(bl_vjp_call *call);
    /* The same values from other ops, one result an output: the definition of a fused op. Where no kernel and
     * no `compute` stands beside it, applying an op of one output records the decomposition; an op of several
     * outputs needs `compute`. */
    void (*decompose)(bl_graph *graph, bl_tensor *const *inputs, size_t input_count, const void *attributes,
                      bl_tensor **outputs);
    /* For an op that only rearranges its first input: the layout of the output, or false when that layout
     * cannot be expressed and the input must be copied to contiguous memory first. */
    bool (*view)(const bl_layout *input, const void *attributes, bl_shape output_shape, bl_layout *output);
    /* For an element-wise op of the user's, in the place of `compute`: its values on n elements, which stand
     * one after the other in every operand. Both are given; inputs (at most BL_MAX_TILE_INPUTS) and output
     * are all f32, or all f64, and the output's shape is that to which the inputs broadcast. Such an op runs
     * in one go with the element-wise ops around it, and takes inputs as they lie in memory. out may be one
     * of the inputs. */
    bl_tile_function tile_f32, tile_f64;
    /* Computes an op of the user's. Must not keep pointers; fails by a status, and then nothing is committed.
     */
    bl_status (*compute)(const bl_compute_call *call);
    /* Records the op on samples drawn from the sampler and returns its output: what the generic suite walks.
     */
    bl_tensor *(*sample)(bl_sampler *sampler);
};

/* Appends one application of an op. Attributes are copied.
 * Returns: output 0 of the new node (or of its decomposition), or the graph's invalid tensor.
 * Errors: BL_ERR_ARGUMENT (a NULL op, input or graph, a wrong number of inputs, inputs of another graph, an
 * op of an unknown size or without a shape rule), whatever the shape rule reports, BL_ERR_MEMORY. Ownership:
 * the op must outlive the graph and the programs compiled from it. Threads: the context's. */
BL_API bl_tensor *bl_apply(bl_graph *graph, const bl_op *op, bl_tensor *const *inputs, size_t input_count,
                           const void *attributes);

/* Output `index` of the node that `tensor` belongs to.
 * Returns: the tensor, or the graph's invalid tensor. Errors: BL_ERR_ARGUMENT. Ownership: the graph's.
 * Threads: the context's. */
BL_API bl_tensor *bl_output(bl_tensor *tensor, int index);

/* Reports an error from a shape rule; the op's name is put in front.
 * Returns: `status`. Errors: the one given. Ownership: the text is copied. Threads: the context's. */
BL_API bl_status bl_infer_fail(bl_infer_call *call, bl_status status, const char *format, ...)
    BL_PRINTF(3, 4);

/* The NumPy broadcast of two shapes.
 * Returns: true and the shape in *out, or false when they do not broadcast.
 * Errors: none. Ownership: values. Threads: any. */
BL_API bool bl_shape_broadcast(bl_shape a, bl_shape b, bl_shape *out);

/* Sums a tensor down to a shape that broadcasts to its own: the one place where a broadcast is undone.
 * Returns: the tensor itself when the shapes are equal, else a sum; or the graph's invalid tensor.
 * Errors: BL_ERR_SHAPE, BL_ERR_DTYPE, BL_ERR_MEMORY. Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_reduce_to(bl_tensor *x, bl_shape shape);

/* The graph on which a sample is recorded.
 * Returns: the graph. Errors: none. Ownership: the sampler's. Threads: the context's. */
BL_API bl_graph *bl_sampler_graph(bl_sampler *sampler);

/* A random integer in [low, high], from the sampler's seed.
 * Returns: the integer. Errors: none. Ownership: none. Threads: the context's. */
BL_API int64_t bl_sample_int(bl_sampler *sampler, int64_t low, int64_t high);

/* A random shape of rank low..high with sizes from {0, 1, 2, 3, 7}, rarely 0, of at most a few hundred
 * elements. Returns: the shape. Errors: none. Ownership: a value. Threads: the context's. */
BL_API bl_shape bl_sample_shape(bl_sampler *sampler, int low, int high);

/* A random pair of shapes that broadcast together, in every pattern.
 * Returns: nothing. Errors: none. Ownership: values. Threads: the context's. */
BL_API void bl_sample_broadcast(bl_sampler *sampler, bl_shape *a, bl_shape *b);

/* A leaf of distinct random values in [low, high] of the sampler's float dtype, against which gradients are
 * checked; now and then not contiguous.
 * Returns: the tensor. Errors: as bl_input. Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_sample_real(bl_sampler *sampler, bl_shape shape, double low, double high);

/* As bl_sample_real, with values whose magnitude lies in [low, high] and whose sign is random: away from 0.
 * Returns: the tensor. Errors: as bl_input. Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_sample_signed(bl_sampler *sampler, bl_shape shape, double low, double high);

/* A constant of random integers in [low, high], i64 or i32 by chance.
 * Returns: the tensor. Errors: as bl_constant. Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_sample_indices(bl_sampler *sampler, bl_shape shape, int64_t low, int64_t high);

/* A constant of random bools.
 * Returns: the tensor. Errors: as bl_constant. Ownership: the graph's. Threads: the context's. */
BL_API bl_tensor *bl_sample_bools(bl_sampler *sampler, bl_shape shape);

BL_END_DECLS

#endif
