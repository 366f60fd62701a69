/* Chooses how a matrix product is computed (gemm_ways.h): by the set's own kernels where it has them and the
 * product or its transpose writes rows of neighbours. */
#include "cpu/gemm.h"
#include "cpu/gemm_ways.h"
#include "cpu/kernel_set.h"

enum {
    CACHE_WAY = 4096,      /* bytes, of the first cache: a page, on most processors */
    NARROW_BYTES = 1 << 20 /* of A; 3000 x 3000 x 3000 takes a quarter longer by narrow panels */
};

bl__product bl__turned_product(const bl__product *p)
{
    return (bl__product){.m = p->n,
                         .n = p->m,
                         .k = p->k,
                         .a = {p->b.column, p->b.row},
                         .b = {p->a.column, p->a.row},
                         .c = {p->c.column, p->c.row},
                         .f64 = p->f64,
                         .add = p->add};
}

/* Whether the set is better off with the product turned over: C's rows are what lies side by side, or there
 * is but one column, which would be alone in its vector. */
static bool turns(const bl__product *p)
{
    return p->c.row == 1 && (p->c.column != 1 || p->n == 1);
}

/* Whether narrow panels are a good way too. A is read for each: it must stay in the cache, and have rows of
 * neighbours that do not fall into one set of the first cache. */
static bool suits_narrow(const bl__product *p)
{
    const int64_t bytes = p->f64 ? sizeof(double) : sizeof(float);
    return p->a.column == 1 && (p->m <= 2 || p->a.row * bytes % CACHE_WAY != 0) &&
           (double)p->m * (double)p->k * (double)bytes <= NARROW_BYTES;
}

/* The set's way to compute it, and the product for it; NULL: it is BLIS's. */
static const bl__panels *panels_of(const bl__kernel_set *set, const bl__product *p, bl__product *way)
{
    const bl__panels *panels = p->f64 ? set->panels_f64 : set->panels_f32;
    *way = turns(p) ? bl__turned_product(p) : *p;
    return panels && way->c.column == 1 && (panels->any_steps || suits_narrow(way)) ? panels : NULL;
}

size_t bl__gemm_scratch_at_most(const bl__kernel_set *set, const bl__product *product)
{
    const bl__panels *panels = product->f64 ? set->panels_f64 : set->panels_f32;
    bl__product turned = bl__turned_product(product);
    const bl__product *ways[] = {product, &turned};
    size_t most = 0;
    for (int i = 0; i < 2; i++) {
        size_t blis = bl__blis_gemm_scratch(ways[i]),
               own = panels ? bl__panel_gemm_scratch(panels, ways[i]) : 0;
        most = blis > most ? blis : most;
        most = own > most ? own : most;
    }
    return most;
}

size_t bl__gemm_scratch(const bl__kernel_set *set, const bl__product *product, int workers)
{
    bl__product way;
    const bl__panels *panels = panels_of(set, product, &way);
    return panels ? (size_t)workers * bl__panel_gemm_scratch(panels, &way) : bl__blis_gemm_scratch(product);
}

double bl__gemm_nanoseconds(const bl__product *p)
{
    double packed = (double)p->m * (double)p->k + (double)p->k * (double)p->n;
    return (double)p->m * (double)p->n * (double)p->k / (p->f64 ? 15 : 30) + packed / 2;
}

void bl__gemm_tell(const bl__gemm_job *job, int64_t row, int64_t rows, int64_t column, int64_t columns,
                   int worker)
{
    if (job->turned)
        job->done(job->call, job->work, column, columns, row, rows, worker);
    else
        job->done(job->call, job->work, row, rows, column, columns, worker);
}

void bl__gemm_shared(const bl__call *call, bool pays, const bl__product *product, const void *a,
                     const void *b, void *c, void *scratch, size_t step, bl__gemm_done *done,
                     const void *work)
{
    bl__product way;
    const bl__panels *panels = panels_of(call->environment->kernels, product, &way);
    bl__gemm_job job = {call, *product, false, pays, a, b, c, scratch, step, done, work};
    if (!panels) {
        bl__blis_gemm(&job);
        return;
    }
    if (turns(product)) {
        job.turned = true;
        job.a = b;
        job.b = a;
    }
    job.product = way;
    bl__panel_gemm(panels, &job);
}

void bl__gemm(const bl__call *call, const bl__product *product, const void *a, const void *b, void *c,
              void *scratch)
{
    bl__gemm_shared(call, false, product, a, b, c, scratch, 0, NULL, NULL);
}
