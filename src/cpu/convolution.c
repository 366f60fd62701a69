/* Kernels of the three convolutions (ops/convolution.c) as matrix products. For each group of channels
 *
 *     Y = W X      DX = W^T Y      DW = Y X^T        W [out, k]  X [k, places]  Y [out, places]
 *
 * where X are the columns of im2col.h, a tile of places at a time, in scratch. A tile lies within an image,
 * whose Y is the tensor itself; or it is of several images that are small, and Y is in scratch as well. Where
 * the kernel has one element and steps over every place, X of an image is the tensor itself, too. Columns of
 * whole images are taken from a copy with the padding around it, so that nothing needs to be looked at.
 *
 * Threads take tiles, or images where tiles of one overlap in DX. DW is a number of sums that depends on
 * shapes alone, which are added in their order. */
#include "cpu/convolution_tiles.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "cpu/parallel.h"

enum {
    ADDED_ELEMENTS = 1 << 12 /* of DW, in a part of adding the sums */
};

static bl_status prepare_convolution(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    return bl__convolution_prepare(call, arena, scratch_bytes, call->inputs[0], call->inputs[1],
                                   call->outputs[0]);
}

static bl_status prepare_convolution_input(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    return bl__convolution_prepare(call, arena, scratch_bytes, call->outputs[0], call->inputs[1],
                                   call->inputs[0]);
}

static bl_status prepare_convolution_weight(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    return bl__convolution_prepare(call, arena, scratch_bytes, call->inputs[0], call->outputs[0],
                                   call->inputs[1]);
}

static void *weight_of(const bl__convolution *plan, void *weight, int64_t group)
{
    return bl__at(weight, plan->bytes, group * plan->out * plan->k);
}

/* ---- run ---- */

static bl_status fill_zeros(const bl__call *call)
{
    const bl__convolution *plan = call->plan;
    bl__zero(call->outputs[0]->data, (size_t)call->outputs[0]->count * plan->bytes);
    return BL_OK;
}

static void convolve(const bl__call *call, const void *work, int64_t part, int worker)
{
    const bl__convolution *plan = work;
    void *x = call->inputs[0]->data, *y = call->outputs[0]->data;
    bl__convolution_tile t = bl__convolution_tile_at(plan, part % plan->groups, part / plan->groups, x, y,
                                                     call->environment->scratch, worker);
    bl__product p;
    bl__convolution_read_x(plan, &t, x);
    p = bl__convolution_forward_product(plan, &t);
    bl__gemm(call, &p, weight_of(plan, call->inputs[1]->data, t.group), t.x, t.y, t.gemm);
    bl__convolution_move_y(plan, &t, y, true);
}

static bl_status run_convolution(const bl__call *call)
{
    const bl__convolution *plan = call->plan;
    if (bl__convolution_is_empty(plan))
        return fill_zeros(call);
    bl__parallel(call, plan->pays, plan->tiles * plan->groups, convolve, plan);
    return BL_OK;
}

/* All tiles of an image, or one of several. */
static void spread(const bl__call *call, const void *work, int64_t part, int worker)
{
    const bl__convolution *plan = work;
    void *y = call->inputs[0]->data, *x = call->outputs[0]->data;
    for (int64_t i = 0; i < plan->in_image; i++) {
        bl__convolution_tile t =
            bl__convolution_tile_at(plan, part % plan->groups, part / plan->groups * plan->in_image + i, x, y,
                                    call->environment->scratch, worker);
        bl__product p = bl__convolution_input_product(plan, &t);
        bl__convolution_move_y(plan, &t, y, false);
        bl__gemm(call, &p, weight_of(plan, call->inputs[1]->data, t.group), t.y, t.x, t.gemm);
        bl__convolution_add_x(plan, &t, x, i == 0);
    }
}

static bl_status run_convolution_input(const bl__call *call)
{
    const bl__convolution *plan = call->plan;
    if (bl__convolution_is_empty(plan))
        return fill_zeros(call);
    bl__parallel(call, plan->pays, plan->tiles / plan->in_image * plan->groups, spread, plan);
    return BL_OK;
}

/* Where one of the sums of DW stands: the first in its place, the others behind all workers' scratch. */
static void *sum_at(const bl__call *call, const bl__convolution *plan, int64_t sum)
{
    if (sum == 0)
        return call->outputs[0]->data;
    size_t workers = plan->pays ? (size_t)call->environment->threads : 1;
    return bl__at((char *)call->environment->scratch + workers * plan->worker_bytes, plan->bytes,
                  (sum - 1) * call->outputs[0]->count);
}

/* Some tiles of a group into their sum. A sum alone has its products shared out. */
static void correlate(const bl__call *call, const void *work, int64_t part, int worker)
{
    const bl__convolution *plan = work;
    void *x = call->inputs[0]->data, *y = call->inputs[1]->data;
    int64_t group = part % plan->groups, sum = part / plan->groups;
    int64_t first = sum * plan->tiles / plan->sums, end = (sum + 1) * plan->tiles / plan->sums;
    void *weight = weight_of(plan, sum_at(call, plan, sum), group);
    for (int64_t i = first; i < end; i++) {
        bl__convolution_tile t =
            bl__convolution_tile_at(plan, group, i, x, y, call->environment->scratch, worker);
        bl__convolution_read_x(plan, &t, x);
        bl__convolution_move_y(plan, &t, y, false);
        bl__product p = bl__convolution_weight_product(plan, &t, i > first);
        bl__gemm_shared(call, plan->pays && plan->sums * plan->groups == 1, &p, t.y, t.x, weight, t.gemm,
                        plan->worker_bytes, NULL, NULL);
    }
}

/* Some elements of DW from all sums. */
static void add_sums(const bl__call *call, const void *work, int64_t part, int worker)
{
    const bl__convolution *plan = work;
    int64_t first = part * ADDED_ELEMENTS, left = call->outputs[0]->count - first;
    int64_t end = first + (left < ADDED_ELEMENTS ? left : ADDED_ELEMENTS);
    (void)worker;
    for (int64_t sum = 1; sum < plan->sums; sum++) {
        void *to = call->outputs[0]->data;
        const void *from = sum_at(call, plan, sum);
        for (int64_t i = first; i < end && plan->f64; i++)
            ((double *)to)[i] += ((const double *)from)[i];
        for (int64_t i = first; i < end && !plan->f64; i++)
            ((float *)to)[i] += ((const float *)from)[i];
    }
}

static bl_status run_convolution_weight(const bl__call *call)
{
    const bl__convolution *plan = call->plan;
    if (bl__convolution_is_empty(plan))
        return fill_zeros(call);
    bl__parallel(call, plan->pays && plan->sums * plan->groups > 1, plan->sums * plan->groups, correlate,
                 plan);
    bl__parallel(call, plan->pays, (call->outputs[0]->count + ADDED_ELEMENTS - 1) / ADDED_ELEMENTS, add_sums,
                 plan);
    return BL_OK;
}

/* A product and a sum for each pair of an element of X and one of Y, those in the padding included. */
static int64_t flops(const bl__call *call)
{
    const bl__convolution *plan = call->plan;
    int64_t places = bl__times(plan->columns.images, plan->image);
    int64_t y = bl__times(bl__times(plan->groups, plan->out), places);
    return bl__times(y, bl__times(2, plan->k));
}

const bl__kernel bl__kernel_convolution = {0, prepare_convolution, run_convolution, flops};
const bl__kernel bl__kernel_convolution_input = {0, prepare_convolution_input, run_convolution_input, flops};
const bl__kernel bl__kernel_convolution_weight = {0, prepare_convolution_weight, run_convolution_weight,
                                                  flops};
