/* The objects that most tests begin with. */
#include "support/fixture.h"

bl_context *context;
bl_graph *graph;
bl_params *params;

void open_all(void)
{
    context = bl_context_new(NULL);
    graph = bl_graph_new(context);
    params = bl_params_new(context);
}

void close_all(void)
{
    bl_params_free(params);
    bl_graph_free(graph);
    bl_context_free(context);
}
