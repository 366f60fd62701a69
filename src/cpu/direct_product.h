/* Private. Matrix products whose factors are taken as they lie: nothing is packed. That is fastest where a
 * factor is used too few times to be worth it, and B lies in the second cache. */
#ifndef BOWLINE_CPU_DIRECT_PRODUCT_H
#define BOWLINE_CPU_DIRECT_PRODUCT_H

#include "cpu/gemm.h"
#include "cpu/of_set.h"

/* C[m,n] = sum_p A[m,p] B[p,n], or C += A B; the columns of B and C lie side by side. Each element is one sum
 * over p in ascending order, then added to what is there. */
typedef void bl__direct_product(const bl__product *product, const void *a, const void *b, void *c);

#define BL__DIRECT_PRODUCT(type) BL__OF_SET(bl__direct_product_##type)
bl__direct_product BL__DIRECT_PRODUCT(f32), BL__DIRECT_PRODUCT(f64);

#endif
