/* What an update takes and how it is recorded, for each kind: one pass over parameter and state where the
 * formula is element-wise, and nothing recorded anew where the tape repeats. Looks at src/graph/graph.h for
 * how much of a tape was taken over. */
#include "graph/graph.h"
#include "support/optimizers.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>

enum {
    N = 5000
};

/* The instructions that read or write as much as a parameter of N elements has. */
static size_t passes(const bl_program *program)
{
    size_t count = 0;
    for (size_t i = 0; i <= bl_program_instruction_count(program); i++) {
        bl_instruction_info info = bl_program_instruction(program, i);
        int64_t most = info.bytes_read > info.bytes_written ? info.bytes_read : info.bytes_written;
        count += most >= N * (int64_t)sizeof(float);
    }
    return count;
}

Test(passes, one_where_the_formula_is_elementwise)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *p = bl_params_add(params, "p", BL_F32, BL_SHAPE(N), bl_init_ones(), NULL);
    for (const named_optimizer *each = every_optimizer; each->name; each++) {
        if (each->is_whole)
            continue;
        bl_graph_reset(graph);
        bl_optimizer *optimizer = each->make(context);
        bl_tensor *gradient = bl_input(graph, "g", BL_F32, BL_SHAPE(N));
        bl_program *step = bl_compile(context, bl_optimizer_update(optimizer, &p, &gradient, 1));
        cr_assert_eq(bl_program_error(step)->code, BL_OK);
        cr_assert_eq(passes(step), 1, "%s: %zu passes", bl_optimizer_name(optimizer), passes(step));
        /* scalars of the count and of the rate, which where there are both may be two; the pass; the step */
        cr_assert_leq(bl_program_instruction_count(step), each->with ? 4 : 3, "%s",
                      bl_optimizer_name(optimizer));
        bl_program_info info = bl_program_describe(step);
        cr_assert_lt(info.workspace_bytes - info.scratch_bytes, 1024, "%s", bl_optimizer_name(optimizer));
        bl_program_free(step);
        bl_optimizer_free(optimizer);
    }
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
}

static void record_again(const named_optimizer *named, bl_shape shape)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *p = bl_params_add(params, "p", BL_F64, shape, bl_init_constant(2), NULL);
    bl_optimizer *optimizer = named->make(context);
    bl_tensor *update = NULL;
    for (int i = 0; i < 3; i++) {
        bl_graph_reset(graph);
        update = bl_minimize(optimizer, bl_sum(bl_square(bl_use(graph, p)), BL_ALL_AXES, false));
        cr_assert(bl_tensor_valid(update), "%s", bl_graph_error(graph)->message);
        bl_program *step = bl_compile(context, update);
        cr_assert_eq(bl_run(step), BL_OK);
        bl_program_free(step);
    }
    cr_assert_eq(graph->repeated, bl_graph_node_count(graph), "%s", bl_optimizer_name(optimizer));
    cr_assert_eq(bl_context_cache_info(context).hits, 2, "%s", bl_optimizer_name(optimizer));
    cr_assert_eq(*(const int64_t *)bl_parameter_data(bl_optimizer_step(optimizer)), 3);
    cr_assert_lt(*(const double *)bl_parameter_data(p), 2, "%s", bl_optimizer_name(optimizer));
    bl_optimizer_free(optimizer);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
}

Test(passes, recorded_again)
{
    for (const named_optimizer *each = every_optimizer; each->name; each++) {
        record_again(each, BL_SHAPE(3, 2));
        if (!each->for_matrices)
            record_again(each, BL_SHAPE(3));
    }
}

/* State that is declared to have other shapes: of an image's weight, a matrix, a vector. */
Test(passes, adafactor_keeps_rows_and_columns)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_optimizer *adafactor = bl_adafactor(context, NULL);
    const bl_shape shapes[] = {BL_SHAPE(4, 2, 3, 5), BL_SHAPE(7, 6), BL_SHAPE(8)};
    const int64_t elements[] = {4 * 2 * 3 + 4 * 2 * 5 + 1, 7 + 6 + 1, 8 + 1};
    const char *const names[] = {"a", "b", "c"};
    size_t at = 0;
    for (int i = 0; i < 3; i++) {
        bl_parameter *p = bl_params_add(params, names[i], BL_F32, shapes[i], bl_init_ones(), NULL);
        cr_assert_eq(bl_optimizer_prepare(adafactor, p), BL_OK);
        int64_t sum = 0;
        for (; at < bl_optimizer_state_count(adafactor); at++)
            sum += bl_shape_count(bl_parameter_shape(bl_optimizer_state_at(adafactor, at).buffer));
        cr_assert_eq(sum, elements[i]);
    }
    bl_optimizer_free(adafactor);
    bl_params_free(params);
    bl_context_free(context);
}

Test(passes, muon_refuses_what_is_no_matrix)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *b = bl_params_add(params, "b", BL_F64, BL_SHAPE(3), bl_init_ones(), NULL);
    bl_optimizer *muon = bl_muon(context, NULL);
    bl_tensor *loss = bl_sum(bl_square(bl_use(graph, b)), BL_ALL_AXES, false);
    cr_assert_not(bl_tensor_valid(bl_minimize(muon, loss)));
    cr_assert_eq(bl_optimizer_error(muon)->code, BL_ERR_SHAPE);
    cr_assert_str_eq(bl_optimizer_error(muon)->message,
                     "bl_muon: b: [3] is no matrix, and Muon updates nothing else: put it into another group "
                     "(bl_optimizer_add_group)");
    cr_assert_eq(bl_optimizer_state_count(muon), 0, "nothing is left of it");
    bl_optimizer_free(muon);
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
}
