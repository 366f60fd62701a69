/* Private. What a set of instructions has for products of one dtype that take A as it lies and B from panels:
 * so many columns, each step of k side by side. */
#ifndef BOWLINE_CPU_PANELS_H
#define BOWLINE_CPU_PANELS_H

#include "cpu/direct_product.h"

typedef struct bl__panels {
    int64_t columns; /* of a panel, which takes `lanes` at a time: a narrower one has whole vectors too */
    int64_t lanes;
    int64_t depth;  /* at most, of a panel, so that it stays in the cache */
    bool any_steps; /* fast for any A; else for one of rows of neighbours that do not meet in the cache */
    /* Copies `depth` rows and `columns` columns of B into a panel; columns beyond are 0. */
    void (*pack)(int64_t depth, int64_t columns, const void *b, bl__steps steps, void *panel);
    bl__direct_product *multiply;
} bl__panels;

#endif
