/* The windows that an axis is cut into by pools and interpolation, and their weights.
 *
 * The elements of a pool's window weigh the same, so one number a window is enough, however many elements it
 * has; in the transposed matrix they are the numbers of the windows that an element lies in. */
#include "cpu/windows.h"

#include <math.h>

static int64_t at_most(int64_t n, int64_t most)
{
    return n < most ? n : most;
}

/* ---- windows ---- */

static bl__window pool_window(const bl__window_attributes *attributes, int d, int64_t i)
{
    int64_t dilation = attributes->dilation[d], begin = i * attributes->stride[d] - attributes->padding[d];
    int64_t skipped = begin < 0 ? (-begin - 1) / dilation + 1 : 0, start = begin + skipped * dilation;
    int64_t inside = start < attributes->in[d] ? (attributes->in[d] - start - 1) / dilation + 1 : 0;
    int64_t left = attributes->kernel[d] - skipped;
    return (bl__window){start, left > 0 ? at_most(left, inside) : 0};
}

/* i in / out with i <= out, in parts whose products do not overflow. */
static int64_t scaled(int64_t i, int64_t in, int64_t out, int64_t *rest)
{
    int64_t part = in % out * i;
    *rest = part % out;
    return in / out * i + part / out;
}

static bl__window adaptive_window(int64_t in, int64_t out, int64_t i)
{
    int64_t rest, start = scaled(i, in, out, &rest), stop = scaled(i + 1, in, out, &rest) + (rest > 0);
    return (bl__window){start, stop - start};
}

/* PyTorch's rule, in f32 as there. */
static bl__window nearest_window(int64_t in, int64_t out, int64_t i)
{
    float scale = (float)in / (float)out;
    int64_t start = in == out ? i : (int64_t)floorf((float)i * scale);
    return (bl__window){at_most(start, in - 1), 1};
}

bl__window bl__window_at(const bl__window_attributes *attributes, int d, int64_t i)
{
    int64_t in = attributes->in[d], out = attributes->out[d];
    switch (attributes->method) {
    case BL__WINDOW_POOL:
        return pool_window(attributes, d, i);
    case BL__WINDOW_ADAPTIVE:
        return adaptive_window(in, out, i);
    default:
        return nearest_window(in, out, i);
    }
}

/* The weight of every element of window `i`. */
static double weight_at(const bl__window_attributes *attributes, int d, int64_t i, int64_t count)
{
    if (attributes->method == BL__WINDOW_NEAREST)
        return 1;
    if (attributes->method == BL__WINDOW_POOL && attributes->divisor != 0)
        return d == 0 ? 1 / (double)attributes->divisor : 1; /* of all axes together */
    if (attributes->method == BL__WINDOW_POOL && attributes->count_padding) {
        int64_t begin = i * attributes->stride[d] - attributes->padding[d];
        count = at_most(begin + attributes->kernel[d], attributes->in[d] + attributes->padding[d]) - begin;
    }
    return 1 / (double)count;
}

/* ---- interpolation ---- */

enum {
    MOST_TAPS = 4
};

/* Where place i of `out` lies on the axis. */
static double source_place(const bl__window_attributes *attributes, int d, int64_t i)
{
    double in = (double)attributes->in[d], out = (double)attributes->out[d];
    if (attributes->align_corners)
        return out > 1 ? (in - 1) / (out - 1) * (double)i : 0;
    return in / out * ((double)i + 0.5) - 0.5;
}

static bl__window linear_window(const bl__window_attributes *attributes, int d, int64_t i, double *weights)
{
    int64_t last = attributes->in[d] - 1;
    double place = fmax(source_place(attributes, d, i), 0);
    int64_t start = at_most((int64_t)place, last);
    double part = place - (double)start;
    bool alone = start == last || part == 0;
    weights[0] = alone ? 1 : 1 - part;
    weights[1] = part;
    return (bl__window){start, alone ? 1 : 2};
}

/* Keys' kernel with a = -3/4 at a distance of t in 0..2. */
static double cubic(double t)
{
    const double a = -0.75;
    return t <= 1 ? ((a + 2) * t - (a + 3)) * t * t + 1 : ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
}

/* What lies beyond an end weighs on the outermost element. */
static bl__window cubic_window(const bl__window_attributes *attributes, int d, int64_t i, double *weights)
{
    int64_t last = attributes->in[d] - 1;
    double place = source_place(attributes, d, i), floored = floor(place), part = place - floored;
    const double taps[MOST_TAPS] = {cubic(part + 1), cubic(part), cubic(1 - part), cubic(2 - part)};
    int64_t begin = (int64_t)floored - 1, start = at_most(begin > 0 ? begin : 0, last), count = 0;
    for (int t = 0; t < MOST_TAPS; t++) {
        int64_t index = at_most(begin + t > 0 ? begin + t : 0, last) - start;
        for (; count <= index; count++)
            weights[count] = 0;
        weights[index] += taps[t];
    }
    return (bl__window){start, count};
}

/* ---- matrices ---- */

#define MOST_ROWS (INT64_MAX / 64) /* their bytes can be counted; there is no memory for as many */

static bool is_interpolated(const bl__window_attributes *attributes)
{
    return attributes->method == BL__WINDOW_LINEAR || attributes->method == BL__WINDOW_CUBIC;
}

static bool take_rows(bl__arena *arena, int64_t size, int64_t rows, bl__weighted_axis *axis,
                      bl__window **window, int64_t **first)
{
    if (rows > MOST_ROWS)
        return false;
    *window = bl__arena_take(arena, (size_t)rows * sizeof(**window));
    *first = bl__arena_take(arena, (size_t)rows * sizeof(**first));
    *axis = (bl__weighted_axis){.size = size, .rows = rows, .window = *window, .first = *first};
    return *window && *first;
}

bool bl__weigh_axis(bl__arena *arena, const bl__window_attributes *attributes, int d, bl__weighted_axis *axis)
{
    int64_t rows = attributes->out[d], *first;
    bool interpolated = is_interpolated(attributes);
    size_t taps = interpolated ? MOST_TAPS : 1;
    bl__window *window;
    if (!take_rows(arena, attributes->in[d], rows, axis, &window, &first))
        return false;
    double *weights = bl__arena_take(arena, (size_t)rows * taps * sizeof(*weights));
    if (!weights)
        return false;
    for (int64_t i = 0; i < rows; i++) {
        first[i] = i * (int64_t)taps;
        if (interpolated) {
            window[i] = (attributes->method == BL__WINDOW_LINEAR ? linear_window : cubic_window)(
                attributes, d, i, &weights[first[i]]);
        } else {
            window[i] = bl__window_at(attributes, d, i);
            weights[i] = weight_at(attributes, d, i, window[i].count);
        }
    }
    axis->weights = weights;
    axis->step = interpolated ? 1 : 0;
    return true;
}

/* The windows of `axis` that each of its elements lies in. */
static void find_windows(const bl__weighted_axis *axis, bl__window *window)
{
    for (int64_t i = 0, low = 0, high = 0; i < axis->size; i++) {
        while (high < axis->rows && axis->window[high].start <= i)
            high++;
        while (low < high && axis->window[low].start + axis->window[low].count <= i)
            low++;
        window[i] = (bl__window){low, high - low};
    }
}

/* Weights gathered for each element from the windows that it lies in. */
static double *turn_weights(bl__arena *arena, const bl__weighted_axis *axis, const bl__window *window,
                            int64_t *first)
{
    int64_t count = 0;
    for (int64_t i = 0; i < axis->size; i++) {
        first[i] = count;
        count += window[i].count;
    }
    double *weights = bl__arena_take(arena, (size_t)count * sizeof(*weights));
    for (int64_t i = 0; weights && i < axis->size; i++) {
        for (int64_t t = 0; t < window[i].count; t++) {
            int64_t row = window[i].start + t;
            weights[first[i] + t] = axis->weights[axis->first[row] + i - axis->window[row].start];
        }
    }
    return weights;
}

bool bl__weigh_axis_transposed(bl__arena *arena, const bl__window_attributes *attributes, int d,
                               bl__weighted_axis *axis)
{
    bl__weighted_axis straight;
    bl__window *window;
    int64_t *first;
    if (!bl__weigh_axis(arena, attributes, d, &straight) ||
        !take_rows(arena, straight.rows, straight.size, axis, &window, &first))
        return false;
    find_windows(&straight, window);
    axis->step = 1;
    if (straight.step == 1) {
        axis->weights = turn_weights(arena, &straight, window, first);
        return axis->weights != NULL;
    }
    for (int64_t i = 0; i < straight.size; i++)
        first[i] = window[i].start; /* window number is place of its weight */
    axis->weights = straight.weights;
    return true;
}
