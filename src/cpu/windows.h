/* Private. The windows that an axis is cut into by pools and interpolation (bl__window_attributes). */
#ifndef BOWLINE_CPU_WINDOWS_H
#define BOWLINE_CPU_WINDOWS_H

#include "graph/memory.h"
#include "ops/attributes.h"

/* Elements start, start + step, .. of an axis: `count` of them. */
typedef struct bl__window {
    int64_t start, count;
} bl__window;

/* One axis multiplied by a sparse matrix of `rows` rows: row i is a window of neighbours, whose element t has
 * the weight weights[first[i] + t * step]. */
typedef struct bl__weighted_axis {
    int64_t size, rows;
    const bl__window *window;
    const int64_t *first;
    const double *weights;
    int64_t step;
} bl__weighted_axis;

/* Window `i` on axis d: of POOL (whose step is the dilation), ADAPTIVE or NEAREST. */
bl__window bl__window_at(const bl__window_attributes *attributes, int d, int64_t i);

/* The matrix of axis d from `in` to `out` places; false without memory. */
bool bl__weigh_axis(bl__arena *arena, const bl__window_attributes *attributes, int d,
                    bl__weighted_axis *axis);

/* The transposed matrix, whose rows are windows as well: windows begin and end in the order of their places.
 */
bool bl__weigh_axis_transposed(bl__arena *arena, const bl__window_attributes *attributes, int d,
                               bl__weighted_axis *axis);

#endif
