/* Kernels of resample and its transpose: the last axes of x are multiplied by a sparse matrix each
 * (windows.h).
 *
 * From the outermost of them inwards: the slices of a window are added up by their weights into one slice in
 * scratch, and that is resampled along the axes that are left. Sums are kept in f64. */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/windows.h"

enum {
    SPATIAL = 3
};

struct plan {
    int axes;
    bl__weighted_axis axis[SPATIAL];
    int64_t inner[SPATIAL];     /* elements of x's slices below an axis */
    int64_t resampled[SPATIAL]; /* elements of y's */
    int64_t slice[SPATIAL];     /* where an axis's slice begins in scratch, in doubles */
    int64_t planes;
    int64_t bytes;
};

/* The second bound tells the compiler where recursion ends. */
static bool is_last(const struct plan *plan, int d)
{
    return d == plan->axes - 1 || d == SPATIAL - 1;
}

/* ---- sums of weighted elements ---- */

#define SUMS(name, type)                                                                            \
    /* y[i] = sum over window i of x, of whole slices of n elements. */                             \
    static void slice_##name(const bl__weighted_axis *axis, int64_t i, int64_t n, const void *data, \
                             double *slice)                                                         \
    {                                                                                               \
        const double *weights = axis->weights + axis->first[i];                                     \
        const type *x = (const type *)data + axis->window[i].start * n;                             \
        for (int64_t k = 0; k < n; k++)                                                             \
            slice[k] = 0;                                                                           \
        for (int64_t t = 0; t < axis->window[i].count; t++, x += n) {                               \
            double weight = weights[t * axis->step];                                                \
            for (int64_t k = 0; k < n; k++)                                                         \
                slice[k] += weight * (double)x[k];                                                  \
        }                                                                                           \
    }                                                                                               \
                                                                                                    \
    static double element_##name(const bl__weighted_axis *axis, int64_t i, const void *data)        \
    {                                                                                               \
        const double *weights = axis->weights + axis->first[i];                                     \
        const type *x = (const type *)data + axis->window[i].start;                                 \
        double sum = 0;                                                                             \
        for (int64_t t = 0; t < axis->window[i].count; t++)                                         \
            sum += weights[t * axis->step] * (double)x[t];                                          \
        return sum;                                                                                 \
    }

SUMS(f32, float)
SUMS(f64, double)

/* The last axis, from a row of x or of a slice in scratch. */
#define LAST_AXIS(from, from_name, to, to_name)                                                     \
    static void last_##from_name##_##to_name(const bl__weighted_axis *axis, const void *x, void *y) \
    {                                                                                               \
        to *out = y;                                                                                \
        for (int64_t i = 0; i < axis->rows; i++)                                                    \
            out[i] = (to)element_##from_name(axis, i, x);                                           \
    }

LAST_AXIS(float, f32, float, f32)
LAST_AXIS(double, f64, float, f32)
LAST_AXIS(double, f64, double, f64)

/* Axes d .. of a slice of doubles. */
static void resample_slice(const struct plan *plan, int d, const double *x, char *y, double *scratch)
{
    const bl__weighted_axis *axis = &plan->axis[d];
    if (is_last(plan, d)) {
        (plan->bytes == sizeof(float) ? last_f64_f32 : last_f64_f64)(axis, x, y);
        return;
    }
    for (int64_t i = 0; i < axis->rows; i++) {
        double *slice = scratch + plan->slice[d];
        slice_f64(axis, i, plan->inner[d], x, slice);
        resample_slice(plan, d + 1, slice, bl__at(y, (size_t)plan->bytes, i * plan->resampled[d]), scratch);
    }
}

static void resample_plane(const struct plan *plan, const void *x, char *y, double *scratch)
{
    const bl__weighted_axis *axis = &plan->axis[0];
    bool narrow = plan->bytes == sizeof(float);
    if (plan->axes == 1) {
        (narrow ? last_f32_f32 : last_f64_f64)(axis, x, y);
        return;
    }
    for (int64_t i = 0; i < axis->rows; i++) {
        (narrow ? slice_f32 : slice_f64)(axis, i, plan->inner[0], x, scratch);
        resample_slice(plan, 1, scratch, bl__at(y, (size_t)plan->bytes, i * plan->resampled[0]), scratch);
    }
}

/* ---- prepare ---- */

typedef bool weigh(bl__arena *arena, const bl__window_attributes *attributes, int d, bl__weighted_axis *axis);

static int64_t planes_of(const bl__operand *x, int axes)
{
    int64_t planes = 1;
    for (int d = 0; d < x->rank - axes; d++)
        planes *= x->size[d];
    return planes;
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes, weigh *weigh_axis)
{
    const bl__window_attributes *attributes = call->attributes;
    const bl__operand *x = call->inputs[0], *y = call->outputs[0];
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    int64_t slices = 0, inner = 1, resampled = 1;
    *scratch_bytes = 0;
    call->plan = plan;
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (struct plan){.axes = (int)attributes->spatial, .bytes = (int64_t)bl_dtype_size(x->dtype)};
    plan->planes = y->count > 0 ? planes_of(x, plan->axes) : 0;
    for (int d = plan->axes - 1; d >= 0 && plan->planes > 0; d--) {
        if (!weigh_axis(arena, attributes, d, &plan->axis[d]))
            return BL_ERR_MEMORY;
        plan->inner[d] = inner;
        plan->resampled[d] = resampled;
        inner *= plan->axis[d].size;
        resampled *= plan->axis[d].rows;
    }
    for (int d = 0; d < plan->axes - 1; d++) {
        plan->slice[d] = slices;
        slices += plan->inner[d];
    }
    return bl__multiply_size((size_t)slices, sizeof(double), scratch_bytes) ? BL_OK : BL_ERR_MEMORY;
}

static bool is_real(const bl__operand *x)
{
    return x->dtype == BL_F32 || x->dtype == BL_F64;
}

static bl_status prepare_resample(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    bool nearest = ((const bl__window_attributes *)call->attributes)->method == BL__WINDOW_NEAREST;
    if (!nearest && !is_real(call->inputs[0]))
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(call->inputs[0]->dtype));
    return prepare(call, arena, scratch_bytes, bl__weigh_axis);
}

static bl_status prepare_resample_backward(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    if (!is_real(call->inputs[0]))
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(call->inputs[0]->dtype));
    return prepare(call, arena, scratch_bytes, bl__weigh_axis_transposed);
}

/* ---- run ---- */

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const char *x = call->inputs[0]->data;
    char *y = call->outputs[0]->data;
    size_t bytes = (size_t)plan->bytes;
    for (int64_t i = 0; i < plan->planes; i++) {
        resample_plane(plan, x, y, call->environment->scratch);
        x = bl__at_const(x, bytes, plan->inner[0] * plan->axis[0].size);
        y = bl__at(y, bytes, plan->resampled[0] * plan->axis[0].rows);
    }
    return BL_OK;
}

#define COPY_ROW(bits)                                                                 \
    static void copy_row_##bits(const bl__weighted_axis *axis, const void *x, void *y) \
    {                                                                                  \
        const uint##bits##_t *from = x;                                                \
        uint##bits##_t *to = y;                                                        \
        for (int64_t i = 0; i < axis->rows; i++)                                       \
            to[i] = from[axis->window[i].start];                                       \
    }

COPY_ROW(8)
COPY_ROW(16)
COPY_ROW(32)
COPY_ROW(64)

/* Axes d .. where every window is one element of the weight 1: a copy, of any dtype. */
static void copy_plane(const struct plan *plan, int d, const char *x, char *y)
{
    const bl__weighted_axis *axis = &plan->axis[d];
    size_t bytes = (size_t)plan->bytes;
    if (is_last(plan, d)) {
        (bytes == 8   ? copy_row_64
         : bytes == 4 ? copy_row_32
         : bytes == 2 ? copy_row_16
                      : copy_row_8)(axis, x, y);
        return;
    }
    for (int64_t i = 0; i < axis->rows; i++)
        copy_plane(plan, d + 1, bl__at_const(x, bytes, axis->window[i].start * plan->inner[d]),
                   bl__at(y, bytes, i * plan->resampled[d]));
}

static bl_status run_resample(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__window_attributes *attributes = call->attributes;
    const char *x = call->inputs[0]->data;
    char *y = call->outputs[0]->data;
    size_t bytes = (size_t)plan->bytes;
    if (attributes->method != BL__WINDOW_NEAREST)
        return run(call);
    for (int64_t i = 0; i < plan->planes; i++) {
        copy_plane(plan, 0, x, y);
        x = bl__at_const(x, bytes, plan->inner[0] * plan->axis[0].size);
        y = bl__at(y, bytes, plan->resampled[0] * plan->axis[0].rows);
    }
    return BL_OK;
}

/* A product and a sum for each element of a window that is added up: of x on the last axis, of slices on the
 * others. */
static int64_t flops_weighted(const bl__call *call)
{
    const struct plan *plan = call->plan;
    int64_t below = 0; /* of resampling what a slice has inside axis d */
    for (int d = plan->axes - 1; d >= 0 && plan->planes > 0; d--) {
        const bl__weighted_axis *axis = &plan->axis[d];
        int64_t elements = 0;
        for (int64_t i = 0; i < axis->rows; i++)
            elements += axis->window[i].count;
        below = bl__plus(bl__times(bl__times(2, elements), plan->inner[d]), bl__times(axis->rows, below));
    }
    return bl__times(plan->planes, below);
}

static int64_t flops_resample(const bl__call *call)
{
    const bl__window_attributes *attributes = call->attributes;
    return attributes->method == BL__WINDOW_NEAREST ? 0 : flops_weighted(call);
}

const bl__kernel bl__kernel_resample = {0, prepare_resample, run_resample, flops_resample};
const bl__kernel bl__kernel_resample_backward = {0, prepare_resample_backward, run, flops_weighted};
