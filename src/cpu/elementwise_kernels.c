/* The kernels of single element-wise ops: the driver with their tile functions. */
#include "cpu/elementwise.h"
#include "cpu/of_set.h"

static uint8_t last_dtype(const bl__call *call)
{
    return call->inputs[call->input_count - 1]->dtype;
}

/* A row an op: they differ in the tile function, an expression of the call. */
#define KERNEL(op, tile)                                                                   \
    static bl_status prepare_##op(bl__call *call, bl__arena *arena, size_t *scratch_bytes) \
    {                                                                                      \
        return bl__elementwise_prepare(call, arena, scratch_bytes, tile);                  \
    }                                                                                      \
    static bl_status run_##op(const bl__call *call)                                        \
    {                                                                                      \
        return bl__elementwise_run(call, tile);                                            \
    }                                                                                      \
    const bl__kernel BL__KERNEL(op) = {BL__STRIDED | BL__IN_PLACE, prepare_##op, run_##op, bl__flops_output};
#define TILED_KERNEL(op) KERNEL(op, BL__TILES(op)[last_dtype(call)])
BL__TILED_OPS(TILED_KERNEL)
KERNEL(cast, BL__CAST_TILES[last_dtype(call)][call->outputs[0]->dtype])
