/* Values of any dtype as doubles. */
#include "support/numbers.h"

void to_doubles(bl_dtype dtype, const void *data, size_t count, double *values)
{
    for (size_t i = 0; i < count; i++) {
        switch (dtype) {
        case BL_F32:
            values[i] = (double)((const float *)data)[i];
            break;
        case BL_F64:
            values[i] = ((const double *)data)[i];
            break;
        case BL_I32:
            values[i] = ((const int32_t *)data)[i];
            break;
        case BL_I64:
            values[i] = (double)((const int64_t *)data)[i];
            break;
        case BL_BOOL:
            values[i] = ((const uint8_t *)data)[i];
            break;
        default: /* 16-bit floats, by their bits */
            values[i] = ((const uint16_t *)data)[i];
            break;
        }
    }
}
