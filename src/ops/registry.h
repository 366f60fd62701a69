/* Private. The library's ops: an entry each, and the table of all of them. */
#ifndef BOWLINE_OPS_REGISTRY_H
#define BOWLINE_OPS_REGISTRY_H

#include "bowline/op.h"
#include "ops/keys.h"

#define BL__DECLARE_OP(name) extern const bl_op bl__op_##name;
BL__OPS(BL__DECLARE_OP)
#undef BL__DECLARE_OP

enum {
    BL__OP_COUNT = BL__KEY_COPY - 1
};

/* In the order of the keys, the first of which is 1. */
extern const bl_op *const bl__ops[BL__OP_COUNT];

#endif
