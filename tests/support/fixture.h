/* What most tests begin with: a context, a graph and a registry, opened and closed around each. */
#ifndef SUPPORT_FIXTURE_H
#define SUPPORT_FIXTURE_H

#include "bowline/bowline.h"

extern bl_context *context;
extern bl_graph *graph;
extern bl_params *params;

void open_all(void);
void close_all(void);

#endif
