/* Private. Kernels for a set of instructions: a program takes all of its kernels from one set. */
#ifndef BOWLINE_CPU_KERNEL_SET_H
#define BOWLINE_CPU_KERNEL_SET_H

#include "bowline/context.h"
#include "cpu/kernel.h"
#include "cpu/tile.h"

struct bl__reducer;
struct bl__attention_rows;
struct bl__small_products;
struct bl__panels;

typedef struct bl__kernel_set {
    bl_instruction_set instructions;
    const bl__kernel *kernels[BL__KEY_COUNT]; /* by op; NULL where all sets share one, or there is none */
    const bl__tile *tiles[BL__KEY_COUNT];     /* by op, then by the dtype of the last input */
    const bl__tile (*casts)[BL_DTYPE_COUNT];  /* from, to */
    const bl__tile *const *compounds;         /* by number (compound.h), then by dtype */
    const struct bl__reducer *const *sums;    /* the reducers of sum, by dtype */
    const struct bl__attention_rows *attention_f32, *attention_f64;
    const struct bl__small_products *small_products_f32, *small_products_f64;
    const struct bl__panels *panels_f32, *panels_f64; /* NULL where products are BLIS's (gemm.h) */
} bl__kernel_set;

/* The set for these instructions, BL_ISA_DEFAULT the best; NULL when this build has none or the processor
 * lacks them. */
const bl__kernel_set *bl__kernel_set_of(bl_instruction_set instructions);

/* Whether this build has kernels for these instructions. */
bool bl__kernel_set_is_built(bl_instruction_set instructions);

/* The row of an op's key (ops/keys.h) on the CPU; NULL when the CPU has no kernel for it. */
const bl__kernel *bl__cpu_kernel(const bl__kernel_set *set, int key);

/* The tile function of an op; NULL when it has none for these dtypes. */
bl__tile bl__tile_find(const bl__kernel_set *set, int key, bl_dtype last_input, bl_dtype output);

#endif
