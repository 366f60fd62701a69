/* The one place for the version: CMake reads it from here. */
#ifndef BOWLINE_VERSION_H
#define BOWLINE_VERSION_H

#include "export.h"

#define BL_VERSION_MAJOR 0
#define BL_VERSION_MINOR 1
#define BL_VERSION_PATCH 0

BL_BEGIN_DECLS

/* The version of the library that is linked, "0.1.0".
 * Returns: a constant string. Errors: none. Ownership: static. Threads: any. */
BL_API const char *bl_version(void);

BL_END_DECLS

#endif
