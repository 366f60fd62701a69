/* Finds the tile function of an element-wise op. */
#include "cpu/tile.h"

#include <stddef.h>

bl__tile bl__tile_find(int key, bl_dtype last_input, bl_dtype output)
{
    static const bl__tile *const rows[BL__KEY_COUNT] = {
#define ROW(op) [BL__KEY_##op] = bl__tiles_##op,
        BL__TILED_OPS(ROW) BL__DIVIDING_OPS(ROW)
#undef ROW
    };
    if (key <= BL__KEY_NONE || key >= BL__KEY_COUNT || (unsigned)last_input >= BL_DTYPE_COUNT ||
        (unsigned)output >= BL_DTYPE_COUNT)
        return NULL;
    if (key == BL__KEY_cast)
        return bl__tiles_cast[last_input][output];
    return rows[key] ? rows[key][last_input] : NULL;
}
