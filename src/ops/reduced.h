/* Private. What the ops that reduce over axes share. Their attributes begin with bl__reduce_attributes. */
#ifndef BOWLINE_OPS_REDUCED_H
#define BOWLINE_OPS_REDUCED_H

#include "ops/arguments.h"
#include "ops/rules.h"

/* The shape of x with the axes of a mask gone, or of size 1. */
bl_shape bl__reduced_shape(bl_shape x, uint32_t axes, bool keepdim);
/* How many elements go into each result; a float, since it is divided by. */
double bl__reduced_count(bl_shape x, uint32_t axes);

/* ---- parts of shape rules: BL_OK, or the error reported ---- */

/* Input 0 has one of the dtypes; output 0 has its dtype and the reduced shape. */
bl_status bl__infer_reduced(bl_infer_call *call, unsigned dtypes);
/* No reduced axis is of size 0: for what has no value for no elements. */
bl_status bl__require_elements(bl_infer_call *call);

/* ---- builders ---- */

/* Applies an op whose attributes are no more than axes and keepdim. */
bl_tensor *bl__reduce(const bl_op *op, bl_tensor *x, bl_axes axes, bool keepdim);

/* ---- parts of vjps ---- */

/* The axes of the mask that attributes begin with. */
bl_axes bl__axes_of(const void *attributes);
/* A result or its cotangent as if keepdim had been asked for: it broadcasts to x. */
bl_tensor *bl__with_axes(bl_tensor *result, const bl_vjp_call *call);

/* ---- samples ---- */

typedef bl_tensor *bl__reduction(bl_tensor *x, bl_axes axes, bool keepdim);

/* Some axes of a tensor, by either of their names, and all of them now and then. */
bl_axes bl__sample_axes(bl_sampler *sampler, int rank);
/* The builder on floats, or now and then on integers where it takes them. */
bl_tensor *bl__sample_reduced(bl_sampler *sampler, bl_shape shape, bool integers, bl__reduction *build);

#endif
