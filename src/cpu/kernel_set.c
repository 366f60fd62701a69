/* The kernels of one set of instructions, by op. */
#include "cpu/kernel_set.h"
#include "cpu/of_set.h"

extern const bl__kernel_set BL__OF_SET(bl__kernel_set);

const bl__kernel_set BL__OF_SET(bl__kernel_set) = {
    .instructions = BL__INSTRUCTIONS,
#define KERNEL(op) [BL__KEY_##op] = &BL__KERNEL(op),
    .kernels = {BL__SET_KERNELS(KERNEL)},
#define TILES(op) [BL__KEY_##op] = BL__TILES(op),
    .tiles = {BL__TILED_OPS(TILES) BL__DIVIDING_OPS(TILES)},
    .casts = BL__CAST_TILES,
    .compounds = BL__COMPOUND_TILES,
    .sums = BL__SUM_REDUCERS,
    .attention_f32 = &BL__ATTENTION_ROWS(f32),
    .attention_f64 = &BL__ATTENTION_ROWS(f64),
    .small_products_f32 = &BL__SMALL_PRODUCTS(f32),
    .small_products_f64 = &BL__SMALL_PRODUCTS(f64),
#if BL__VECTOR_BYTES >= 32
    .panels_f32 = &BL__PANELS(f32),
    .panels_f64 = &BL__PANELS(f64),
#endif
};
