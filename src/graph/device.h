/* Private. Where memory is: the tag that parameters and storages carry. A second device is one more tag here
 * and a table of kernels of its own beside src/cpu. */
#ifndef BOWLINE_GRAPH_DEVICE_H
#define BOWLINE_GRAPH_DEVICE_H

#include <stdint.h>

enum {
    BL__DEVICE_CPU
};

typedef uint8_t bl__device; /* one of the tags */

#endif
