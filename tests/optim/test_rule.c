/* Optimizers of the user's: slots of any form, counts, purity, errors from formulas, and rules that are none.
 * Looks at src/graph/graph.h for how much of a tape was taken over. */
#include "graph/graph.h"
#include "support/failing_allocator.h"

#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <math.h>

typedef struct model {
    bl_context *context;
    bl_params *params;
    bl_graph *graph;
    bl_parameter *a;
} model;

static model new_model(bl_context *context)
{
    model m = {.context = context, .params = bl_params_new(context), .graph = bl_graph_new(context)};
    m.a = bl_params_add(m.params, "a", BL_F64, BL_SHAPE(2), bl_init_constant(2), NULL);
    return m;
}

static void free_model(const model *m)
{
    bl_graph_free(m->graph);
    bl_params_free(m->params);
    bl_context_free(m->context);
}

/* sum(a^2): the gradient is 2a. */
static bl_tensor *loss_of(const model *m)
{
    return bl_sum(bl_square(bl_use(m->graph, m->a)), BL_ALL_AXES, false);
}

static double first(const bl_parameter *parameter)
{
    return *(const double *)bl_parameter_data(parameter);
}

/* ---- one of every form ---- */

typedef struct forms_options {
    double factor;
    bool without; /* the last slot */
} forms_options;

#define FORM(name, wanted)                                                                                 \
    static bool name(const bl_parameter *parameter, const void *options, bl_dtype *dtype, bl_shape *shape) \
    {                                                                                                      \
        (void)parameter, (void)options;                                                                    \
        *dtype = wanted;                                                                                   \
        *shape = BL_SHAPE(3);                                                                              \
        return true;                                                                                       \
    }
FORM(form_f32, BL_F32)
FORM(form_i32, BL_I32)
FORM(form_i64, BL_I64)
FORM(form_bool, BL_BOOL)
FORM(form_bf16, BL_BF16)
FORM(form_f16, BL_F16)

static bool form_optional(const bl_parameter *parameter, const void *options, bl_dtype *dtype,
                          bl_shape *shape)
{
    cr_assert_eq(*dtype, bl_parameter_dtype(parameter));
    cr_assert(bl_shape_equal(*shape, bl_parameter_shape(parameter)));
    return !((const forms_options *)options)->without;
}

static bl_tensor *forms_update(bl_update_call *call)
{
    const forms_options *options = call->options;
    cr_assert_str_eq(call->rule, "forms");
    cr_assert_str_eq(bl_parameter_name(call->target), "a");
    cr_assert((call->state[7] == NULL) == options->without);
    call->state[0] = bl_mul_scalar(call->state[0], options->factor);
    call->state[5] = bl_cast(bl_add_scalar(bl_cast(call->state[5], BL_F32), 1), BL_BF16);
    return bl_sub(call->parameter, bl_mul(call->gradient, bl_mul(call->lr, call->count)));
}

static const bl_rule forms = {.size = sizeof(bl_rule),
                              .name = "forms",
                              .counted = true,
                              .options_size = sizeof(forms_options),
                              .slots = {{.name = "like", .initial = 0.5},
                                        {.name = "f32", .initial = 1.5, .form = form_f32},
                                        {.name = "i32", .initial = -7, .form = form_i32},
                                        {.name = "i64", .initial = 9, .form = form_i64},
                                        {.name = "bool", .initial = 1, .form = form_bool},
                                        {.name = "bf16", .initial = 3, .form = form_bf16},
                                        {.name = "f16", .initial = 0.25, .form = form_f16},
                                        {.name = "optional", .form = form_optional}},
                              .update = forms_update};

static const void *slot(bl_optimizer *optimizer, const bl_parameter *parameter, const char *name)
{
    return bl_parameter_data(bl_optimizer_state_find(optimizer, parameter, name));
}

Test(rule, slots_of_every_form)
{
    model m = new_model(bl_context_new(NULL));
    bl_optimizer *o = bl_optimizer_new(m.context, &forms, 0.125, &(forms_options){.factor = 3});
    cr_assert_eq(bl_optimizer_prepare(o, m.a), BL_OK, "%s", bl_optimizer_error(o)->message);
    cr_assert_eq(bl_optimizer_state_count(o), 9);
    cr_assert_eq(((const double *)slot(o, m.a, "like"))[1], 0.5);
    cr_assert_eq(((const float *)slot(o, m.a, "f32"))[2], 1.5f);
    cr_assert_eq(((const int32_t *)slot(o, m.a, "i32"))[2], -7);
    cr_assert_eq(((const int64_t *)slot(o, m.a, "i64"))[2], 9);
    cr_assert(((const bool *)slot(o, m.a, "bool"))[2]);
    cr_assert_eq(((const uint16_t *)slot(o, m.a, "bf16"))[2], 0x4040);
    cr_assert_eq(((const uint16_t *)slot(o, m.a, "f16"))[2], 0x3400);
    cr_assert_eq(((const double *)slot(o, m.a, "optional"))[1], 0);
    bl_program *step = bl_compile(m.context, bl_minimize(o, loss_of(&m)));
    for (int i = 0; i < 2; i++)
        cr_assert_eq(bl_run(step), BL_OK, "%s", bl_context_error(m.context)->message);
    cr_assert_eq(first(m.a), 1.5 - 0.125 * 2 * 3, "lr, and the count of updates");
    cr_assert_eq(((const double *)slot(o, m.a, "like"))[0], 4.5);
    cr_assert_eq(((const uint16_t *)slot(o, m.a, "bf16"))[0], 0x40a0, "5");
    cr_assert_eq(bl_program_describe(step).effects, 5, "slots that stay as they are are not written");
    bl_program_free(step);
    bl_optimizer_free(o);

    o = bl_optimizer_new(m.context, &forms, 0.125, &(forms_options){.factor = 3, .without = true});
    cr_assert(bl_tensor_valid(bl_minimize(o, loss_of(&m))));
    cr_assert_eq(bl_optimizer_state_count(o), 8);
    cr_assert_null(bl_optimizer_state_find(o, m.a, "optional"));
    cr_assert_str_eq(bl_optimizer_state_at(o, 7).slot, "count");
    bl_optimizer_free(o);
    free_model(&m);
}

/* ---- recorded again ---- */

static int asked;

static bl_tensor *counting_update(bl_update_call *call)
{
    asked++;
    return bl_sub(call->parameter, bl_mul(call->gradient, call->lr));
}

Test(rule, only_pure_formulas_are_taken_over)
{
    model m = new_model(bl_context_new(NULL));
    bl_rule rule = {.size = sizeof(rule), .name = "counting", .update = counting_update};
    bl_optimizer *impure = bl_optimizer_new(m.context, &rule, 0.25, NULL);
    rule.flags = BL_RULE_PURE;
    bl_optimizer *pure = bl_optimizer_new(m.context, &rule, 0.25, NULL);
    for (int i = 0; i < 3; i++) {
        bl_graph_reset(m.graph);
        cr_assert(bl_tensor_valid(bl_minimize(impure, loss_of(&m))));
    }
    cr_assert_eq(asked, 3);
    for (int i = 0; i < 3; i++) {
        bl_graph_reset(m.graph);
        cr_assert(bl_tensor_valid(bl_minimize(pure, loss_of(&m))));
    }
    cr_assert_eq(asked, 4);
    cr_assert_eq(bl_optimizer_add_group(pure, m.params, "a", impure), BL_OK);
    for (int i = 0; i < 3; i++) {
        bl_graph_reset(m.graph);
        cr_assert(bl_tensor_valid(bl_minimize(pure, loss_of(&m))));
    }
    cr_assert_eq(asked, 7, "as impure as its groups");
    bl_optimizer_free(pure);
    free_model(&m);
}

/* ---- what goes wrong ---- */

static bl_tensor *failing_update(bl_update_call *call)
{
    return bl_update_fail(call, BL_ERR_UNSUPPORTED, "%d is too many", 3);
}

static bl_tensor *wrong_shape(bl_update_call *call)
{
    return bl_sum(call->parameter, BL_ALL_AXES, false);
}

static bl_tensor *nothing(bl_update_call *call)
{
    (void)call;
    return NULL;
}

static void expect(const model *m, const bl_rule *rule, bl_status status, const char *message)
{
    bl_optimizer *o = bl_optimizer_new(m->context, rule, 0.25, NULL);
    cr_assert_not_null(o, "%s", bl_context_error(m->context)->message);
    cr_assert_not(bl_tensor_valid(bl_minimize(o, loss_of(m))));
    cr_assert_eq(bl_optimizer_error(o)->code, status);
    cr_assert_str_eq(bl_optimizer_error(o)->message, message);
    cr_assert_eq(bl_optimizer_state_count(o), 0);
    cr_assert_not(bl_tensor_valid(bl_optimizer_gradient(o, m->graph, m->a)), "nothing is noted");
    bl_graph_clear_error(m->graph);
    bl_optimizer_free(o);
}

static bool form_bad_shape(const bl_parameter *parameter, const void *options, bl_dtype *dtype,
                           bl_shape *shape)
{
    (void)parameter, (void)options, (void)dtype;
    shape->size[0] = -1;
    return true;
}

static bool form_bad_dtype(const bl_parameter *parameter, const void *options, bl_dtype *dtype,
                           bl_shape *shape)
{
    (void)parameter, (void)options, (void)shape;
    *dtype = BL_DTYPE_COUNT;
    return true;
}

Test(rule, formulas_that_fail)
{
    model m = new_model(bl_context_new(NULL));
    bl_rule rule = {.size = sizeof(rule), .name = "mine", .slots = {{.name = "m"}}};
    rule.update = failing_update;
    expect(&m, &rule, BL_ERR_UNSUPPORTED, "bl_mine: a: 3 is too many");
    rule.update = wrong_shape;
    expect(&m, &rule, BL_ERR_SHAPE, "bl_assign: a is [2], the value is []");
    rule.update = nothing;
    expect(&m, &rule, BL_ERR_ARGUMENT, "bl_mine: a tensor is NULL");
    rule.update = counting_update;
    rule.slots[0].form = form_bad_shape;
    expect(&m, &rule, BL_ERR_SHAPE, "bl_optimizer_update: the slot m of a cannot have the shape [-1]");
    rule.slots[0].form = form_bad_dtype;
    expect(&m, &rule, BL_ERR_DTYPE, "bl_optimizer_update: the slot m of a has no dtype");
    rule.slots[0] = (bl_rule_slot){.name = "m", .form = form_bool, .initial = 2};
    expect(&m, &rule, BL_ERR_DTYPE, "bl_optimizer_update: the slot m of a is bool, which cannot hold 2");
    bl_optimizer *o = bl_optimizer_new(m.context, &rule, 0.25, NULL);
    cr_assert_eq(bl_optimizer_prepare(o, m.a), BL_ERR_DTYPE);
    cr_assert_str_eq(bl_optimizer_error(o)->message,
                     "bl_optimizer_prepare: the slot m of a is bool, which cannot hold 2");
    bl_optimizer_free(o);
    cr_assert_null(bl_update_fail(NULL, BL_ERR_STATE, "no call"));
    free_model(&m);
}

static void refuse(bl_context *context, const bl_rule *rule, double lr, const char *message)
{
    cr_assert_null(bl_optimizer_new(context, rule, lr, NULL));
    cr_assert_eq(bl_context_error(context)->code, BL_ERR_ARGUMENT);
    cr_assert_str_eq(bl_context_error(context)->message, message);
}

Test(rule, rules_that_are_none)
{
    bl_context *context = bl_context_new(NULL);
    const bl_rule good = {.size = sizeof(good), .name = "mine", .update = counting_update};
    bl_rule bad = good;
    refuse(context, NULL, 1, "bl_optimizer_new: the rule is NULL");
    bad.size = 8;
    refuse(context, &bad, 1, "bl_optimizer_new: the rule's size is 8, not sizeof(bl_rule)");
    bad = good, bad.name = "";
    refuse(context, &bad, 1, "bl_optimizer_new: the rule has no name or no formula");
    bad = good, bad.update = NULL;
    refuse(context, &bad, 1, "bl_mine: the rule has no name or no formula");
    bad = good, bad.options_size = 4;
    refuse(context, &bad, 1, "bl_mine: the options are NULL");
    bad = good, bad.slots[0].name = bad.slots[2].name = "m", bad.slots[1].name = "v";
    refuse(context, &bad, 1, "bl_mine: two slots have one name");
    bad = good, bad.slots[0].name = "count", bad.counted = true;
    refuse(context, &bad, 1, "bl_mine: a slot is called count beside the count");
    refuse(context, &good, -1, "bl_mine: the learning rate -1 is negative or not finite");
    refuse(context, &good, INFINITY, "bl_mine: the learning rate inf is negative or not finite");
    cr_assert_null(bl_optimizer_new(NULL, &good, 1, NULL));
    bad = good, bad.slots[0].name = "count"; /* of its own */
    bl_optimizer *o = bl_optimizer_new(context, &bad, 0, NULL);
    cr_assert_not_null(o);
    bl_optimizer_free(o);
    bl_context_free(context);
}

/* Whether all worked with one allocation failing. */
static bool attempt(failing_allocator *allocator, long fail)
{
    model m = new_model(failing_allocator_context(allocator));
    bl_tensor *loss = loss_of(&m);
    failing_allocator_fail(allocator, fail, false);
    bl_optimizer *o = bl_optimizer_new(m.context, &forms, 0.125, &(forms_options){.factor = 3});
    bool worked = o && bl_optimizer_prepare(o, m.a) == BL_OK;
    if (o && !worked)
        cr_assert_eq(bl_optimizer_state_count(o), 0);
    worked = worked && bl_tensor_valid(bl_minimize(o, loss));
    cr_assert(worked || bl_context_error(m.context)->code == BL_ERR_MEMORY);
    failing_allocator_relent(allocator);
    bl_optimizer_free(o);
    free_model(&m);
    return worked;
}

Test(rule, out_of_memory)
{
    failing_allocator allocator;
    failing_allocator_init(&allocator);
    char text[128];
    long fail = 1;
    while (!attempt(&allocator, fail))
        fail++;
    cr_assert(failing_allocator_clean(&allocator, text, sizeof(text)), "%s", text);
    cr_assert_geq(fail, 30, "only %ld allocations", fail - 1);
}
