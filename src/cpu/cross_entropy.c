/* cross_entropy: from logits x [.., classes] and a class t for each row,
 *
 *     loss = log sum_i exp(x_i - m) - (x_t - m)        m = max_i x_i
 *
 * for each row, or the sum or mean over the rows that count, added up in f64 row by row. */
#include "bowline/ops.h"
#include "cpu/indices.h"
#include "cpu/log_sum.h"
#include "cpu/loop.h"
#include "cpu/of_set.h"
#include "cpu/row_parts.h"
#include "ops/attributes.h"

enum {
    LOGITS,
    TARGETS
};

#define LOSS(name, type)                                                        \
    static double loss_##name(const void *row, int64_t classes, int64_t target) \
    {                                                                           \
        const type *x = row;                                                    \
        type most;                                                              \
        double sum = bl__power_sum_##name(classes, x, NULL, &most);             \
        return log(sum) - (double)(x[target] - most);                           \
    }

LOSS(f32, float)
LOSS(f64, double)

static void store(const bl__operand *output, int64_t i, double value)
{
    if (output->dtype == BL_F32)
        ((float *)output->data)[i] = (float)value;
    else
        ((double *)output->data)[i] = value;
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__operand *logits = call->inputs[LOGITS], *targets = call->inputs[TARGETS];
    bl__row_parts *parts = bl__arena_take(arena, sizeof(*parts));
    if (!parts)
        return BL_ERR_MEMORY;
    if (logits->dtype != BL_F32 && logits->dtype != BL_F64)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s",
                               bl_dtype_name((bl_dtype)logits->dtype));
    *parts = bl__row_parts_of(call, targets->count, logits->size[logits->rank - 1], 4);
    *scratch_bytes = (size_t)targets->count * sizeof(double);
    call->plan = parts;
    return bl__indices_prepare(call, targets);
}

/* The losses of rows, into scratch. */
static void do_rows(const bl__call *call, const void *work, int64_t part, int worker)
{
    const bl__row_parts *parts = work;
    const bl__operand *logits = call->inputs[LOGITS];
    const bl__loss_attributes *attributes = call->attributes;
    int64_t classes = logits->size[logits->rank - 1];
    size_t row_bytes = (size_t)classes * bl_dtype_size((bl_dtype)logits->dtype);
    double *losses = call->environment->scratch;
    (void)worker;
    for (int64_t r = bl__part_first(parts, part); r < bl__part_end(parts, part); r++) {
        int64_t target = bl__index_at(call->inputs[TARGETS], r);
        losses[r] = target == attributes->ignore_index
                        ? 0
                        : (logits->dtype == BL_F32 ? loss_f32 : loss_f64)(
                              bl__at_const(logits->data, row_bytes, r), classes, target);
    }
}

static bl_status run(const bl__call *call)
{
    const bl__operand *logits = call->inputs[LOGITS], *targets = call->inputs[TARGETS];
    const bl__loss_attributes *attributes = call->attributes;
    int64_t classes = logits->size[logits->rank - 1], counted = 0;
    const double *losses = call->environment->scratch;
    double total = 0;
    bl_status status = bl__indices_check(call, targets, classes, &attributes->ignore_index, "target");
    if (status != BL_OK)
        return status;
    bl__do_row_parts(call, call->plan, do_rows, call->plan);
    for (int64_t i = 0; i < targets->count; i++) {
        counted += bl__index_at(targets, i) != attributes->ignore_index;
        total += losses[i];
        if (attributes->reduction == BL_REDUCE_NONE)
            store(call->outputs[0], i, losses[i]);
    }
    if (attributes->reduction != BL_REDUCE_NONE)
        store(call->outputs[0], 0, attributes->reduction == BL_REDUCE_SUM ? total : total / (double)counted);
    return BL_OK;
}

/* For each logit the maximum, the difference, exp and the sum. */
static int64_t flops(const bl__call *call)
{
    return bl__times(4, call->inputs[LOGITS]->count);
}

const bl__kernel BL__KERNEL(cross_entropy) = {BL__CAN_FAIL, prepare, run, flops};
