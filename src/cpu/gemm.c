/* Chooses how a matrix product is computed (gemm_ways.h): by the set's own kernels where it has them and the
 * product or its transpose writes rows of neighbours. */
#include "cpu/gemm.h"
#include "cpu/gemm_ways.h"
#include "cpu/kernel_set.h"

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

/* The set's way to compute it; NULL: it is BLIS's. */
static const bl__panels *panels_of(const bl__kernel_set *set, const bl__product *p)
{
    return p->c.column != 1 && p->c.row != 1 ? NULL : p->f64 ? set->panels_f64 : set->panels_f32;
}

size_t bl__gemm_scratch(const bl__kernel_set *set, const bl__product *product, int workers)
{
    const bl__panels *panels = panels_of(set, product);
    bl__product turned = bl__turned_product(product);
    if (!panels)
        return bl__blis_gemm_scratch(product);
    return (size_t)workers * bl__panel_gemm_scratch(panels, turns(product) ? &turned : product);
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
    const bl__panels *panels = panels_of(call->environment->kernels, product);
    bl__gemm_job job = {call, *product, false, pays, a, b, c, scratch, step, done, work};
    if (panels && turns(product)) {
        job.product = bl__turned_product(product);
        job.turned = true;
        job.a = b;
        job.b = a;
    }
    if (panels)
        bl__panel_gemm(panels, &job);
    else
        bl__blis_gemm(&job);
}

void bl__gemm(const bl__call *call, const bl__product *product, const void *a, const void *b, void *c,
              void *scratch)
{
    bl__gemm_shared(call, false, product, a, b, c, scratch, 0, NULL, NULL);
}
