/* Private. Matrix products as a part of a larger instruction, which may go on with elements of the result
 * while they are in the cache. The calls are those of bl__kernel_matmul and bl__kernel_matmul_add. */
#ifndef BOWLINE_CPU_MATMUL_H
#define BOWLINE_CPU_MATMUL_H

#include "cpu/loop.h"

/* Who goes on. `done` is called with elements that are final, once for each, by the worker that computed
 * them. */
typedef struct bl__matmul_listener {
    void (*done)(const void *work, bl__stretches part, int worker);
    const void *work;
} bl__matmul_listener;

/* Prepares a call; `more` are the nanoseconds that all that the listener does takes on one thread. */
bl_status bl__matmul_prepare(bl__call *call, bl__arena *arena, size_t *scratch_bytes, double more);

/* Has a run add a row to each of the product, of its numbers side by side: true where the product is one that
 * can at no cost (small_product.h). A run finds its data in *row. */
bool bl__matmul_add_row(const bl__call *call, const bl__operand *row);

/* How many workers take part. */
int bl__matmul_workers(const bl__call *call);

/* Computes; `listener` may be NULL. */
void bl__matmul_run(const bl__call *call, const bl__matmul_listener *listener);

#endif
