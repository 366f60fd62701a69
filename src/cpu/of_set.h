/* Private. For the files that are compiled once for each set of instructions (CMakeLists.txt lists them):
 * BL__SET is then plain, sse2, avx2 or avx512, and what a file shares with others carries the set's name at
 * its end. */
#ifndef BOWLINE_CPU_OF_SET_H
#define BOWLINE_CPU_OF_SET_H

#include "cpu/kernels.h"

#define BL__NAME_OF_SET(name, set) name##_##set
#define BL__NAME_IN(name, set)     BL__NAME_OF_SET(name, set)
#define BL__OF_SET(name)           BL__NAME_IN(name, BL__SET)

/* The kernel of an op, and its tile functions: one a dtype, NULL where the op does not take it. */
#define BL__KERNEL(op) BL__OF_SET(bl__kernel_##op)
#define BL__TILES(op)  BL__OF_SET(bl__tiles_##op)
#define BL__CAST_TILES BL__OF_SET(bl__cast_tiles) /* from, to */

#define BL__DECLARE_KERNEL(op) extern const bl__kernel BL__KERNEL(op);
#define BL__DECLARE_TILES(op)  extern const bl__tile BL__TILES(op)[BL_DTYPE_COUNT];
BL__SET_KERNELS(BL__DECLARE_KERNEL)
BL__TILED_OPS(BL__DECLARE_TILES)
BL__DIVIDING_OPS(BL__DECLARE_TILES)
#undef BL__DECLARE_KERNEL
#undef BL__DECLARE_TILES
extern const bl__tile BL__CAST_TILES[BL_DTYPE_COUNT][BL_DTYPE_COUNT];

/* What else kernels that all sets share take from theirs (kernel_set.h). */
#define BL__COMPOUND_TILES          BL__OF_SET(bl__compound_tiles)
#define BL__SUM_REDUCERS            BL__OF_SET(bl__sum_reducers)
#define BL__ATTENTION_ROWS(type)    BL__OF_SET(bl__attention_rows_##type)
#define BL__ENTROPY_FUNCTIONS(type) BL__OF_SET(bl__entropy_functions_##type)
#define BL__SMALL_PRODUCTS(type)    BL__OF_SET(bl__small_products_##type)
#define BL__PANELS(type)            BL__OF_SET(bl__panels_##type) /* of the wider sets */
extern const bl__tile *const BL__COMPOUND_TILES[];
extern const struct bl__reducer *const BL__SUM_REDUCERS[BL_DTYPE_COUNT];
extern const struct bl__attention_rows BL__ATTENTION_ROWS(f32), BL__ATTENTION_ROWS(f64);
extern const struct bl__entropy_functions BL__ENTROPY_FUNCTIONS(f32), BL__ENTROPY_FUNCTIONS(f64);
extern const struct bl__small_products BL__SMALL_PRODUCTS(f32), BL__SMALL_PRODUCTS(f64);
extern const struct bl__panels BL__PANELS(f32), BL__PANELS(f64);

#endif
