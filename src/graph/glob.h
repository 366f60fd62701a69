/* Private. Patterns of names, as shells have them for files: * is any characters, dots too, ? is one, [..] is
 * one of a set or of ranges ([!..]: one of the others), \ takes the next character as it is. fnmatch(3) would
 * go by the process's locale. */
#ifndef BOWLINE_GRAPH_GLOB_H
#define BOWLINE_GRAPH_GLOB_H

#include "graph/params.h"

/* What is wrong with a pattern; NULL when nothing is. */
const char *bl__glob_complaint(const char *pattern);

/* Whether the whole of a text matches a valid pattern. Characters are those of UTF-8; bytes that are none
 * stand for themselves. */
bool bl__glob_matches(const char *pattern, const char *text);

/* A pattern for the names of one registry: below a scope, or absolute. */
typedef struct bl__name_pattern {
    uint64_t registry; /* its id */
    const char *prefix;
    size_t prefix_length;
    const char *pattern;
} bl__name_pattern;

/* The pattern as it stands below the registry's open scope ('/' first: absolute); points into both. */
bl__name_pattern bl__name_pattern_of(const bl_params *params, const char *pattern);

/* Whether any name that a parameter has in the registry matches. */
bool bl__name_pattern_matches(const bl__name_pattern *pattern, const bl_parameter *parameter);

#endif
