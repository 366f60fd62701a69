/* What a test asks of an error record. */
#ifndef TESTS_SUPPORT_ERRORS_H
#define TESTS_SUPPORT_ERRORS_H

#include "bowline/error.h"

#include <stdbool.h>

/* Whether the error has the code and its formatted text contains every one of the parts; the list of parts
 * ends with NULL. */
bool error_says(const bl_error *error, bl_status code, ...);

/* The formatted text with its code in front, for a failing test's message; good until the next call. */
const char *error_text(const bl_error *error);

#endif
