/* The table of the library's ops. */
#include "ops/registry.h"

const bl_op *const bl__ops[BL__OP_COUNT] = {
#define ENTRY(name) [BL__KEY_##name - 1] = &bl__op_##name,
    BL__OPS(ENTRY)
#undef ENTRY
};
