/* Matrix products whose B is packed, panel by panel, by the thread that uses the panel next; A is read as it
 * lies, each element once for a panel.
 *
 * A part is a panel of columns by some rows. Parts go down the rows first, and a worker keeps the panel that
 * it packed last, so that panels are seldom packed twice by one. The sum over k goes block after block of
 * fixed size, each in ascending order: an element's bits depend on its row of A and its column of B, and
 * neither on how C is cut into parts nor on who computes which. */
#include "cpu/gemm_ways.h"
#include "cpu/loop.h"
#include "cpu/parallel.h"

enum {
    ROW_UNIT = 12,        /* rows that a product takes at once, or twice as many as it does */
    PART_ROWS = 96,       /* at least, unless there are fewer ... */
    LEAST_PART = 1 << 20, /* ... or multiplications ... */
    FEW_PARTS = 32,       /* ... where there would be fewer parts than this */
    DONE_ROWS = 96,       /* that a caller is told of at once: they are in the cache */
    FEW_ROWS = 24         /* for which rows of B are not worth packing */
};

/* What a worker keeps in front of its panel. */
struct slot {
    int64_t panel, at; /* the panel's number and where in k it begins; -1 before there is one */
};

struct cut {
    const bl__gemm_job *job;
    const bl__panels *panels;
    int64_t depth; /* of a block */
    int64_t rows;  /* of a part */
    int64_t down;  /* parts in a panel */
    int64_t across;
    size_t bytes; /* of an element */
    bool packs;
};

static int64_t blocks_of(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit;
}

static int64_t round_up(int64_t n, int64_t unit)
{
    return blocks_of(n, unit) * unit;
}

/* Rows of a part, so that there are enough parts and each has enough to do. */
static int64_t part_rows(const bl__product *p, int64_t width, int64_t panels)
{
    double each = (double)p->m * (double)width * (double)p->k / LEAST_PART; /* in a panel, by work */
    int64_t down = blocks_of(FEW_PARTS, panels), most = p->m / PART_ROWS;
    down = (double)down > each ? (int64_t)each : down;
    down = down > most ? most : down;
    return down < 2 ? p->m : round_up(blocks_of(p->m, down), ROW_UNIT);
}

static bool packs(const bl__product *p)
{
    return p->m > FEW_ROWS || p->b.column != 1;
}

static struct cut cut_of(const bl__panels *panels, const bl__product *p)
{
    int64_t blocks = blocks_of(p->k, panels->depth), across = blocks_of(p->n, panels->columns);
    struct cut cut = {.panels = panels,
                      .depth = blocks_of(p->k, blocks < 1 ? 1 : blocks),
                      .across = across < 1 ? 1 : across,
                      .bytes = p->f64 ? sizeof(double) : sizeof(float),
                      .packs = packs(p)};
    cut.rows = part_rows(p, p->n < panels->columns ? p->n : panels->columns, cut.across);
    cut.down = blocks_of(p->m, cut.rows < 1 ? 1 : cut.rows);
    return cut;
}

size_t bl__panel_gemm_scratch(const bl__panels *panels, const bl__product *product)
{
    struct cut cut = cut_of(panels, product);
    int64_t columns = product->n < panels->columns ? round_up(product->n, panels->lanes) : panels->columns;
    size_t bytes = (size_t)(columns * cut.depth) * cut.bytes;
    return (bytes + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT + BL__ALIGNMENT;
}

static struct slot *slot_of(const bl__gemm_job *job, int worker)
{
    return (struct slot *)(void *)((char *)job->scratch + (size_t)worker * job->step);
}

/* Rows row .. row+rows-1 of a block of k by a panel, or what there is in its place. */
static void multiply_rows(const struct cut *cut, const bl__product *block, const char *a, const void *b,
                          char *c, int64_t row, int64_t rows)
{
    bl__product some = *block;
    some.m = rows;
    cut->panels->multiply(&some, bl__at_const(a, cut->bytes, row * some.a.row), b,
                          bl__at(c, cut->bytes, row * some.c.row));
}

/* The panel of this worker, with those columns of a block of k that begin at b. */
static void *panel_with(const struct cut *cut, int64_t number, int64_t at, const bl__product *block,
                        const void *b, int worker)
{
    struct slot *slot = slot_of(cut->job, worker);
    char *panel = (char *)slot + BL__ALIGNMENT;
    if (slot->panel != number || slot->at != at)
        cut->panels->pack(block->k, block->n, b, block->b, panel);
    *slot = (struct slot){number, at};
    return panel;
}

static void multiply_part(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct cut *cut = work;
    const bl__gemm_job *job = cut->job;
    const bl__product *p = &job->product;
    int64_t panel = part / cut->down, column = panel * cut->panels->columns, left = p->n - column;
    int64_t first = part % cut->down * cut->rows, end = first + cut->rows < p->m ? first + cut->rows : p->m;
    bl__product block = *p;
    char *c = bl__at(job->c, cut->bytes, column);
    (void)call;
    block.n = left < cut->panels->columns ? left : cut->panels->columns;
    for (int64_t at = 0; at < p->k; at += cut->depth) {
        const char *a = bl__at_const(job->a, cut->bytes, at * p->a.column);
        const void *b = bl__at_const(job->b, cut->bytes, at * p->b.row + column * p->b.column);
        bool last = at + cut->depth >= p->k;
        block.k = last ? p->k - at : cut->depth;
        block.b = p->b;
        block.add = p->add || at > 0;
        if (cut->packs) {
            b = panel_with(cut, panel, at, &block, b, worker);
            block.b = bl__row_steps(round_up(block.n, cut->panels->lanes));
        }
        int64_t step = last && job->done ? DONE_ROWS : cut->rows;
        for (int64_t row = first; row < end; row += step) {
            int64_t rows = end - row < step ? end - row : step;
            multiply_rows(cut, &block, a, b, c, row, rows);
            if (last && job->done)
                bl__gemm_tell(job, row, rows, column, block.n, worker);
        }
    }
}

void bl__panel_gemm(const bl__panels *panels, const bl__gemm_job *job)
{
    struct cut cut = cut_of(panels, &job->product);
    int workers = job->pays ? job->call->environment->threads : 1;
    cut.job = job;
    for (int i = 0; i < workers && cut.packs; i++)
        slot_of(job, i)->panel = -1;
    bl__parallel(job->call, job->pays, cut.down * cut.across, multiply_part, &cut);
}
