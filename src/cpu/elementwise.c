/* The driver of single element-wise ops: brings inputs of any strides to tile functions, which want
 * contiguous elements. The plan says how each input gets there; where all are contiguous, a run is one call.
 */
#include "cpu/kernels.h"
#include "cpu/loop.h"

/* A row shorter than this is gathered together with its neighbours into one tile. */
#define SHORT_ROW ((int64_t)32)

enum source {
    DIRECT,   /* contiguous over the whole index space: a pointer into it */
    ROWS,     /* rows of unit stride, long enough to be tiles: a pointer to each */
    SCALAR,   /* one element everywhere: filled into a buffer once */
    REPEATED, /* short rows, all the same: gathered into a buffer once */
    GATHERED  /* anything else: gathered for every tile */
};

/* How the inputs get there. Where all are DIRECT there is no plan: a run is one call of the tile function. */
struct plan {
    bl__tile tile;
    bl__loop loop;         /* over the inputs; the output is contiguous over it */
    bool gathers;          /* some are GATHERED */
    int64_t rows_per_tile; /* > 1 where rows are short */
    int64_t most;          /* elements of a tile: the row's, or at most BL__TILE where there are buffers */
    size_t output_bytes;   /* of an element, as below */
    size_t bytes[BL__TILE_INPUTS];
    enum source source[BL__TILE_INPUTS];
};

struct buffers {
    _Alignas(64) unsigned char input[BL__TILE_INPUTS][BL__TILE * BL__ELEMENT];
};

/* ---- prepare ---- */

static enum source classify(const bl__loop *loop, int k)
{
    bool direct = true, scalar = true, repeated = true;
    int64_t contiguous = 1;
    for (int d = loop->rank - 1; d >= 0; d--) {
        direct = direct && loop->stride[k][d] == contiguous;
        scalar = scalar && loop->stride[k][d] == 0;
        repeated = repeated && (d == loop->rank - 1 || loop->stride[k][d] == 0);
        contiguous *= loop->size[d];
    }
    if (direct)
        return DIRECT;
    if (scalar)
        return SCALAR;
    if (bl__loop_row(loop) < SHORT_ROW)
        return repeated ? REPEATED : GATHERED;
    return bl__loop_step(loop, k) == 1 ? ROWS : GATHERED;
}

static bl_status prepare(bl__call *call, bl__arena *arena, int key)
{
    const bl__operand *output = call->outputs[0];
    int inputs = (int)call->input_count;
    bl_dtype dtype = call->inputs[inputs - 1]->dtype;
    bl__tile tile = bl__tile_find(key, dtype, output->dtype);
    if (!tile || inputs > BL__TILE_INPUTS)
        return bl__kernel_fail(call, BL_ERR_DTYPE, "no kernel for %s", bl_dtype_name(dtype));
    struct plan made, *plan = &made;
    plan->tile = tile;
    plan->output_bytes = bl_dtype_size(output->dtype);
    bl__loop_init(&plan->loop, inputs);
    for (int d = 0; d < output->rank; d++) {
        int64_t strides[BL__TILE_INPUTS] = {0};
        for (int k = 0; k < inputs; k++)
            strides[k] = bl__broadcast_stride(call->inputs[k], output->rank, d, output->size[d]);
        bl__loop_push(&plan->loop, output->size[d], strides);
    }
    bool whole = true, buffered = false;
    int64_t row = bl__loop_row(&plan->loop);
    plan->gathers = false;
    for (int k = 0; k < inputs; k++) {
        plan->bytes[k] = bl_dtype_size(call->inputs[k]->dtype);
        plan->source[k] = classify(&plan->loop, k);
        whole = whole && plan->source[k] == DIRECT;
        plan->gathers = plan->gathers || plan->source[k] == GATHERED;
        buffered = buffered || plan->source[k] >= SCALAR;
    }
    plan->rows_per_tile = row > 0 && row < SHORT_ROW ? BL__TILE / row : 1;
    plan->most = buffered && row > BL__TILE ? BL__TILE : row;
    call->plan = whole ? NULL : bl__arena_take(arena, sizeof(made));
    if (call->plan)
        memcpy(call->plan, &made, sizeof(made));
    return whole || call->plan ? BL_OK : BL_ERR_MEMORY;
}

/* ---- run ---- */

/* Brings row elements first .. first + n - 1 of the row at `place` into a buffer, from element `start` on. */
static void gather(const struct plan *plan, const bl__call *call, int k, const bl__place *place,
                   int64_t first, int64_t n, unsigned char *buffer, int64_t start)
{
    int64_t step = bl__loop_step(&plan->loop, k);
    const char *from = bl__at_const(call->inputs[k]->data, plan->bytes[k], place->offset[k] + step * first);
    bl__copy_elements(plan->bytes[k], n, bl__at(buffer, plan->bytes[k], start), 1, from, step);
}

/* Fills what stays the same over the whole run: one element or one row, then what is there again and again.
 */
static void fill(const struct plan *plan, const bl__call *call, struct buffers *buffers)
{
    static const bl__place origin = {{0}, {0}};
    int64_t row = bl__loop_row(&plan->loop);
    int64_t n = plan->loop.count < BL__TILE ? plan->loop.count : BL__TILE;
    for (int k = 0; k < plan->loop.operands; k++) {
        if (plan->source[k] == SCALAR)
            bl__copy_elements(plan->bytes[k], n, buffers->input[k], 1, call->inputs[k]->data, 0);
        if (plan->source[k] != REPEATED)
            continue;
        gather(plan, call, k, &origin, 0, row, buffers->input[k], 0);
        for (int64_t done = row, all = n / row * row, more; done < all; done += more) {
            more = done <= all - done ? done : all - done;
            bl__copy_elements(plan->bytes[k], more, bl__at(buffers->input[k], plan->bytes[k], done), 1,
                              buffers->input[k], 1);
        }
    }
}

/* Calls the tile function on n elements that begin with element `done` of the output; `row` is where they
 * begin in the row at `place`, whose GATHERED inputs are in their buffers already. */
static void run_tile(const struct plan *plan, const bl__call *call, const bl__place *place, int64_t row,
                     int64_t done, int64_t n, const struct buffers *buffers)
{
    const void *in[BL__TILE_INPUTS];
    for (int k = 0; k < plan->loop.operands; k++) {
        const void *data = call->inputs[k]->data;
        if (plan->source[k] == DIRECT)
            in[k] = bl__at_const(data, plan->bytes[k], done);
        else if (plan->source[k] == ROWS)
            in[k] = bl__at_const(data, plan->bytes[k], place->offset[k] + row);
        else
            in[k] = buffers->input[k];
    }
    plan->tile(n, bl__at(call->outputs[0]->data, plan->output_bytes, done), in, call->attributes);
}

/* Tiles of whole rows. */
static void run_short_rows(const struct plan *plan, const bl__call *call, struct buffers *buffers)
{
    int64_t row = bl__loop_row(&plan->loop), most = plan->rows_per_tile * row;
    bl__place place = {{0}, {0}};
    for (int64_t done = 0, n; done < plan->loop.count; done += n) {
        n = plan->loop.count - done < most ? plan->loop.count - done : most;
        for (int64_t start = 0; plan->gathers && start < n; start += row) {
            for (int k = 0; k < plan->loop.operands; k++)
                if (plan->source[k] == GATHERED)
                    gather(plan, call, k, &place, 0, row, buffers->input[k], start);
            bl__loop_next(&plan->loop, &place);
        }
        run_tile(plan, call, &place, 0, done, n, buffers);
    }
}

/* Tiles that end where a row ends. */
static void run_long_rows(const struct plan *plan, const bl__call *call, struct buffers *buffers)
{
    int64_t row = bl__loop_row(&plan->loop), done = 0;
    bl__place place = {{0}, {0}};
    do {
        for (int64_t first = 0; first < row; first += plan->most) {
            int64_t n = row - first < plan->most ? row - first : plan->most;
            for (int k = 0; k < plan->loop.operands; k++)
                if (plan->source[k] == GATHERED)
                    gather(plan, call, k, &place, first, n, buffers->input[k], 0);
            run_tile(plan, call, &place, first, done + first, n, buffers);
        }
        done += row;
    } while (bl__loop_next(&plan->loop, &place));
}

static void run_buffered(const struct plan *plan, const bl__call *call)
{
    struct buffers buffers;
    if (plan->loop.count == 0)
        return;
    fill(plan, call, &buffers);
    (plan->rows_per_tile > 1 ? run_short_rows : run_long_rows)(plan, call, &buffers);
}

static bl_status run(const bl__call *call, bl__tile tile)
{
    if (call->plan) {
        run_buffered(call->plan, call);
        return BL_OK;
    }
    const void *in[BL__TILE_INPUTS] = {NULL};
    for (uint32_t k = 0; k < call->input_count; k++)
        in[k] = call->inputs[k]->data;
    tile(call->outputs[0]->count, call->outputs[0]->data, in, call->attributes);
    return BL_OK;
}

static uint8_t last_dtype(const bl__call *call)
{
    return call->inputs[call->input_count - 1]->dtype;
}

/* A row an op: they differ in the key and in the tile functions it stands for. */
#define KERNEL(op, find_tile)                                                              \
    static bl_status prepare_##op(bl__call *call, bl__arena *arena, size_t *scratch_bytes) \
    {                                                                                      \
        *scratch_bytes = 0;                                                                \
        return prepare(call, arena, BL__KEY_##op);                                         \
    }                                                                                      \
    static bl_status run_##op(const bl__call *call)                                        \
    {                                                                                      \
        return run(call, find_tile);                                                       \
    }                                                                                      \
    const bl__kernel bl__kernel_##op = {BL__STRIDED | BL__IN_PLACE, prepare_##op, run_##op};
#define TILED_KERNEL(op) KERNEL(op, bl__tiles_##op[last_dtype(call)])
BL__TILED_OPS(TILED_KERNEL)
KERNEL(cast, bl__tiles_cast[last_dtype(call)][call->outputs[0]->dtype])
