/* Matrix products C[m,n] = sum_p A[m,p] B[p,n] over broadcast batches, operands of any strides; and what the
 * compiler makes of a product that is added to something contiguous, C = D + A B. Large ones are packed
 * (gemm.h); small ones, where that would outweigh the arithmetic, are not (small_product.h). */
#include "cpu/matmul.h"
#include "cpu/kernel_set.h"
#include "cpu/kernels.h"
#include "cpu/parallel.h"
#include "cpu/small_product.h"

enum {
    LEFT,
    RIGHT,
    FACTORS,
    ADDEND = FACTORS
};

/* Products of at most so many multiplications do not go to BLIS, whose packing costs more before it computes
 * anything than small products need: about where the two meet. */
#define SMALL_PRODUCT 16384.0

/* How long a part of a batch should take. */
#define PART_NANOSECONDS 20000.0

struct plan {
    bl__product product; /* one of the batch; .add to a third input, in whose place the output may stand */
    bl__loop batch;      /* over the factors; the products stand one after the other */
    int64_t product_size;
    const bl__small_products *small; /* NULL for large products */
    bl__small_plan small_plan;
    const bl__operand *row; /* added to each row; NULL for none */
    bool pays;              /* for threads: */
    bool each_pays;         /* each product is shared out, or the batch is */
    int64_t part_products;  /* of the batch, in a part */
    size_t worker_scratch;
    size_t bytes; /* of an element */
};

/* ---- prepare ---- */

/* Batches of which only A changes, row after row, are one taller product. */
static void fold_batch(struct plan *plan)
{
    bl__loop *batch = &plan->batch;
    bl__product *product = &plan->product;
    while (batch->rank > 0) {
        int last = batch->rank - 1;
        int64_t step = batch->stride[LEFT][last];
        if (batch->stride[RIGHT][last] != 0 || (product->m != 1 && step != product->m * product->a.row))
            break;
        if (product->m == 1)
            product->a.row = step;
        product->m *= batch->size[last];
        batch->rank = last;
    }
    batch->count = 1;
    for (int d = 0; d < batch->rank; d++)
        batch->count *= batch->size[d];
}

/* Products that are worth it are shared out each; else the batch is, if it is worth it. */
static void share_out(const bl__call *call, struct plan *plan, double nanoseconds)
{
    double count = (double)plan->batch.count, part = PART_NANOSECONDS / nanoseconds;
    plan->each_pays = !plan->small && bl__pays_for_threads(call, nanoseconds / 4);
    plan->pays = plan->each_pays || (count > 1 && bl__pays_for_threads(call, nanoseconds * count));
    plan->part_products = part < 1 ? 1 : part > count ? (int64_t)count : (int64_t)part;
}

/* Chooses the way, and the nanoseconds that it takes. */
static double choose(const bl__call *call, struct plan *plan)
{
    const bl__product *product = &plan->product;
    const bl__kernel_set *set = call->environment->kernels;
    plan->small = product->f64 ? set->small_products_f64 : set->small_products_f32;
    if ((double)product->m * (double)product->n * (double)product->k > SMALL_PRODUCT)
        plan->small = NULL;
    if (!plan->small) {
        plan->worker_scratch = bl__gemm_scratch(product);
        return bl__gemm_nanoseconds(product);
    }
    plan->small_plan = plan->small->plan(product);
    plan->worker_scratch = plan->small_plan.scratch;
    return plan->small->nanoseconds(&plan->small_plan);
}

bl_status bl__matmul_prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes, double more)
{
    const bl__operand *a = call->inputs[LEFT], *b = call->inputs[RIGHT], *c = call->outputs[0];
    if (a->dtype != BL_F32 && a->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(a->dtype));
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    *plan = (struct plan){.bytes = bl_dtype_size((bl_dtype)a->dtype)};
    plan->product = (bl__product){.m = a->size[a->rank - 2],
                                  .n = b->size[b->rank - 1],
                                  .k = a->size[a->rank - 1],
                                  .a = {a->stride[a->rank - 2], a->stride[a->rank - 1]},
                                  .b = {b->stride[b->rank - 2], b->stride[b->rank - 1]},
                                  .c = bl__row_steps(b->size[b->rank - 1]),
                                  .f64 = a->dtype == BL_F64,
                                  .add = call->input_count > ADDEND};
    bl__loop_init(&plan->batch, FACTORS);
    for (int d = 0; d < c->rank - 2; d++) {
        int64_t strides[FACTORS] = {bl__broadcast_stride(a, c->rank, d, c->size[d]),
                                    bl__broadcast_stride(b, c->rank, d, c->size[d])};
        bl__loop_push(&plan->batch, c->size[d], strides);
    }
    fold_batch(plan);
    plan->product_size = plan->product.m * plan->product.n;
    double count = plan->batch.count > 0 ? (double)plan->batch.count : 1;
    share_out(call, plan, choose(call, plan) + more / count);
    plan->worker_scratch = (plan->worker_scratch + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
    size_t workers = plan->pays && !plan->each_pays ? (size_t)call->environment->threads : 1;
    *scratch_bytes = workers * plan->worker_scratch;
    call->plan = plan;
    return BL_OK;
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    return bl__matmul_prepare(call, arena, scratch_bytes, 0);
}

bool bl__matmul_add_row(const bl__call *call, const bl__operand *row)
{
    struct plan *plan = call->plan;
    bool can = plan->small && plan->product.k > 0;
    if (can)
        plan->row = row;
    return can;
}

int bl__matmul_workers(const bl__call *call)
{
    const struct plan *plan = call->plan;
    return plan->pays ? call->environment->threads : 1;
}

/* ---- run ---- */

/* What gemm.h is to tell of one product of the batch. */
struct told {
    const bl__matmul_listener *listener;
    int64_t index; /* in the batch */
    int worker;    /* that computes it, where the batch is shared out and not each product */
};

static void tell_part(const bl__call *call, const void *work, int64_t row, int64_t rows, int64_t column,
                      int64_t columns, int worker)
{
    const struct told *told = work;
    const struct plan *plan = call->plan;
    int64_t n = plan->product.n;
    bl__stretches part = {told->index * plan->product_size + row * n + column, rows, columns, n};
    told->listener->done(told->listener->work, part, plan->each_pays ? worker : told->worker);
}

static void tell(const bl__matmul_listener *listener, int64_t begin, int64_t count, int worker)
{
    listener->done(listener->work, (bl__stretches){begin, 1, count, count}, worker);
}

/* The factors and the product of one place in the batch. */
static void multiply_at(const bl__call *call, int64_t left, int64_t right, int64_t index, void *scratch,
                        const bl__matmul_listener *listener, int worker)
{
    const struct plan *plan = call->plan;
    const void *a = bl__at_const(call->inputs[LEFT]->data, plan->bytes, left);
    const void *b = bl__at_const(call->inputs[RIGHT]->data, plan->bytes, right);
    void *product = bl__at(call->outputs[0]->data, plan->bytes, index * plan->product_size);
    const struct told told = {listener, index, worker};
    if (plan->small)
        plan->small->multiply(&plan->small_plan, a, b, product, scratch);
    else
        bl__gemm_shared(call, plan->each_pays, &plan->product, a, b, product, scratch,
                        listener ? tell_part : NULL, &told);
}

/* Some products of the batch; `work` is the listener. */
static void multiply_some(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct plan *plan = call->plan;
    int64_t first = part * plan->part_products, left = plan->batch.count - first;
    int64_t count = left < plan->part_products ? left : plan->part_products;
    char *scratch = (char *)call->environment->scratch + (size_t)worker * plan->worker_scratch;
    bl__place place;
    bl__loop_place(&plan->batch, first, &place);
    int64_t row = bl__loop_row(&plan->batch), at = row > 0 ? first % row : 0;
    for (int64_t i = 0; i < count; i++) {
        multiply_at(call, place.offset[LEFT] + at * bl__loop_step(&plan->batch, LEFT),
                    place.offset[RIGHT] + at * bl__loop_step(&plan->batch, RIGHT), first + i, scratch, work,
                    worker);
        if (++at == row) {
            at = 0;
            bl__loop_next(&plan->batch, &place);
        }
    }
    if (plan->small && work)
        tell(work, first * plan->product_size, count * plan->product_size, worker);
}

void bl__matmul_run(const bl__call *call, const bl__matmul_listener *listener)
{
    struct plan *plan = call->plan;
    const bl__operand *output = call->outputs[0];
    size_t bytes = (size_t)output->count * plan->bytes;
    if (output->count == 0)
        return;
    if (plan->product.add && output->data != call->inputs[ADDEND]->data)
        memcpy(output->data, call->inputs[ADDEND]->data, bytes);
    if (plan->product.k == 0 && !plan->product.add)
        bl__zero(output->data, bytes);
    if (plan->row)
        plan->small_plan.row = plan->row->data;
    if (plan->product.k > 0 && plan->batch.count > 1) {
        bl__parallel(call, plan->pays && !plan->each_pays,
                     (plan->batch.count + plan->part_products - 1) / plan->part_products, multiply_some,
                     listener);
        return;
    }
    if (plan->product.k > 0)
        multiply_at(call, 0, 0, 0, call->environment->scratch, listener, 0);
    if (listener && (plan->product.k == 0 || plan->small))
        tell(listener, 0, output->count, 0);
}

static bl_status run(const bl__call *call)
{
    bl__matmul_run(call, NULL);
    return BL_OK;
}

/* A product and a sum for each of the k terms of an element, and the sum with what is there. */
static int64_t flops(const bl__call *call)
{
    const struct plan *plan = call->plan;
    return bl__times(call->outputs[0]->count, bl__times(2, plan->product.k) + plan->product.add);
}

const bl__kernel bl__kernel_matmul = {BL__STRIDED, prepare, run, flops};
const bl__kernel bl__kernel_matmul_add = {BL__STRIDED | BL__IN_PLACE_OF(ADDEND), prepare, run, flops};
