/* What each use of the tied weight gives to its gradient. */
#ifndef WEIGHT_TYING_EXPLAIN_H
#define WEIGHT_TYING_EXPLAIN_H

#include "model.h"

/* Prints, for the tied model as it is now, the norm of the gradient that comes through each use of the shared
 * weight, and the cosine between them. `when` says in words when that is. Returns BL_OK, or an error that
 * bl_context_error tells. */
bl_status explain(const experiment *made, const char *when);

#endif
