/* linear_cross_entropy, backward over the parts of a block: powers become the gradients of their logits, and
 * those dw and db (linear_cross_entropy.c). */
#include "cpu/linear_cross_entropy.h"
#include "ops/attributes.h"

#include <math.h>

/* The gradients of chunk c's logits, in the place of its powers. */
static void turn_chunk(const bl__entropy_block *b, int64_t part, int64_t c, char *powers,
                       double label_smoothing)
{
    const bl__entropy_plan *plan = b->plan;
    const bl__entropy_piece *pieces = b->pieces + part * plan->block;
    const double *mosts = b->mosts + c * plan->block;
    double factors[BL__ENTROPY_ROWS] = {0}, shifts[BL__ENTROPY_ROWS] = {0};
    int64_t n = bl__entropy_chunk_width(plan, c);
    for (int64_t r = 0; r < b->count; r++) {
        const bl__entropy_row *row = &b->rows[r];
        factors[r] = mosts[r] == pieces[r].most ? pieces[r].factor : exp(mosts[r] - row->most) * row->part;
        shifts[r] = row->share * label_smoothing / (double)plan->classes;
    }
    plan->f->gradients(n, b->lanes, powers, factors, shifts);
    for (int64_t r = 0; r < b->count; r++) {
        int64_t t = b->rows[r].target - c * plan->chunk;
        if (t >= 0 && t < n)
            plan->f->less(powers, t * b->lanes + r, b->rows[r].share * (1 - label_smoothing));
    }
}

static void add_to_dw(const bl__call *call, const bl__entropy_block *b, int64_t c, const char *gradients)
{
    const bl__entropy_plan *plan = b->plan;
    bl__product product = {.m = bl__entropy_chunk_width(plan, c),
                           .n = plan->width,
                           .k = b->count,
                           .a = bl__row_steps(b->lanes),
                           .b = bl__row_steps(plan->width),
                           .c = bl__row_steps(plan->width),
                           .add = !b->first};
    plan->f->product(&product, gradients, b->x,
                     bl__entropy_row_at(plan, call->outputs[BL__ENTROPY_DW], c * plan->chunk));
}

static void add_to_db(const bl__call *call, const bl__entropy_block *b, int64_t c, const char *gradients)
{
    const bl__entropy_plan *plan = b->plan;
    int64_t n = bl__entropy_chunk_width(plan, c);
    void *sums = bl__at(call->outputs[BL__ENTROPY_DB]->data, plan->bytes, c * plan->chunk);
    if (b->first)
        bl__zero(sums, (size_t)n * plan->bytes);
    plan->f->add_sums(n, b->lanes, b->count, sums, gradients);
}

void bl__entropy_flow(const bl__call *call, const void *work, int64_t part, int worker)
{
    const bl__entropy_block *b = work;
    const bl__entropy_plan *plan = b->plan;
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    (void)worker;
    for (int64_t c = bl__entropy_part_begin(plan, part); c < bl__entropy_part_begin(plan, part + 1); c++) {
        char *powers = bl__entropy_powers(b, c);
        turn_chunk(b, part, c, powers, attributes->label_smoothing);
        if (plan->wants_dw)
            add_to_dw(call, b, c, powers);
        if (plan->wants_db)
            add_to_db(call, b, c, powers);
    }
}
