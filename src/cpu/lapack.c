/* The one door to LAPACK. */
#include "cpu/lapack.h"
#include "ops/keys.h"

#include <stddef.h>

#if BL__LAPACK

/* As gfortran calls them: everything by reference, the lengths of strings at the end. */
void spotrf_(const char *triangle, const int32_t *n, float *a, const int32_t *stride, int32_t *info,
             size_t length);
void dpotrf_(const char *triangle, const int32_t *n, double *a, const int32_t *stride, int32_t *info,
             size_t length);
void sgetrf_(const int32_t *m, const int32_t *n, float *a, const int32_t *stride, int32_t *pivots,
             int32_t *info);
void dgetrf_(const int32_t *m, const int32_t *n, double *a, const int32_t *stride, int32_t *pivots,
             int32_t *info);
void xerbla_(const char *routine, const int32_t *argument, size_t length);

/* What LAPACK and BLIS call for an argument that is wrong, which none is here. Theirs print and end the
 * process, and LAPACK's would bring Fortran's library with it; this one takes their place, unless the program
 * that is linked with the static library has one of its own. */
__attribute__((weak)) void xerbla_(const char *routine, const int32_t *argument, size_t length)
{
    (void)routine;
    (void)argument;
    (void)length;
}

/* The upper triangle column by column is the lower one row by row. */
#define FACTORIZATIONS(name, type, potrf, getrf)                       \
    int64_t bl__potrf_##name(int64_t n, type *a)                       \
    {                                                                  \
        const int32_t size = (int32_t)n, stride = size > 0 ? size : 1; \
        int32_t info = 0;                                              \
        potrf("U", &size, a, &stride, &info, 1);                       \
        return info;                                                   \
    }                                                                  \
                                                                       \
    int64_t bl__getrf_##name(int64_t n, type *a, int32_t *pivots)      \
    {                                                                  \
        const int32_t size = (int32_t)n, stride = size > 0 ? size : 1; \
        int32_t info = 0;                                              \
        getrf(&size, &size, a, &stride, pivots, &info);                \
        return info;                                                   \
    }

FACTORIZATIONS(f32, float, spotrf_, sgetrf_)
FACTORIZATIONS(f64, double, dpotrf_, dgetrf_)

#endif
