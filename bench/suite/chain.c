/* chain: 20,000 products of scalars are recorded, differentiated, compiled and run, from nothing each time.
 * chain_long: 1,000,000 of them, to see whether the time a product stays the same. */
#include "suite.h"

static bl_status run_chain(model *m, long n)
{
    bl_program_free(m->program);
    bl_graph_free(m->graph);
    bl_context_free(m->context); /* a new one knows no program */
    m->context = new_context(m->threads);
    m->graph = bl_graph_new(m->context);
    bl_tensor *x = bl_input(m->graph, "x", BL_F32, BL_SCALAR), *y = x;
    for (long i = 0; i < n; i++)
        y = bl_mul(y, x);
    m->loss = bl_gradient(y, x);
    m->program = bl_compile(m->context, y, m->loss);
    bl_set_input(m->program, x, &(float){1.0f + 1e-6f}, sizeof(float));
    return bl_run(m->program);
}

static bl_status run_short(model *m)
{
    return run_chain(m, 20000);
}

static bl_status run_long(model *m)
{
    return run_chain(m, 1000000);
}

static void make_short(model *m)
{
    run_short(m);
}

static void make_long(model *m)
{
    run_long(m);
}

const bench_case case_chain = {.name = "chain", .make = make_short, .step = run_short};
const bench_case case_chain_long = {.name = "chain_long", .make = make_long, .step = run_long};
