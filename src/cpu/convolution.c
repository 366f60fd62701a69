/* Kernels of the three convolutions (ops/convolution.c) as matrix products. For each group of channels
 *
 *     Y = W X      DX = W^T Y      DW = Y X^T        W [out, k]  X [k, places]  Y [out, places]
 *
 * where X are the columns of im2col.h and the places are those of all images, a tile of them at a time: X
 * and Y of a tile stand in scratch. Where the kernel has one element and steps over every place, X and Y of
 * an image that is large enough are the tensors themselves. */
#include "cpu/gemm.h"
#include "cpu/im2col.h"
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

/* A tile's X and Y have about this many elements together, so that they stay in the cache between being
 * written and being multiplied, but at least LEAST_PLACES columns, over which a product pays. */
enum {
    TILE_ELEMENTS = 1 << 17,
    LEAST_PLACES = 64
};

struct plan {
    bl__columns columns;
    int64_t groups;
    int64_t in, out; /* channels of a group */
    int64_t k;       /* rows of X */
    int64_t image;   /* places of an image */
    int64_t places;  /* of all images */
    int64_t tile;    /* places at a time */
    size_t bytes;
    size_t gemm_bytes; /* of scratch, for any product of a tile */
    bool f64;
    bool direct; /* X and Y are the tensors themselves, and a tile is an image */
};

/* Places first .. first + count - 1 of a group, and where their X and Y stand. */
struct tile {
    int64_t group, first, count;
    void *x, *y;
    void *scratch; /* for the product */
};

/* ---- prepare ---- */

static int64_t product(const int64_t *sizes)
{
    return sizes[0] * sizes[1] * sizes[2];
}

/* The geometry of x [N, in, ..], weight [out, in / groups, ..] and y [N, out, ..]. */
static bl__columns columns_of(const bl__operand *x, const bl__operand *weight, const bl__operand *y,
                              const bl__convolution_attributes *attributes)
{
    bl__columns c = {.channels = weight->size[1]};
    int missing = BL__SPATIAL - (int)attributes->spatial;
    for (int d = 0; d < BL__SPATIAL; d++) {
        int from = d - missing;
        bool real = from >= 0;
        c.size[d] = real ? x->size[from + 2] : 1;
        c.kernel[d] = real ? weight->size[from + 2] : 1;
        c.places[d] = real ? y->size[from + 2] : 1;
        c.stride[d] = real ? attributes->stride[from] : 1;
        c.padding[d] = real ? attributes->padding[from] : 0;
        c.dilation[d] = real ? attributes->dilation[from] : 1;
    }
    c.plane = product(c.size);
    c.image = x->size[1] * c.plane;
    return c;
}

static bool is_direct(const bl__columns *c)
{
    for (int d = 0; d < BL__SPATIAL; d++) {
        if (c->kernel[d] != 1 || c->stride[d] != 1 || c->padding[d] != 0)
            return false;
    }
    return true;
}

/* Whether there is nothing to add up or nothing to add it to: then the result is zeros. */
static bool is_empty(const struct plan *plan)
{
    return plan->out == 0 || plan->k == 0 || plan->places == 0;
}

/* Y = W X, X = W^T Y, and W += Y X^T of a tile. */
static bl__product forward_product(const struct plan *plan, int64_t count)
{
    return (bl__product){.m = plan->out,
                         .n = count,
                         .k = plan->k,
                         .a = bl__row_steps(plan->k),
                         .b = bl__row_steps(count),
                         .c = bl__row_steps(count),
                         .f64 = plan->f64};
}

static bl__product input_product(const struct plan *plan, int64_t count)
{
    return (bl__product){.m = plan->k,
                         .n = count,
                         .k = plan->out,
                         .a = bl__turned_steps(plan->k),
                         .b = bl__row_steps(count),
                         .c = bl__row_steps(count),
                         .f64 = plan->f64};
}

static bl__product weight_product(const struct plan *plan, int64_t count)
{
    return (bl__product){.m = plan->out,
                         .n = plan->k,
                         .k = count,
                         .a = bl__row_steps(count),
                         .b = bl__turned_steps(count),
                         .c = bl__row_steps(plan->k),
                         .f64 = plan->f64,
                         .add = true};
}

/* What any of the products needs. */
static size_t gemm_scratch(const struct plan *plan)
{
    const bl__product products[] = {forward_product(plan, plan->tile), input_product(plan, plan->tile),
                                    weight_product(plan, plan->tile)};
    size_t most = 0;
    for (int i = 0; i < 3; i++) {
        size_t bytes = bl__gemm_scratch(&products[i]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static int64_t choose_tile(const struct plan *plan)
{
    if (is_empty(plan) || plan->direct)
        return plan->image;
    int64_t tile = TILE_ELEMENTS / (plan->k + plan->out + 1);
    tile = tile < LEAST_PLACES ? LEAST_PLACES : tile;
    return tile < plan->places ? tile : plan->places;
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes, const bl__operand *x,
                         const bl__operand *weight, const bl__operand *y)
{
    const bl__convolution_attributes *attributes = call->attributes;
    if (x->dtype != BL_F32 && x->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (struct plan){.columns = columns_of(x, weight, y, attributes),
                          .groups = attributes->groups,
                          .in = weight->size[1],
                          .out = weight->size[0] / attributes->groups,
                          .bytes = bl_dtype_size(x->dtype),
                          .f64 = x->dtype == BL_F64};
    plan->k = plan->in * product(plan->columns.kernel);
    plan->image = product(plan->columns.places);
    plan->places = x->size[0] * plan->image;
    plan->direct = plan->image >= LEAST_PLACES && is_direct(&plan->columns);
    plan->tile = choose_tile(plan);
    call->plan = plan;
    *scratch_bytes = 0;
    if (is_empty(plan))
        return BL_OK;
    plan->gemm_bytes = gemm_scratch(plan);
    if (!plan->direct &&
        !bl__multiply_size((size_t)(plan->k + plan->out) * plan->bytes, (size_t)plan->tile, scratch_bytes))
        return BL_ERR_MEMORY;
    *scratch_bytes += plan->gemm_bytes;
    return BL_OK;
}

static bl_status prepare_convolution(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    return prepare(call, arena, scratch_bytes, call->inputs[0], call->inputs[1], call->outputs[0]);
}

static bl_status prepare_convolution_input(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    return prepare(call, arena, scratch_bytes, call->outputs[0], call->inputs[1], call->inputs[0]);
}

static bl_status prepare_convolution_weight(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    return prepare(call, arena, scratch_bytes, call->inputs[0], call->outputs[0], call->inputs[1]);
}

/* ---- tiles ---- */

/* Where the group's channels of an image begin in x, and in y. */
static int64_t x_offset(const struct plan *plan, int64_t image, int64_t group)
{
    return image * plan->columns.image + group * plan->in * plan->columns.plane;
}

static int64_t y_offset(const struct plan *plan, int64_t image, int64_t group)
{
    return (image * plan->groups + group) * plan->out * plan->image;
}

static struct tile tile_at(const struct plan *plan, int64_t group, int64_t first, void *x, void *y,
                           void *scratch)
{
    int64_t left = plan->places - first;
    struct tile tile = {
        .group = group, .first = first, .count = left < plan->tile ? left : plan->tile, .scratch = scratch};
    if (plan->direct) {
        tile.x = bl__at(x, plan->bytes, x_offset(plan, first / plan->image, group));
        tile.y = bl__at(y, plan->bytes, y_offset(plan, first / plan->image, group));
    } else {
        tile.x = (char *)scratch + plan->gemm_bytes;
        tile.y = bl__at(tile.x, plan->bytes, plan->k * tile.count);
    }
    return tile;
}

/* Copies the tile's Y out of y, or back into it. */
static void move_y(const struct plan *plan, const struct tile *tile, void *y, bool back)
{
    for (int64_t done = 0; !plan->direct && done < tile->count;) {
        int64_t image = (tile->first + done) / plan->image, place = (tile->first + done) % plan->image;
        int64_t left = tile->count - done, count = plan->image - place;
        count = count < left ? count : left;
        for (int64_t o = 0; o < plan->out; o++) {
            int64_t at = y_offset(plan, image, tile->group) + o * plan->image + place;
            void *outside = bl__at(y, plan->bytes, at);
            void *inside = bl__at(tile->y, plan->bytes, o * tile->count + done);
            memcpy(back ? outside : inside, back ? inside : outside, (size_t)count * plan->bytes);
        }
        done += count;
    }
}

static void read_x(const struct plan *plan, const struct tile *tile, const void *x)
{
    const void *group = bl__at_const(x, plan->bytes, x_offset(plan, 0, tile->group));
    if (!plan->direct)
        (plan->f64 ? bl__im2col_f64 : bl__im2col_f32)(&plan->columns, tile->first, tile->count, group,
                                                      tile->x);
}

static void add_x(const struct plan *plan, const struct tile *tile, void *x)
{
    void *group = bl__at(x, plan->bytes, x_offset(plan, 0, tile->group));
    if (!plan->direct)
        (plan->f64 ? bl__col2im_f64 : bl__col2im_f32)(&plan->columns, tile->first, tile->count, tile->x,
                                                      group);
}

static void *weight_of(const struct plan *plan, void *weight, int64_t group)
{
    return bl__at(weight, plan->bytes, group * plan->out * plan->k);
}

/* ---- run ---- */

static void convolve(const struct plan *plan, const struct tile *t, void *weight)
{
    bl__product p = forward_product(plan, t->count);
    bl__gemm(&p, weight_of(plan, weight, t->group), t->x, t->y, t->scratch);
}

static bl_status run_convolution(const bl__call *call)
{
    const struct plan *plan = call->plan;
    void *x = call->inputs[0]->data, *y = call->outputs[0]->data;
    if (is_empty(plan)) {
        bl__zero(y, (size_t)call->outputs[0]->count * plan->bytes);
        return BL_OK;
    }
    for (int64_t group = 0; group < plan->groups; group++) {
        for (int64_t first = 0; first < plan->places; first += plan->tile) {
            struct tile tile = tile_at(plan, group, first, x, y, call->environment->scratch);
            read_x(plan, &tile, x);
            convolve(plan, &tile, call->inputs[1]->data);
            move_y(plan, &tile, y, true);
        }
    }
    return BL_OK;
}

static void spread(const struct plan *plan, const struct tile *t, void *weight)
{
    bl__product p = input_product(plan, t->count);
    bl__gemm(&p, weight_of(plan, weight, t->group), t->y, t->x, t->scratch);
}

static bl_status run_convolution_input(const bl__call *call)
{
    const struct plan *plan = call->plan;
    void *y = call->inputs[0]->data, *x = call->outputs[0]->data;
    if (is_empty(plan) || !plan->direct)
        bl__zero(x, (size_t)call->outputs[0]->count * plan->bytes);
    for (int64_t group = 0; !is_empty(plan) && group < plan->groups; group++) {
        for (int64_t first = 0; first < plan->places; first += plan->tile) {
            struct tile tile = tile_at(plan, group, first, x, y, call->environment->scratch);
            move_y(plan, &tile, y, false);
            spread(plan, &tile, call->inputs[1]->data);
            add_x(plan, &tile, x);
        }
    }
    return BL_OK;
}

static void correlate(const struct plan *plan, const struct tile *t, void *weight)
{
    bl__product p = weight_product(plan, t->count);
    bl__gemm(&p, t->y, t->x, weight_of(plan, weight, t->group), t->scratch);
}

static bl_status run_convolution_weight(const bl__call *call)
{
    const struct plan *plan = call->plan;
    void *x = call->inputs[0]->data, *y = call->inputs[1]->data, *weight = call->outputs[0]->data;
    bl__zero(weight, (size_t)call->outputs[0]->count * plan->bytes);
    for (int64_t group = 0; !is_empty(plan) && group < plan->groups; group++) {
        for (int64_t first = 0; first < plan->places; first += plan->tile) {
            struct tile tile = tile_at(plan, group, first, x, y, call->environment->scratch);
            read_x(plan, &tile, x);
            move_y(plan, &tile, y, false);
            correlate(plan, &tile, weight);
        }
    }
    return BL_OK;
}

/* A product and a sum for each pair of an element of X and one of Y, those in the padding included. */
static int64_t flops(const bl__call *call)
{
    const struct plan *plan = call->plan;
    int64_t y = bl__times(bl__times(plan->groups, plan->out), plan->places);
    return bl__times(y, bl__times(2, plan->k));
}

const bl__kernel bl__kernel_convolution = {0, prepare_convolution, run_convolution, flops};
const bl__kernel bl__kernel_convolution_input = {0, prepare_convolution_input, run_convolution_input, flops};
const bl__kernel bl__kernel_convolution_weight = {0, prepare_convolution_weight, run_convolution_weight,
                                                  flops};
