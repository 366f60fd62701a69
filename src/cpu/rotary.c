/* rotary_embedding: turns pairs (a, b) of each row by the angle t of its position and of the pair,
 *
 *     a' = a cos t - b sin t,  b' = b cos t + a sin t,
 *
 * from a table of (cos t, sin t) that is made once for each position, however many rows share it. */
#include "cpu/kernels.h"
#include "cpu/loop.h"
#include "ops/attributes.h"

#include <math.h>

enum {
    TO,
    FROM,
    TABLE,
    WALKED
};

/* Turns n pairs of one row. Steps and `apart`, the distance of the two of a pair, are in elements. */
typedef void turn_function(int64_t n, void *to, int64_t to_step, int64_t to_apart, const void *from,
                           int64_t from_step, int64_t from_apart, const void *table);

struct plan {
    bl__loop rows; /* over all axes but the last */
    turn_function *turn;
    int64_t pairs, positions;
    int64_t to_step, to_apart, from_step, from_apart;
    double *frequency; /* of each pair; negative to turn back */
    size_t bytes;
};

#define TURN(name, type)                                                                              \
    static void turn_##name(int64_t n, void *to, int64_t to_step, int64_t to_apart, const void *from, \
                            int64_t from_step, int64_t from_apart, const void *table)                 \
    {                                                                                                 \
        const type *x = from, *t = table;                                                             \
        type *y = to;                                                                                 \
        BL__EACH_ALONE                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                             \
            type a = x[i * from_step], b = x[i * from_step + from_apart];                             \
            y[i * to_step] = a * t[2 * i] - b * t[2 * i + 1];                                         \
            y[i * to_step + to_apart] = b * t[2 * i] + a * t[2 * i + 1];                              \
        }                                                                                             \
    }

TURN(f32, float)
TURN(f64, double)

static bool set_frequencies(struct plan *plan, bl__arena *arena, const bl__rotary_attributes *attributes)
{
    plan->frequency = bl__arena_take(arena, (size_t)plan->pairs * sizeof(*plan->frequency));
    for (int64_t i = 0; plan->frequency && i < plan->pairs; i++) {
        double frequency = pow(attributes->base, -(double)i / (double)plan->pairs);
        plan->frequency[i] = attributes->backwards ? -frequency : frequency;
    }
    return plan->frequency != NULL;
}

/* The rows of y and x, and the part of the table that belongs to each: it has the layout of the positions,
 * row by row, each of 2 * pairs elements. */
static void set_rows(struct plan *plan, const bl__operand *y, const bl__operand *x,
                     const bl__operand *positions)
{
    int64_t strides[BL_MAX_RANK][WALKED], part = 2 * plan->pairs;
    int rank = x->rank - 1;
    for (int d = rank - 1; d >= 0; d--) {
        int own = d - (rank - positions->rank);
        bool walks = own >= 0 && positions->size[own] == x->size[d] && x->size[d] != 1;
        strides[d][TO] = y->stride[d];
        strides[d][FROM] = x->stride[d];
        strides[d][TABLE] = walks ? part : 0;
        if (own >= 0)
            part *= positions->size[own];
    }
    bl__loop_init(&plan->rows, WALKED);
    for (int d = 0; d < rank; d++)
        bl__loop_push(&plan->rows, x->size[d], strides[d]);
}

static bl_status prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes)
{
    const bl__rotary_attributes *attributes = call->attributes;
    const bl__operand *x = call->inputs[0], *positions = call->inputs[1], *y = call->outputs[0];
    int last = x->rank - 1;
    struct plan *plan = bl__arena_take(arena, sizeof(*plan));
    if (!plan)
        return BL_ERR_MEMORY;
    bool split = !attributes->interleaved;
    plan->pairs = x->size[last] / 2;
    plan->positions = positions->count;
    plan->bytes = bl_dtype_size(x->dtype);
    plan->turn = x->dtype == BL_F32 ? turn_f32 : turn_f64;
    plan->to_step = split ? 1 : 2;
    plan->to_apart = split ? plan->pairs : 1;
    plan->from_step = plan->to_step * x->stride[last];
    plan->from_apart = plan->to_apart * x->stride[last];
    set_rows(plan, y, x, positions);
    call->plan = plan;
    size_t parts;
    if (!bl__multiply_size((size_t)plan->positions, 2 * (size_t)plan->pairs, &parts) ||
        !bl__multiply_size(parts, plan->bytes, scratch_bytes))
        return BL_ERR_MEMORY;
    return set_frequencies(plan, arena, attributes) ? BL_OK : BL_ERR_MEMORY;
}

/* Position i, counted row by row whatever the strides. */
static double position_at(const bl__operand *positions, int64_t i)
{
    int64_t offset = 0;
    for (int d = positions->rank - 1; d >= 0; d--) {
        offset += i % positions->size[d] * positions->stride[d];
        i /= positions->size[d];
    }
    return positions->dtype == BL_I32 ? (double)((const int32_t *)positions->data)[offset]
                                      : (double)((const int64_t *)positions->data)[offset];
}

static void fill_table(const struct plan *plan, const bl__operand *positions, bl_dtype dtype, void *table)
{
    float *narrow = table;
    double *wide = table;
    for (int64_t p = 0; p < plan->positions; p++) {
        double position = position_at(positions, p);
        for (int64_t i = 0; i < plan->pairs; i++) {
            double angle = position * plan->frequency[i], c = cos(angle), s = sin(angle);
            int64_t at = 2 * (p * plan->pairs + i);
            if (dtype == BL_F32) {
                narrow[at] = (float)c;
                narrow[at + 1] = (float)s;
            } else {
                wide[at] = c;
                wide[at + 1] = s;
            }
        }
    }
}

static bl_status run(const bl__call *call)
{
    const struct plan *plan = call->plan;
    const bl__operand *x = call->inputs[0], *y = call->outputs[0];
    bl__place place = {{0}, {0}};
    int64_t rows = bl__loop_row(&plan->rows), step[WALKED];
    if (y->count == 0)
        return BL_OK;
    for (int k = 0; k < WALKED; k++)
        step[k] = bl__loop_step(&plan->rows, k);
    fill_table(plan, call->inputs[1], x->dtype, call->environment->scratch);
    do {
        for (int64_t r = 0; r < rows; r++)
            plan->turn(
                plan->pairs, bl__at(y->data, plan->bytes, place.offset[TO] + r * step[TO]), plan->to_step,
                plan->to_apart, bl__at_const(x->data, plan->bytes, place.offset[FROM] + r * step[FROM]),
                plan->from_step, plan->from_apart,
                bl__at_const(call->environment->scratch, plan->bytes, place.offset[TABLE] + r * step[TABLE]));
    } while (bl__loop_next(&plan->rows, &place));
    return BL_OK;
}

/* Four products and two sums a pair; for each angle of the table a product, cos and sin. */
static int64_t flops(const bl__call *call)
{
    const struct plan *plan = call->plan;
    return bl__plus(bl__times(3, call->outputs[0]->count),
                    bl__times(3, bl__times(plan->positions, plan->pairs)));
}

const bl__kernel bl__kernel_rotary_embedding = {BL__STRIDED | BL__IN_PLACE, prepare, run, flops};
