/* What embeddings say of words: how alike two of them order their pairs, and which words are near. */
#ifndef LANGUAGE_MODEL_EMBEDDINGS_H
#define LANGUAGE_MODEL_EMBEDDINGS_H

#include <stdbool.h>
#include <stdint.h>

/* Spearman's rank correlation of two lists: Pearson's correlation of their ranks, of equal values the mean of
 * theirs. NaN for lists of less than two values, or where one is all equal. Returns false without memory. */
bool spearman(const float *a, const float *b, int64_t count, double *rho);

/* The cosine of each pair of rows, (0,1), (0,2), .., (1,2), ..: rows (rows - 1) / 2 of them. A row of zeros
 * has the cosine 0 with any. Returns false without memory. */
bool pairwise_cosines(const float *weight, int64_t rows, int64_t width, float *cosines);

/* Spearman's correlation of the pairwise cosines of two embeddings, which may differ in width, of the same
 * tokens: how alike they find words. Returns false without memory. */
bool similarity(const float *a, int64_t a_width, const float *b, int64_t b_width, int64_t rows, double *rho);

/* The rows whose cosine with a row is largest, the largest first, without the row itself and without the rows
 * before `first`. Returns how many there are: `count`, or fewer where there are fewer rows. */
int64_t neighbours(const float *weight, int64_t rows, int64_t width, int64_t row, int64_t first,
                   int64_t count, int32_t *found, float *cosines);

#endif
