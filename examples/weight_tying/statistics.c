/* Medians and the sign test. */
#include "statistics.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *values, size_t count)
{
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof *values, ascending);
    double upper = values[count / 2];
    return count % 2 ? upper : (values[count / 2 - 1] + upper) / 2;
}

/* p = min(1, 2 sum_{i <= k} C(n, i) / 2^n) with n = wins + losses and k the smaller of the two. The terms go
 * below the smallest double long before n = 1000 matters to anybody, so each is scaled by the largest, the
 * one at k: C(n, i) / C(n, k) falls by i / (n - i + 1) from one i to the next lower one. */
double sign_test(int64_t wins, int64_t losses)
{
    double n = (double)wins + (double)losses, k = (double)(wins < losses ? wins : losses);
    double sum = 0, term = 1;
    for (double i = k; i >= 0 && term > sum * 1e-17; i--) {
        sum += term;
        term *= i / (n - i + 1);
    }
    double largest = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) - n * log(2);
    return fmin(1, 2 * exp(largest + log(sum)));
}
