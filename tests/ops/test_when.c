/* Effects under a condition. */
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(when, .init = open_all, .fini = close_all);

static double value(const bl_parameter *p, int index)
{
    return ((const double *)bl_parameter_data(p))[index];
}

Test(when, keeps_or_writes)
{
    bl_parameter *a = bl_params_add_buffer(params, "a", BL_F64, BL_SHAPE(3));
    bl_parameter *b = bl_params_add_buffer(params, "b", BL_F64, BL_SHAPE(2, 3));
    bl_parameter_write(b, (double[]){1, 2, 3, 4, 5, 6}, 6 * sizeof(double));
    bl_tensor *go = bl_input(graph, "go", BL_BOOL, BL_SCALAR);
    bl_tensor *first = bl_assign(a, bl_add_scalar(bl_use(graph, a), 1));
    bl_tensor *second = bl_assign_slice(b, 1, 1, bl_full(graph, BL_F64, BL_SHAPE(2, 2), 7));
    bl_tensor *inner = bl_group(graph, (bl_tensor *[]){first, second}, 2);
    bl_tensor *outer = bl_group(graph, (bl_tensor *[]){inner, first}, 2); /* one of them by two ways */
    bl_program *p = bl_compile(context, bl_when(go, outer));
    cr_assert_eq(bl_program_describe(p).effects, 2);
    for (int run = 0; run < 4; run++) {
        bool now = run == 1 || run == 3;
        cr_assert_eq(bl_set_input(p, go, &now, sizeof now), BL_OK);
        cr_assert_eq(bl_run(p), BL_OK, "%s", error_text(bl_program_error(p)));
        cr_assert_eq(value(a, 2), (run + 1) / 2, "run %d", run);
        for (int i = 0; i < 6; i++)
            cr_assert_eq(value(b, i), run > 0 && i % 3 > 0 ? 7 : i + 1, "run %d, element %d", run, i);
    }
    bl_program_free(p);
}

/* What is not kept may be anything. */
Test(when, nan_is_left_out)
{
    bl_parameter *a = bl_params_add_buffer(params, "a", BL_F64, BL_SHAPE(2));
    double start[] = {-0.0, 5};
    bl_parameter_write(a, start, sizeof start);
    bl_tensor *bad = bl_full(graph, BL_F64, BL_SHAPE(2), NAN);
    bl_program *p = bl_compile(context, bl_when(bl_full(graph, BL_BOOL, BL_SCALAR, 0), bl_assign(a, bad)));
    cr_assert_eq(bl_run(p), BL_OK);
    cr_assert(signbit(value(a, 0)) && value(a, 1) == 5);
    bl_program_free(p);
}

Test(when, refusals)
{
    bl_parameter *a = bl_params_add_buffer(params, "a", BL_F64, BL_SHAPE(2));
    bl_tensor *yes = bl_full(graph, BL_BOOL, BL_SCALAR, 1), *value = bl_use(graph, a);
    bl_tensor *write = bl_assign(a, value);
    struct {
        bl_tensor *condition, *effect;
        bl_status status;
        const char *message;
    } cases[] = {
        {bl_full(graph, BL_BOOL, BL_SHAPE(1), 1), write, BL_ERR_SHAPE,
         "bl_when: the condition is bool [1], not a bool scalar"},
        {bl_full(graph, BL_F64, BL_SCALAR, 1), write, BL_ERR_DTYPE,
         "bl_when: the condition is f64 [], not a bool scalar"},
        {yes, value, BL_ERR_ARGUMENT, "bl_when: parameter is no effect"},
        {yes, NULL, BL_ERR_ARGUMENT, "bl_when: a tensor is NULL"},
        {NULL, write, BL_ERR_ARGUMENT, "bl_when: a tensor is NULL"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bl_tensor *made = bl_when(cases[i].condition, cases[i].effect);
        cr_assert(made && !bl_tensor_valid(made));
        cr_assert(error_says(bl_graph_error(graph), cases[i].status, cases[i].message, NULL), "%s",
                  error_text(bl_graph_error(graph)));
        bl_graph_clear_error(graph);
    }
    cr_assert_null(bl_when(NULL, NULL));
    bl_tensor *nothing = bl_when(yes, bl_group(graph, NULL, 0));
    cr_assert(bl_tensor_valid(nothing));
}
