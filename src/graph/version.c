/* The version of the library, put together from the numbers in its header. */
#include "bowline/version.h"

#define TEXT(number)                TEXT_OF(number)
#define TEXT_OF(number)             #number
#define DOTTED(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *bl_version(void)
{
    return DOTTED(BL_VERSION_MAJOR, BL_VERSION_MINOR, BL_VERSION_PATCH);
}
