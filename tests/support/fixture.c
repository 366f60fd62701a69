/* The objects that most tests begin with. */
#include "support/fixture.h"

#include "support/sets.h"

bl_context *context;
bl_graph *graph;
bl_params *params;

void open_all(void)
{
    bl_context_options options = bl_context_defaults();
    options.instruction_set = wanted_set();
    context = bl_context_new(&options);
    graph = bl_graph_new(context);
    params = bl_params_new(context);
}

void close_all(void)
{
    bl_params_free(params);
    bl_graph_free(graph);
    bl_context_free(context);
}
