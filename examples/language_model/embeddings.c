/* What embeddings say of words. */
#include "embeddings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct ranked {
    float value;
    int32_t at;
} ranked;

static int by_value(const void *left, const void *right)
{
    float a = ((const ranked *)left)->value, b = ((const ranked *)right)->value;
    return a < b ? -1 : a > b;
}

/* The ranks of values, from 1; equal ones share the mean of theirs. */
static void rank(const float *values, int64_t count, ranked *room, double *ranks)
{
    for (int64_t i = 0; i < count; i++)
        room[i] = (ranked){values[i], (int32_t)i};
    qsort(room, (size_t)count, sizeof *room, by_value);
    for (int64_t i = 0, end = 0; i < count; i = end) {
        while (end < count && !(room[i].value < room[end].value))
            end++;
        for (int64_t j = i; j < end; j++)
            ranks[room[j].at] = 0.5 * (double)(i + 1 + end);
    }
}

/* Ranks have the mean (count + 1) / 2, whatever is equal. */
static double correlation(const double *a, const double *b, int64_t count)
{
    double mean = 0.5 * (double)(count + 1), aa = 0, bb = 0, ab = 0;
    for (int64_t i = 0; i < count; i++) {
        aa += (a[i] - mean) * (a[i] - mean);
        bb += (b[i] - mean) * (b[i] - mean);
        ab += (a[i] - mean) * (b[i] - mean);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

bool spearman(const float *a, const float *b, int64_t count, double *rho)
{
    *rho = NAN;
    if (count < 2)
        return true;
    if (count > INT32_MAX)
        return false;
    ranked *room = malloc((size_t)count * sizeof *room);
    double *ranks = malloc(2 * (size_t)count * sizeof *ranks);
    bool good = room && ranks;
    if (good) {
        rank(a, count, room, ranks);
        rank(b, count, room, ranks + count);
        *rho = correlation(ranks, ranks + count, count);
    }
    free(room);
    free(ranks);
    return good;
}

static double dot(const float *a, const float *b, int64_t width)
{
    double sum = 0;
    for (int64_t i = 0; i < width; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static double cosine(const float *a, double a_length, const float *b, double b_length, int64_t width)
{
    return a_length > 0 && b_length > 0 ? dot(a, b, width) / (a_length * b_length) : 0;
}

bool pairwise_cosines(const float *weight, int64_t rows, int64_t width, float *cosines)
{
    double *lengths = malloc((size_t)(rows > 0 ? rows : 1) * sizeof *lengths);
    if (!lengths)
        return false;
    for (int64_t i = 0; i < rows; i++)
        lengths[i] = sqrt(dot(weight + i * width, weight + i * width, width));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i + 1; j < rows; j++)
            *cosines++ = (float)cosine(weight + i * width, lengths[i], weight + j * width, lengths[j], width);
    free(lengths);
    return true;
}

bool similarity(const float *a, int64_t a_width, const float *b, int64_t b_width, int64_t rows, double *rho)
{
    int64_t pairs = rows * (rows - 1) / 2;
    float *cosines = malloc(2 * (size_t)(pairs > 0 ? pairs : 1) * sizeof *cosines);
    bool good = cosines && pairwise_cosines(a, rows, a_width, cosines) &&
                pairwise_cosines(b, rows, b_width, cosines + pairs) &&
                spearman(cosines, cosines + pairs, pairs, rho);
    free(cosines);
    return good;
}

int64_t neighbours(const float *weight, int64_t rows, int64_t width, int64_t row, int64_t first,
                   int64_t count, int32_t *found, float *cosines)
{
    int64_t kept = 0;
    const float *own = weight + row * width;
    double length = sqrt(dot(own, own, width));
    for (int64_t i = first; i < rows && count > 0; i++) {
        const float *other = weight + i * width;
        float near = (float)cosine(own, length, other, sqrt(dot(other, other, width)), width);
        if (i == row || (kept == count && near <= cosines[kept - 1]))
            continue;
        int64_t at = kept < count ? kept++ : kept - 1;
        for (; at > 0 && cosines[at - 1] < near; at--) {
            cosines[at] = cosines[at - 1];
            found[at] = found[at - 1];
        }
        cosines[at] = near;
        found[at] = (int32_t)i;
    }
    return kept;
}
