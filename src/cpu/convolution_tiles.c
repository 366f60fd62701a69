/* Cutting a convolution into tiles (convolution_tiles.h). */
#include "cpu/convolution_tiles.h"
#include "cpu/kernel_set.h"
#include "cpu/loop.h"
#include "cpu/parallel.h"
#include "ops/attributes.h"

/* A tile's X and Y have about this many elements together, so that they stay in the cache between being
 * written and being multiplied, but at least LEAST_PLACES columns, for which the weight is packed once.
 * Images of fewer than LEAST_IMAGE places share tiles. */
enum {
    TILE_ELEMENTS = 1 << 17,
    LEAST_PLACES = 256,
    LEAST_IMAGE = 64,
    MOST_SUMS = 16,        /* of DW ... */
    SUM_ELEMENTS = 1 << 18 /* ... which have no more elements than this together, but for the first */
};

/* ---- the plan ---- */

static int64_t product(const int64_t *sizes)
{
    return sizes[0] * sizes[1] * sizes[2];
}

/* The geometry of x [N, in, ..], weight [out, in / groups, ..] and y [N, out, ..]. */
static bl__columns columns_of(const bl__operand *x, const bl__operand *weight, const bl__operand *y,
                              const bl__convolution_attributes *attributes)
{
    bl__columns c = {.images = x->size[0], .channels = weight->size[1]};
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

bool bl__convolution_is_empty(const bl__convolution *plan)
{
    return plan->out == 0 || plan->k == 0 || plan->image == 0 || plan->columns.images == 0;
}

static int64_t parts_of(int64_t n, int64_t most)
{
    return (n + most - 1) / most;
}

/* Tiles within images, all about the same, or of several images. */
static void choose_tiles(bl__convolution *plan)
{
    int64_t most = TILE_ELEMENTS / (plan->k + plan->out + 1);
    most = most < LEAST_PLACES ? LEAST_PLACES : most;
    if (plan->image >= LEAST_IMAGE) {
        plan->in_image = parts_of(plan->image, most);
        plan->tile = parts_of(plan->image, plan->in_image);
        plan->in_image = parts_of(plan->image, plan->tile);
        plan->tiles = plan->columns.images * plan->in_image;
    } else {
        plan->in_image = 1;
        plan->images = most / plan->image < plan->columns.images ? most / plan->image : plan->columns.images;
        plan->tile = plan->images * plan->image;
        plan->tiles = parts_of(plan->columns.images, plan->images);
    }
}

/* The images of a tile with their padding around them, in scratch. */
static void choose_padding(bl__convolution *plan)
{
    const bl__columns *c = &plan->columns;
    plan->inside = *c;
    for (int d = 0; d < BL__SPATIAL; d++) {
        plan->padded = plan->padded || c->padding[d] > 0;
        plan->inside.size[d] += 2 * c->padding[d];
        plan->inside.padding[d] = 0;
    }
    plan->padded = plan->padded && plan->in_image == 1;
    plan->inside.images = plan->images > 0 ? plan->images : 1;
}

static void choose_sums(bl__convolution *plan)
{
    int64_t most = SUM_ELEMENTS / plan->out / plan->k / plan->groups;
    plan->sums = most < 1 ? 1 : most < MOST_SUMS ? most : MOST_SUMS;
    plan->sums = plan->tiles < plan->sums ? plan->tiles : plan->sums;
}

bl__product bl__convolution_forward_product(const bl__convolution *plan, const bl__convolution_tile *t)
{
    return (bl__product){.m = plan->out,
                         .n = t->count,
                         .k = plan->k,
                         .a = bl__row_steps(plan->k),
                         .b = t->x_steps,
                         .c = t->y_steps,
                         .f64 = plan->f64};
}

bl__product bl__convolution_input_product(const bl__convolution *plan, const bl__convolution_tile *t)
{
    return (bl__product){.m = plan->k,
                         .n = t->count,
                         .k = plan->out,
                         .a = bl__turned_steps(plan->k),
                         .b = t->y_steps,
                         .c = t->x_steps,
                         .f64 = plan->f64};
}

bl__product bl__convolution_weight_product(const bl__convolution *plan, const bl__convolution_tile *t,
                                           bool add)
{
    return (bl__product){.m = plan->out,
                         .n = plan->k,
                         .k = t->count,
                         .a = t->y_steps,
                         .b = {t->x_steps.column, t->x_steps.row},
                         .c = bl__row_steps(plan->k),
                         .f64 = plan->f64,
                         .add = add};
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What any product of a tile of so many places needs. */
static size_t gemm_scratch(const bl__kernel_set *set, const bl__convolution *plan, int64_t count)
{
    bl__product forward = {.m = plan->out, .n = count, .k = plan->k, .f64 = plan->f64};
    bl__product input = {.m = plan->k, .n = count, .k = plan->out, .f64 = plan->f64};
    bl__product weight = {.m = plan->out, .n = plan->k, .k = count, .f64 = plan->f64};
    return larger(larger(bl__gemm_scratch_at_most(set, &forward), bl__gemm_scratch_at_most(set, &input)),
                  bl__gemm_scratch_at_most(set, &weight));
}

static bool aligned_size(int64_t rows, int64_t columns, size_t bytes, size_t *size)
{
    size_t elements;
    if (!bl__multiply_size((size_t)rows, (size_t)columns, &elements) ||
        !bl__multiply_size(elements + BL__COLUMNS_SLACK, bytes, size) || *size > SIZE_MAX / 4)
        return false;
    *size = (*size + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
    return true;
}

static bool padded_size(bl__convolution *plan)
{
    bl__columns *c = &plan->inside;
    size_t plane, bytes;
    if (!bl__multiply_size((size_t)c->size[0], (size_t)c->size[1], &plane) ||
        !bl__multiply_size(plane, (size_t)c->size[2], &plane) || plane > INT64_MAX ||
        !bl__multiply_size(plane, (size_t)plan->in, &bytes) || bytes > INT64_MAX ||
        !aligned_size((int64_t)bytes, c->images, plan->bytes, &plan->padded_bytes))
        return false;
    c->plane = (int64_t)plane;
    c->image = c->plane * plan->in;
    return true;
}

/* Scratch: of each worker that for a product, X, Y and runs; then the sums of DW but for the first. False
 * when it is too much. */
static bool plan_scratch(bl__convolution *plan, const bl__kernel_set *set, int workers, bool sums,
                         size_t *bytes)
{
    int64_t last = plan->image - (plan->in_image - 1) * plan->tile; /* in an image */
    if (plan->images > 0)
        last = (plan->columns.images - (plan->tiles - 1) * plan->images) * plan->image;
    plan->gemm_bytes = larger(gemm_scratch(set, plan, plan->tile), gemm_scratch(set, plan, last));
    size_t runs = 0, added = 0;
    if (!plan->direct && (!aligned_size(plan->k, plan->tile, plan->bytes, &plan->x_bytes) ||
                          !aligned_size((int64_t)bl__columns_runs(&plan->columns, plan->tile), 1, 1, &runs)))
        return false;
    if (plan->images > 0 && !aligned_size(plan->out, plan->tile, plan->bytes, &plan->y_bytes))
        return false;
    if (plan->padded && !padded_size(plan))
        return false;
    plan->worker_bytes = plan->gemm_bytes + plan->x_bytes + plan->y_bytes + plan->padded_bytes + runs;
    if (sums)
        added = (size_t)((plan->sums - 1) * plan->groups * plan->out * plan->k) * plan->bytes;
    if (!bl__multiply_size(plan->worker_bytes, (size_t)workers, bytes) || *bytes > SIZE_MAX / 2)
        return false;
    *bytes += added;
    return true;
}

static double nanoseconds(const bl__convolution *plan)
{
    bl__product all = {
        .m = plan->out, .n = plan->columns.images * plan->image, .k = plan->k, .f64 = plan->f64};
    return (double)plan->groups * bl__gemm_nanoseconds(&all);
}

bl_status bl__convolution_prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes,
                                  const bl__operand *x, const bl__operand *weight, const bl__operand *y)
{
    const bl__convolution_attributes *attributes = call->attributes;
    if (x->dtype != BL_F32 && x->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(x->dtype));
    bl__convolution *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (bl__convolution){.columns = columns_of(x, weight, y, attributes),
                              .groups = attributes->groups,
                              .in = weight->size[1],
                              .out = weight->size[0] / attributes->groups,
                              .bytes = bl_dtype_size(x->dtype),
                              .f64 = x->dtype == BL_F64};
    plan->k = plan->in * product(plan->columns.kernel);
    plan->image = product(plan->columns.places);
    call->plan = plan;
    *scratch_bytes = 0;
    if (bl__convolution_is_empty(plan))
        return BL_OK;
    choose_tiles(plan);
    choose_padding(plan);
    choose_sums(plan);
    plan->direct = plan->images == 0 && is_direct(&plan->columns);
    plan->pays = bl__pays_for_threads(call, nanoseconds(plan));
    int workers = plan->pays ? call->environment->threads : 1;
    if (!plan_scratch(plan, call->environment->kernels, workers, weight == call->outputs[0], scratch_bytes))
        return BL_ERR_MEMORY;
    return BL_OK;
}

/* ---- tiles ---- */

/* Where the group's channels of an image begin in x, and in y. */
static int64_t x_offset(const bl__convolution *plan, int64_t image, int64_t group)
{
    return image * plan->columns.image + group * plan->in * plan->columns.plane;
}

static int64_t y_offset(const bl__convolution *plan, int64_t image, int64_t group)
{
    return (image * plan->groups + group) * plan->out * plan->image;
}

bl__convolution_tile bl__convolution_tile_at(const bl__convolution *plan, int64_t group, int64_t index,
                                             void *x, void *y, void *scratch, int worker)
{
    char *own = (char *)scratch + (size_t)worker * plan->worker_bytes;
    int64_t image = index / plan->in_image, place = index % plan->in_image * plan->tile;
    int64_t left =
        plan->images > 0 ? (plan->columns.images - index * plan->images) * plan->image : plan->image - place;
    bl__convolution_tile t = {.group = group, .count = left < plan->tile ? left : plan->tile, .gemm = own};
    t.first = plan->images > 0 ? index * plan->tile : image * plan->image + place;
    t.padded = own + plan->gemm_bytes + plan->x_bytes + plan->y_bytes;
    t.runs = (bl__run *)(void *)((char *)t.padded + plan->padded_bytes);
    t.x = own + plan->gemm_bytes;
    t.x_steps = bl__row_steps(t.count);
    if (plan->direct) {
        t.x = bl__at(x, plan->bytes, x_offset(plan, image, group) + place);
        t.x_steps = bl__row_steps(plan->columns.plane);
    }
    t.y = own + plan->gemm_bytes + plan->x_bytes;
    t.y_steps = bl__row_steps(t.count);
    if (plan->images == 0) {
        t.y = bl__at(y, plan->bytes, y_offset(plan, image, group) + place);
        t.y_steps = bl__row_steps(plan->image);
    }
    return t;
}

void bl__convolution_move_y(const bl__convolution *plan, const bl__convolution_tile *t, void *y, bool back)
{
    size_t line = (size_t)plan->image * plan->bytes;
    for (int64_t done = 0; plan->images > 0 && done < t->count; done += plan->image) {
        int64_t at = y_offset(plan, (t->first + done) / plan->image, t->group);
        for (int64_t o = 0; o < plan->out; o++) {
            void *outside = bl__at(y, plan->bytes, at + o * plan->image);
            void *inside = bl__at(t->y, plan->bytes, o * t->count + done);
            memcpy(back ? outside : inside, back ? inside : outside, line);
        }
    }
}

/* Copies the group's channels of the tile's images into their padded copy, or back out of it. */
static void move_padded(const bl__convolution *plan, const bl__convolution_tile *t, void *x, bool back)
{
    const bl__columns *from = &plan->columns, *to = &plan->inside;
    int64_t image = t->first / plan->image, images = t->count / plan->image;
    int64_t lines = images * plan->in * from->size[0] * from->size[1];
    size_t line = (size_t)from->size[2] * plan->bytes;
    for (int64_t i = 0; i < lines && line > 0; i++) {
        int64_t row = i % from->size[1], rest = i / from->size[1], slice = rest % from->size[0];
        int64_t plane = rest / from->size[0], at = x_offset(plan, image + plane / plan->in, t->group);
        at += plane % plan->in * from->plane + (slice * from->size[1] + row) * from->size[2];
        int64_t place = ((slice + from->padding[0]) * to->size[1] + row + from->padding[1]) * to->size[2];
        void *outside = bl__at(x, plan->bytes, at);
        void *inside = bl__at(t->padded, plan->bytes, plane * to->plane + place + from->padding[2]);
        memcpy(back ? outside : inside, back ? inside : outside, line);
    }
}

static void clear_padded(const bl__convolution *plan, const bl__convolution_tile *t)
{
    bl__zero(t->padded, (size_t)(t->count / plan->image * plan->inside.image) * plan->bytes);
}

void bl__convolution_read_x(const bl__convolution *plan, const bl__convolution_tile *t, void *x)
{
    if (plan->direct)
        return;
    if (plan->padded) {
        clear_padded(plan, t);
        move_padded(plan, t, x, false);
    }
    (plan->f64 ? bl__im2col_f64 : bl__im2col_f32)(
        plan->padded ? &plan->inside : &plan->columns, plan->padded ? 0 : t->first, t->count,
        plan->padded ? t->padded : x, plan->padded ? 0 : x_offset(plan, 0, t->group), t->runs, t->x);
}

/* A group's channels of the images of a tile, all zeros. */
static void clear_x(const bl__convolution *plan, const bl__convolution_tile *t, void *x)
{
    int64_t first = t->first / plan->image, count = plan->images > 0 ? t->count / plan->image : 1;
    for (int64_t i = first; i < first + count; i++)
        bl__zero(bl__at(x, plan->bytes, x_offset(plan, i, t->group)),
                 (size_t)(plan->in * plan->columns.plane) * plan->bytes);
}

void bl__convolution_add_x(const bl__convolution *plan, const bl__convolution_tile *t, void *x, bool first)
{
    if (plan->direct)
        return;
    if (plan->padded)
        clear_padded(plan, t);
    else if (first)
        clear_x(plan, t, x);
    (plan->f64 ? bl__col2im_f64 : bl__col2im_f32)(
        plan->padded ? &plan->inside : &plan->columns, plan->padded ? 0 : t->first, t->count, t->x,
        plan->padded ? 0 : x_offset(plan, 0, t->group), t->runs, plan->padded ? t->padded : x);
    if (plan->padded)
        move_padded(plan, t, x, true);
}
