/* Matrix products by BLIS: panels of A and B are packed, and its micro-kernel computes a small tile of C from
 * a panel of each.
 *
 * The sum over k goes block after block of fixed size, and within one as the micro-kernel adds; so an
 * element's bits depend on its row of A and its column of B, and neither on how C is cut into parts nor on
 * who computes which. */
#define _POSIX_C_SOURCE 200112L /* BLIS's header names types of pthreads that plain C11 leaves out */

#include "cpu/gemm_ways.h"
#include "cpu/loop.h"
#include "cpu/parallel.h"

#include <blis.h>

enum {
    MOST_ROWS =
        1152, /* of A that are packed at a time, about: with BLOCK_DEPTH columns they fit the second cache */
    MOST_COLUMNS = 2048, /* of B, likewise: they fit the third */
    MOST_DEPTH =
        320, /* columns of A that one block takes: a panel of B of this depth stays in the first cache */
    PART_PANELS = 8,      /* of A, in a part of C */
    PART_COLUMNS = 512,   /* of B, in a part of C, and fewer ... */
    FEW_PARTS = 24,       /* ... where there would be fewer parts than this ... */
    LEAST_PART = 1 << 20, /* ... unless they have fewer multiplications than this */
    PACK_PANELS = 16,     /* in a part of the packing */
    OVERREAD = 256        /* bytes behind a panel that a micro-kernel may load and not use */
};

/* The micro-kernel's ways, and how a product is cut. */
struct cut {
    cntx_t *context;
    int64_t mr, nr;               /* rows and columns of its tile */
    int64_t a_panel, b_panel;     /* elements that a packed panel takes for each k */
    int64_t rows, columns, depth; /* of a block */
    size_t bytes;
    size_t packed_a, packed_b; /* bytes */
};

struct job {
    bl__product product;
    struct cut cut;
    const char *a, *b; /* the block's */
    char *c;
    char *packed_a, *packed_b;
    int64_t row, column; /* where the block begins */
    int64_t rows, columns, depth;
    int64_t part_columns;
    bool add, last, packs_b;
    const bl__gemm_job *asked;
};

static int64_t blocks_of(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit;
}

/* `n` in as many blocks of at most `most` as needed, all about the same, in whole units. */
static int64_t even_block(int64_t n, int64_t most, int64_t unit)
{
    int64_t blocks = blocks_of(n, most);
    return blocks == 0 ? unit : blocks_of(blocks_of(n, blocks), unit) * unit;
}

static size_t aligned(size_t bytes)
{
    return (bytes + BL__ALIGNMENT - 1) / BL__ALIGNMENT * BL__ALIGNMENT;
}

static struct cut cut_of(const bl__product *p)
{
    num_t type = p->f64 ? BLIS_DOUBLE : BLIS_FLOAT;
    cntx_t *context = bli_gks_query_cntx();
    struct cut cut = {.context = context,
                      .mr = bli_cntx_get_blksz_def_dt(type, BLIS_MR, context),
                      .nr = bli_cntx_get_blksz_def_dt(type, BLIS_NR, context),
                      .a_panel = bli_cntx_get_blksz_max_dt(type, BLIS_MR, context),
                      .b_panel = bli_cntx_get_blksz_max_dt(type, BLIS_NR, context),
                      .bytes = p->f64 ? sizeof(double) : sizeof(float)};
    cut.rows = even_block(p->m, MOST_ROWS, cut.mr);
    cut.columns = even_block(p->n, MOST_COLUMNS, cut.nr);
    cut.depth = even_block(p->k, MOST_DEPTH, 1);
    cut.packed_a =
        aligned((size_t)(blocks_of(cut.rows, cut.mr) * cut.a_panel * cut.depth) * cut.bytes + OVERREAD);
    cut.packed_b =
        aligned((size_t)(blocks_of(cut.columns, cut.nr) * cut.b_panel * cut.depth) * cut.bytes + OVERREAD);
    return cut;
}

/* Whether the micro-kernel, which writes rows or columns of C faster, is better off with the product turned
 * over. */
static bool turns(const bl__product *p)
{
    bool rows = bli_cntx_l3_nat_ukr_prefers_rows_dt(p->f64 ? BLIS_DOUBLE : BLIS_FLOAT, BLIS_GEMM_UKR,
                                                    bli_gks_query_cntx());
    return rows ? p->c.column != 1 && p->c.row == 1 : p->c.row != 1 && p->c.column == 1;
}

size_t bl__blis_gemm_scratch(const bl__product *product)
{
    bl__product other = bl__turned_product(product);
    struct cut cut = cut_of(turns(product) ? &other : product);
    return cut.packed_a + cut.packed_b;
}

/* ---- packing ---- */

/* A panel that is not full, for which BLIS has no fast way: `count` rows or columns `across` apart, each of
 * `depth` elements `along` apart, filled up with zeros to `full`. */
#define PACK_REST(name, type)                                                                              \
    static void pack_rest_##name(int64_t count, int64_t full, int64_t depth, int64_t apart, const void *a, \
                                 int64_t across, int64_t along, void *packed)                              \
    {                                                                                                      \
        const type *from = a;                                                                              \
        type *to = packed;                                                                                 \
        for (int64_t k = 0; k < depth; k++, to += apart, from += along) {                                  \
            for (int64_t i = 0; i < count; i++)                                                            \
                to[i] = from[i * across];                                                                  \
            for (int64_t i = count; i < full; i++)                                                         \
                to[i] = 0;                                                                                 \
        }                                                                                                  \
    }

PACK_REST(f32, float)
PACK_REST(f64, double)

/* A panel of `count` rows or columns of `depth` elements, `across` apart, each of elements `along` apart;
 * filled up with zeros to `full`. */
static void pack_panel(const struct job *job, pack_t kind, int64_t count, int64_t full, int64_t apart,
                       const void *from, int64_t across, int64_t along, void *to)
{
    union {
        const void *from;
        void *given;
    } source = {.from = from}; /* BLIS only reads it */
    if (count < full) {
        (job->product.f64 ? pack_rest_f64 : pack_rest_f32)(count, full, job->depth, apart, from, across,
                                                           along, to);
    } else if (job->product.f64) {
        double one = 1;
        bli_dpackm_cxk(BLIS_NO_CONJUGATE, kind, count, full, job->depth, job->depth, &one, source.given,
                       across, along, to, apart, job->cut.context);
    } else {
        float one = 1;
        bli_spackm_cxk(BLIS_NO_CONJUGATE, kind, count, full, job->depth, job->depth, &one, source.given,
                       across, along, to, apart, job->cut.context);
    }
}

static void pack_a(const struct job *job, int64_t panel)
{
    const struct cut *cut = &job->cut;
    int64_t row = panel * cut->mr, left = job->rows - row;
    pack_panel(job, BLIS_PACKED_ROW_PANELS, left < cut->mr ? left : cut->mr, cut->mr, cut->a_panel,
               bl__at_const(job->a, cut->bytes, row * job->product.a.row), job->product.a.row,
               job->product.a.column, bl__at(job->packed_a, cut->bytes, panel * cut->a_panel * job->depth));
}

static char *panel_of_b(const struct job *job, int64_t panel)
{
    return bl__at(job->packed_b, job->cut.bytes, panel * job->cut.b_panel * job->depth);
}

static void pack_b(const struct job *job, int64_t panel, void *to)
{
    const struct cut *cut = &job->cut;
    int64_t column = panel * cut->nr, left = job->columns - column;
    pack_panel(job, BLIS_PACKED_COL_PANELS, left < cut->nr ? left : cut->nr, cut->nr, cut->b_panel,
               bl__at_const(job->b, cut->bytes, column * job->product.b.column), job->product.b.column,
               job->product.b.row, to);
}

/* Whether each panel of B meets one part of A alone: then it is packed where it is used, and need not leave
 * the cache in between. */
static bool is_thin(const struct job *job)
{
    return job->product.m <= PART_PANELS * job->cut.mr;
}

/* Some panels: A's, then B's. */
static void pack(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct job *job = work;
    int64_t a_panels = blocks_of(job->rows, job->cut.mr);
    int64_t panels = a_panels + (job->packs_b ? blocks_of(job->columns, job->cut.nr) : 0), b;
    (void)call;
    (void)worker;
    for (int64_t i = part * PACK_PANELS; i < panels && i < (part + 1) * PACK_PANELS; i++) {
        b = i - a_panels;
        i < a_panels ? pack_a(job, i) : pack_b(job, b, panel_of_b(job, b));
    }
}

/* ---- multiplying ---- */

#define TILES(name, type, kernel_type, blis_type)                                                      \
    /* Panels first .. last-1 of A times one of B. */                                                  \
    static void tiles_##name(const struct job *job, int64_t first, int64_t last, int64_t column,       \
                             char *packed)                                                             \
    {                                                                                                  \
        const struct cut *cut = &job->cut;                                                             \
        union {                                                                                        \
            void_fp pointer;                                                                           \
            kernel_type kernel;                                                                        \
        } found = {bli_cntx_get_l3_nat_ukr_dt(blis_type, BLIS_GEMM_UKR, cut->context)};                \
        type one = 1, rest = job->add ? 1 : 0, *b = (type *)(void *)packed;                            \
        bl__steps steps = job->product.c;                                                              \
        int64_t columns = job->columns - column < cut->nr ? job->columns - column : cut->nr;           \
        for (int64_t p = first; p < last; p++) {                                                       \
            int64_t row = p * cut->mr, rows = job->rows - row < cut->mr ? job->rows - row : cut->mr;   \
            type *c = (type *)(void *)job->c + row * steps.row + column * steps.column;                \
            type *panel = (type *)(void *)job->packed_a + p * cut->a_panel * job->depth;               \
            auxinfo_t next = {                                                                         \
                .a_next = panel + cut->a_panel * job->depth, .b_next = b, .is_a = 1, .is_b = 1};       \
            found.kernel(rows, columns, job->depth, &one, panel, b, &rest, c, steps.row, steps.column, \
                         &next, cut->context);                                                         \
        }                                                                                              \
    }

TILES(f32, float, sgemm_ukr_ft, BLIS_FLOAT)
TILES(f64, double, dgemm_ukr_ft, BLIS_DOUBLE)

/* One part of the block's C: parts go down the rows first, so that the same panels of B serve one after the
 * other. */
static void multiply(const bl__call *call, const void *work, int64_t part, int worker)
{
    const struct job *job = work;
    (void)call;
    int64_t panels = blocks_of(job->rows, job->cut.mr), down = blocks_of(panels, PART_PANELS);
    int64_t first = part % down * PART_PANELS,
            last = first + PART_PANELS < panels ? first + PART_PANELS : panels;
    int64_t column = part / down * job->part_columns, end = column + job->part_columns;
    end = end < job->columns ? end : job->columns;
    int64_t panel = column / job->cut.nr;
    char *b = panel_of_b(job, panel);
    for (int64_t at = column; at < end; at += job->cut.nr, panel++) {
        if (is_thin(job))
            pack_b(job, panel, b); /* each in the place of the part's first one */
        else
            b = panel_of_b(job, panel);
        (job->product.f64 ? tiles_f64 : tiles_f32)(job, first, last, at, b);
    }
    if (!job->asked->done || !job->last)
        return;
    int64_t row = first * job->cut.mr, below = last * job->cut.mr;
    int64_t rows = (below < job->rows ? below : job->rows) - row;
    bl__gemm_tell(job->asked, job->row + row, rows, job->column + column, end - column, worker);
}

/* As many columns as keep the number of parts up, where that leaves them enough to do. */
static int64_t part_columns(const struct job *job)
{
    int64_t down = blocks_of(blocks_of(job->rows, job->cut.mr), PART_PANELS), columns = PART_COLUMNS;
    int64_t rows = job->rows < PART_PANELS * job->cut.mr ? job->rows : PART_PANELS * job->cut.mr;
    while (columns >= 4 * job->cut.nr && down * blocks_of(job->columns, columns) < FEW_PARTS &&
           rows * columns * job->depth > 2 * LEAST_PART)
        columns /= 2;
    return blocks_of(columns, job->cut.nr) * job->cut.nr;
}

/* One block of A times one of B: packed, of B once for all rows, and multiplied. */
static void do_block(const bl__call *call, bool pays, const struct job *job)
{
    int64_t a_panels = blocks_of(job->rows, job->cut.mr), b_panels = blocks_of(job->columns, job->cut.nr);
    int64_t packed = a_panels + (job->packs_b ? b_panels : 0);
    bl__parallel(call, pays, blocks_of(packed, PACK_PANELS), pack, job);
    bl__parallel(call, pays, blocks_of(a_panels, PART_PANELS) * blocks_of(job->columns, job->part_columns),
                 multiply, job);
}

/* All rows by one block of columns. */
static void do_columns(const bl__call *call, bool pays, struct job *job, const char *a, const char *b,
                       char *c)
{
    const bl__product *p = &job->product;
    size_t bytes = job->cut.bytes;
    for (int64_t at = 0; at < p->k; at += job->cut.depth) {
        job->depth = p->k - at < job->cut.depth ? p->k - at : job->cut.depth;
        job->add = p->add || at > 0;
        job->last = at + job->depth == p->k;
        job->b = bl__at_const(b, bytes, at * p->b.row + job->column * p->b.column);
        job->packs_b = !is_thin(job);
        for (job->row = 0; job->row < p->m; job->row += job->cut.rows) {
            job->rows = p->m - job->row < job->cut.rows ? p->m - job->row : job->cut.rows;
            job->a = bl__at_const(a, bytes, job->row * p->a.row + at * p->a.column);
            job->c = bl__at(c, bytes, job->row * p->c.row + job->column * p->c.column);
            job->part_columns = part_columns(job);
            do_block(call, pays, job);
            job->packs_b = false;
        }
    }
}

void bl__blis_gemm(const bl__gemm_job *asked)
{
    bl__gemm_job turned = *asked;
    if (turns(&asked->product)) {
        turned.product = bl__turned_product(&asked->product);
        turned.turned = !asked->turned;
        turned.a = asked->b;
        turned.b = asked->a;
    }
    struct job job = {.product = turned.product, .asked = &turned, .cut = cut_of(&turned.product)};
    job.packed_a = asked->scratch;
    job.packed_b = job.packed_a + job.cut.packed_a;
    for (job.column = 0; job.column < job.product.n; job.column += job.cut.columns) {
        int64_t left = job.product.n - job.column;
        job.columns = left < job.cut.columns ? left : job.cut.columns;
        do_columns(asked->call, asked->pays, &job, turned.a, turned.b, asked->c);
    }
}
