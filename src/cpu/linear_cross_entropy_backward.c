/* linear_cross_entropy, backward over the parts of a block: from powers to dw and db
 * (linear_cross_entropy.c).
 *
 * Powers stay what they are. The factor that a row's have in a part is instead with the row of x, so that a
 * chunk's part of dw is one product; what comes off at a row's target, and everywhere where labels are
 * smoothed, comes off dw itself. */
#include "cpu/linear_cross_entropy.h"
#include "ops/attributes.h"

#include <math.h>

/* Brings a chunk's powers to the part's `most`, where it moved since. */
static void rescale(const bl__entropy_block *b, int64_t part, int64_t c, char *powers)
{
    const bl__entropy_plan *plan = b->plan;
    const bl__entropy_piece *pieces = b->pieces + part * plan->block;
    const double *mosts = b->mosts + c * plan->block;
    double scales[BL__ENTROPY_ROWS];
    bool moved = false;
    for (int64_t r = 0; r < b->lanes; r++) {
        bool same = mosts[r] == pieces[r].most;
        scales[r] = same ? 1 : exp(mosts[r] - pieces[r].most);
        moved |= !same;
    }
    if (moved)
        plan->f->rescale(bl__entropy_chunk_width(plan, c), b->lanes, powers, scales);
}

static void add_to_dw(const bl__call *call, const bl__entropy_block *b, int64_t c, const char *powers,
                      const char *scaled)
{
    const bl__entropy_plan *plan = b->plan;
    bl__product product = {.m = bl__entropy_chunk_width(plan, c),
                           .n = plan->width,
                           .k = b->count,
                           .a = bl__row_steps(b->lanes),
                           .b = bl__row_steps(plan->width),
                           .c = bl__row_steps(plan->width),
                           .add = !b->first};
    char *dw = bl__entropy_row_at(plan, call->outputs[BL__ENTROPY_DW], bl__entropy_chunk_begin(plan, c));
    plan->f->product(&product, powers, scaled, dw);
    for (int64_t i = 0; i < product.m && plan->smooths; i++)
        plan->f->subtract_wide(plan->width, bl__at(dw, plan->bytes, i * plan->width), b->shift, 1);
}

static void add_to_db(const bl__call *call, const bl__entropy_block *b, int64_t c, const char *powers,
                      const double *factors)
{
    const bl__entropy_plan *plan = b->plan;
    int64_t n = bl__entropy_chunk_width(plan, c);
    char *db = bl__at(call->outputs[BL__ENTROPY_DB]->data, plan->bytes, bl__entropy_chunk_begin(plan, c));
    if (b->first)
        bl__zero(db, (size_t)n * plan->bytes);
    plan->f->add_sums(n, b->lanes, b->count, db, powers, factors);
    for (int64_t i = 0; i < n && plan->smooths; i++)
        plan->f->less(db, i, b->bias_shift);
}

/* What comes off at the targets that are among a part's classes. */
static void take_targets(const bl__call *call, const bl__entropy_block *b, int64_t part,
                         double label_smoothing)
{
    const bl__entropy_plan *plan = b->plan;
    int64_t begin = bl__entropy_chunk_begin(plan, bl__entropy_part_begin(plan, part));
    int64_t end = bl__entropy_chunk_begin(plan, bl__entropy_part_begin(plan, part + 1));
    for (int64_t r = 0; r < b->count; r++) {
        int64_t target = b->rows[r].target;
        double amount = b->rows[r].share * (1 - label_smoothing);
        if (target < begin || target >= end)
            continue;
        if (plan->wants_dw)
            plan->f->add(plan->width, bl__entropy_row_at(plan, call->outputs[BL__ENTROPY_DW], target),
                         bl__at(b->x, plan->bytes, r * plan->width), -amount);
        if (plan->wants_db)
            plan->f->less(call->outputs[BL__ENTROPY_DB]->data, target, amount);
    }
}

void bl__entropy_flow(const bl__call *call, const bl__entropy_block *b, int64_t part, int worker)
{
    const bl__entropy_plan *plan = b->plan;
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    const bl__entropy_piece *pieces = b->pieces + part * plan->block;
    char *scaled = bl__at(b->scaled, plan->bytes, worker * plan->block * plan->width);
    double factors[BL__ENTROPY_ROWS];
    for (int64_t r = 0; r < b->count; r++) {
        int64_t at = r * plan->width;
        factors[r] = pieces[r].factor;
        if (plan->wants_dw)
            plan->f->scale(plan->width, bl__at(scaled, plan->bytes, at), bl__at(b->x, plan->bytes, at),
                           factors[r]);
    }
    for (int64_t c = bl__entropy_part_begin(plan, part); c < bl__entropy_part_begin(plan, part + 1); c++) {
        char *powers = bl__entropy_powers(b, c);
        rescale(b, part, c, powers);
        if (plan->wants_dw)
            add_to_dw(call, b, c, powers, scaled);
        if (plan->wants_db)
            add_to_db(call, b, c, powers, factors);
    }
    take_targets(call, b, part, attributes->label_smoothing);
}
