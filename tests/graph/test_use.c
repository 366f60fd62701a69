/* Parameters on graphs. Looks at src/graph/parameter.h for references and at src/graph/graph.h to go back. */
#include "graph/graph.h"
#include "graph/parameter.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <stdio.h>

#define F32_ZEROS(params, name, ...) \
    bl_params_add(params, name, BL_F32, BL_SHAPE(__VA_ARGS__), bl_init_zeros(), NULL)

Test(use, one_node_a_parameter)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *head = F32_ZEROS(params, "head.weight", 10, 3);
    bl_params_register(params, "embedding.weight", head);
    bl_tensor *a = bl_param(graph, params, "head.weight");
    cr_assert(bl_tensor_valid(a));
    cr_assert(bl_shape_equal(bl_tensor_shape(a), BL_SHAPE(10, 3)) && bl_tensor_dtype(a) == BL_F32);
    cr_assert_eq(bl_param(graph, params, "embedding.weight"), a);
    cr_assert_eq(bl_use(graph, head), a);
    cr_assert_eq(bl_graph_node_count(graph), 1);
    cr_assert_eq(bl_tensor_parameter(a), head);
    cr_assert_null(bl_tensor_parameter(bl_scalar(graph, BL_F32, 1)));

    /* the graph keeps the parameter alive; a reset lets it go */
    cr_assert_eq(atomic_load(&head->references), 3);
    bl_params_free(params);
    cr_assert_eq(atomic_load(&head->references), 1);
    cr_assert_str_eq(bl_parameter_name(bl_tensor_parameter(a)), "head.weight");
    bl_graph_reset(graph);
    cr_assert_eq(bl_graph_node_count(graph), 0);
    bl_graph_free(graph);
    bl_context_free(context);
}

Test(use, names_below_the_scope)
{
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    bl_parameter *inner = F32_ZEROS(params, "encoder.block.0.w", 2), *top = F32_ZEROS(params, "w", 2);
    bl_scope_push(graph, "encoder");
    bl_scope_push(graph, "block.0");
    cr_assert_eq(bl_tensor_parameter(bl_param(graph, params, "w")), inner);
    cr_assert_eq(bl_tensor_parameter(bl_param(graph, params, "/w")), top);
    cr_assert_not(bl_tensor_valid(bl_param(graph, params, "bias")));
    cr_assert_eq(bl_graph_error(graph)->code, BL_ERR_NOT_FOUND);
    cr_assert_str_eq(bl_graph_error(graph)->message, "bl_param: no parameter is named encoder.block.0.bias");
    cr_assert_str_eq(bl_graph_error(graph)->scope, "encoder/block.0");
    cr_assert_eq(bl_graph_error(graph)->line, __LINE__ - 4);
    bl_graph_clear_error(graph);
    cr_assert_not(
        bl_tensor_valid(bl_param(graph, params, "/a name longer than the longest of the registry")));
    cr_assert_str_eq(bl_graph_error(graph)->message,
                     "bl_param: no parameter is named a name longer than the longest of the registry");
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
}

static void expect(bl_graph *graph, bl_tensor *tensor, bl_status status, const char *message)
{
    cr_assert_not(bl_tensor_valid(tensor));
    cr_assert_eq(bl_graph_error(graph)->code, status);
    cr_assert_str_eq(bl_graph_error(graph)->message, message);
    bl_graph_clear_error(graph);
}

Test(use, refused)
{
    bl_context *context = bl_context_new(NULL), *foreign = bl_context_new(NULL);
    bl_params *params = bl_params_new(context), *abroad = bl_params_new(foreign);
    bl_graph *graph = bl_graph_new(context);
    expect(graph, bl_use(graph, NULL), BL_ERR_ARGUMENT, "bl_use: the parameter is NULL");
    expect(graph, bl_param(graph, NULL, "w"), BL_ERR_ARGUMENT, "bl_param: the registry is NULL");
    expect(graph, bl_param(graph, params, NULL), BL_ERR_ARGUMENT, "bl_param: the name is NULL");
    expect(graph, bl_param(graph, params, ""), BL_ERR_NOT_FOUND, "bl_param: no parameter is named ");
    expect(graph, bl_use(graph, F32_ZEROS(abroad, "w", 2)), BL_ERR_ARGUMENT,
           "bl_use: w belongs to another context");
    cr_assert_null(bl_tensor_parameter(bl_use(graph, NULL)));
    bl_graph_free(graph);
    bl_params_free(params);
    bl_params_free(abroad);
    bl_context_free(context);
    bl_context_free(foreign);
}

/* Enough parameters for the table of uses to grow several times and to collide, dropped half way and used
 * again. Triangular numbers pick them, since consecutive ids hash too well. */
Test(use, many)
{
    enum {
        POOL = 4096,
        COUNT = 500
    };
    bl_context *context = bl_context_new(NULL);
    bl_params *params = bl_params_new(context);
    bl_graph *graph = bl_graph_new(context);
    static bl_parameter *pool[POOL];
    bl_tensor *tensors[COUNT];
    char name[16];
    for (int i = 0; i < POOL; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        pool[i] = F32_ZEROS(params, name, 1);
    }
    for (int kept = 0; kept < COUNT; kept += 50) {
        bl__graph_mark mark = {0};
        for (int i = 0; i < COUNT; i++) {
            if (i == kept)
                mark = bl__graph_position(graph);
            tensors[i] = bl_use(graph, pool[i * (i + 1) / 2 % POOL]);
        }
        bl__graph_rewind(graph, &mark);
        for (int i = 0; i < COUNT; i++) {
            bool held = atomic_load(&pool[i * (i + 1) / 2 % POOL]->references) == 2;
            cr_assert_eq(held, i < kept, "parameter %d of %d", i, kept);
        }
        for (int i = COUNT - 1; i >= 0; i--) {
            bl_parameter *parameter = pool[i * (i + 1) / 2 % POOL];
            bl_tensor *again = bl_use(graph, parameter);
            cr_assert(bl_tensor_parameter(again) == parameter && bl_use(graph, parameter) == again);
            cr_assert(i >= kept || again == tensors[i]);
        }
        cr_assert_eq(bl_graph_node_count(graph), COUNT);
        bl_graph_reset(graph);
        for (int i = 0; i < POOL; i++)
            cr_assert_eq(atomic_load(&pool[i]->references), 1);
    }
    bl_graph_free(graph);
    bl_params_free(params);
    bl_context_free(context);
}
