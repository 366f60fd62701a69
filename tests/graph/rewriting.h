/* Programs that are compiled with rewriting or without: what is in them, and what they compute. */
#ifndef TESTS_GRAPH_REWRITING_H
#define TESTS_GRAPH_REWRITING_H

#include "bowline/bowline.h"

/* A program for one output, after a run. */
bl_program *compile_rewriting(bl_tensor *output, bool rewriting);

/* How many instructions a program for an output has; -1 where none of them is of this name. */
int instructions_with(bl_tensor *output, const char *name, bool rewriting);

/* How far values may be from others: so far, or that part of the other. */
typedef struct tolerance {
    double absolute, relative;
} tolerance;

/* The values of a, compiled with rewriting or without, are those of b without; `what` and `way` tell which
 * they are. */
void expect_alike(bl_tensor *a, bl_tensor *b, bool rewriting, tolerance within, const char *what, int way);

#endif
