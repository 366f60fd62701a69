/* linear_cross_entropy, forward over the parts of a block: logits, their powers, and what becomes dx
 * (linear_cross_entropy.c). */
#include "cpu/linear_cross_entropy.h"
#include "ops/attributes.h"

#include <math.h>

static const void *bias_of(const bl__call *call)
{
    return ((const bl__entropy_plan *)call->plan)->biased ? call->inputs[BL__ENTROPY_OPTIONAL]->data : NULL;
}

/* Logits of classes begin .. begin + n - 1: w x^T. */
static void multiply_logits(const bl__call *call, const bl__entropy_block *b, int64_t begin, int64_t n,
                            char *logits)
{
    const bl__entropy_plan *plan = b->plan;
    bl__product product = {.m = n,
                           .n = b->lanes,
                           .k = plan->width,
                           .a = bl__row_steps(plan->width),
                           .b = bl__row_steps(b->lanes),
                           .c = bl__row_steps(b->lanes)};
    plan->f->product(&product, bl__entropy_row_at(plan, call->inputs[BL__ENTROPY_WEIGHT], begin), b->turned,
                     logits);
    for (int64_t r = 0; r < b->count; r++) {
        int64_t t = b->rows[r].target - begin;
        if (t < 0 || t >= n)
            continue;
        double logit = plan->f->get(logits, t * b->lanes + r);
        if (plan->biased)
            logit += plan->f->get(bias_of(call), begin + t);
        /* rounded like those that go into the sum: from double once more is the same */
        b->rows[r].target_logit = plan->bytes == sizeof(float) ? (double)(float)logit : logit;
    }
}

static void rescale_dx(const bl__entropy_block *b, const double *scales, char *dx)
{
    const bl__entropy_plan *plan = b->plan;
    for (int64_t r = 0; r < b->count; r++) {
        char *row = bl__at(dx, plan->bytes, r * plan->width);
        if (scales[r] != 1)
            plan->f->scale(plan->width, row, row, scales[r]);
    }
}

/* Powers times the weight's rows, which become a part's dx or are added to it. */
static void add_to_dx(const bl__call *call, const bl__entropy_block *b, int64_t begin, int64_t n,
                      const char *powers, bool add, char *dx)
{
    const bl__entropy_plan *plan = b->plan;
    bl__product product = {.m = b->count,
                           .n = plan->width,
                           .k = n,
                           .a = bl__turned_steps(b->lanes),
                           .b = bl__row_steps(plan->width),
                           .c = bl__row_steps(plan->width),
                           .add = add};
    plan->f->product(&product, powers, bl__entropy_row_at(plan, call->inputs[BL__ENTROPY_WEIGHT], begin), dx);
}

static void add_weights(const bl__call *call, const bl__entropy_plan *plan, int64_t begin, int64_t n,
                        double *sums)
{
    for (int64_t i = begin; i < begin + n; i++)
        plan->f->add_wide(plan->width, sums, bl__entropy_row_at(plan, call->inputs[BL__ENTROPY_WEIGHT], i),
                          1);
}

static void begin_part(const bl__entropy_block *b, bl__entropy_piece *pieces, double *sums)
{
    for (int64_t r = 0; r < b->lanes; r++)
        pieces[r] = (bl__entropy_piece){.most = -INFINITY};
    for (int64_t i = 0; i < b->plan->width && sums; i++)
        sums[i] = 0;
}

void bl__entropy_raise(const bl__call *call, const void *work, int64_t part, int worker)
{
    const bl__entropy_block *b = work;
    const bl__entropy_plan *plan = b->plan;
    int64_t first = bl__entropy_part_begin(plan, part), end = bl__entropy_part_begin(plan, part + 1);
    bl__entropy_piece *pieces = b->pieces + part * plan->block;
    char *dx = bl__at(b->dx, plan->bytes, part * plan->block * plan->width);
    double *sums = b->first && plan->smooths && plan->wants_dx ? b->sums + part * plan->width : NULL;
    double scales[BL__ENTROPY_ROWS];
    begin_part(b, pieces, sums);
    for (int64_t c = first; c < end; c++) {
        int64_t n = bl__entropy_chunk_width(plan, c), begin = bl__entropy_chunk_begin(plan, c);
        char *powers = bl__entropy_powers(b, plan->keeps_powers ? c : worker);
        multiply_logits(call, b, begin, n, powers);
        const void *bias = plan->biased ? bl__at_const(bias_of(call), plan->bytes, begin) : NULL;
        if (plan->smooths)
            plan->f->add_totals(n, b->lanes, powers, bias, pieces);
        bool moved = plan->f->powers(n, b->lanes, powers, bias, pieces, scales);
        for (int64_t r = 0; r < b->lanes && plan->keeps_powers; r++)
            b->mosts[c * plan->block + r] = pieces[r].most;
        if (plan->wants_dx && moved && c > first)
            rescale_dx(b, scales, dx);
        if (plan->wants_dx)
            add_to_dx(call, b, begin, n, powers, c > first, dx);
        if (sums)
            add_weights(call, plan, begin, n, sums);
    }
}

/* A row's dx, to where it belongs. */
static void finish_dx(const bl__call *call, const bl__entropy_block *b, int64_t r)
{
    const bl__entropy_plan *plan = b->plan;
    const bl__linear_cross_entropy_attributes *attributes = call->attributes;
    const bl__entropy_row *row = &b->rows[r];
    int64_t width = plan->width;
    double smoothing = attributes->label_smoothing;
    char *sum = bl__entropy_row_at(plan, call->outputs[BL__ENTROPY_DX], row->place);
    for (int64_t part = 0; part < plan->parts; part++) {
        int64_t at = part * plan->block + r;
        (part > 0 ? plan->f->add : plan->f->scale)(width, sum, bl__at(b->dx, plan->bytes, at * width),
                                                   b->pieces[at].factor);
    }
    plan->f->add(width, sum, bl__entropy_row_at(plan, call->inputs[BL__ENTROPY_WEIGHT], row->target),
                 -row->share * (1 - smoothing));
    for (int64_t part = 0; part < plan->parts && plan->smooths; part++)
        plan->f->subtract_wide(width, sum, b->sums + part * width,
                               row->share * smoothing / (double)plan->classes);
}

void bl__entropy_finish(const bl__call *call, const bl__entropy_block *b, int64_t part)
{
    int64_t end = (part + 1) * b->count / b->plan->parts;
    for (int64_t r = part * b->count / b->plan->parts; r < end; r++)
        finish_dx(call, b, r);
}
