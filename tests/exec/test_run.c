/* Runs as transactions: effects, what they see and when they fail. Looks at graph/parameter.h to stand in for
 * another run that holds a state. */
#include "bowline/bowline.h"
#include "graph/parameter.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(run, .init = open_all, .fini = close_all);

/* An f32 buffer holding 1, 2, 3, .. times `scale`. */
static bl_parameter *buffer(const char *name, bl_shape shape, float scale)
{
    float values[64];
    bl_parameter *parameter = bl_params_add_buffer(params, name, BL_F32, shape);
    for (int i = 0; i < 64; i++)
        values[i] = (float)(i + 1) * scale;
    cr_assert_eq(bl_parameter_write(parameter, values, (size_t)bl_shape_count(shape) * sizeof(float)), BL_OK);
    return parameter;
}

static const float *held(const bl_parameter *parameter)
{
    return bl_parameter_data(parameter);
}

static bl_program *compiled(bl_tensor *const *outputs, size_t count)
{
    bl_program *program = bl_compile_list(context, outputs, count, NULL);
    cr_assert_eq(bl_program_error(program)->code, BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

Test(run, two_buffers_are_swapped)
{
    bl_parameter *a = buffer("a", BL_SHAPE(3), 1), *b = buffer("b", BL_SHAPE(3), 10);
    bl_tensor *ta = bl_use(graph, a), *tb = bl_use(graph, b);
    bl_tensor *outputs[] = {bl_assign(a, tb), bl_assign(b, ta)};
    bl_program *p = compiled(outputs, 2);
    cr_assert_eq(bl_run(p), BL_OK);
    cr_expect(held(a)[0] == 10 && held(a)[2] == 30 && held(b)[0] == 1 && held(b)[2] == 3);
    cr_assert_eq(bl_run(p), BL_OK);
    cr_expect(held(a)[0] == 1 && held(a)[2] == 3 && held(b)[0] == 10 && held(b)[2] == 30);
    bl_program_free(p);
}

Test(run, reads_see_the_values_from_before)
{
    bl_parameter *a = buffer("a", BL_SHAPE(2, 3), 1);
    bl_tensor *before = bl_use(graph, a);
    bl_tensor *turned = bl_transpose(before, 0, 1); /* a view of the state itself */
    bl_tensor *effect = bl_assign(a, bl_mul_scalar(before, 2));
    bl_tensor *after = bl_use(graph, a);
    bl_tensor *sum = bl_sum(after, BL_ALL_AXES, false);
    bl_tensor *outputs[] = {effect, before, sum, turned};
    cr_expect_eq(after, before, "one node however often it is used");
    bl_program *p = compiled(outputs, 4);
    for (int step = 0; step < 3; step++) {
        float was = held(a)[1];
        cr_assert_eq(bl_run(p), BL_OK);
        cr_expect_eq(held(a)[1], 2 * was);
        cr_expect_eq(bl_item_at(p, before, BL_SHAPE(0, 1)), was);
        cr_expect_eq(bl_item_at(p, turned, BL_SHAPE(1, 0)), was);
        cr_expect_eq(bl_item(p, sum), was / 2 * 21);
    }
    bl_program_free(p);
}

Test(run, a_state_may_be_assigned_a_view_of_itself)
{
    bl_parameter *a = buffer("a", BL_SHAPE(3, 3), 1);
    bl_tensor *output = bl_assign(a, bl_transpose(bl_use(graph, a), 0, 1));
    bl_program *p = compiled(&output, 1);
    cr_assert_eq(bl_run(p), BL_OK);
    static const float wanted[] = {1, 4, 7, 2, 5, 8, 3, 6, 9};
    cr_expect_arr_eq(held(a), wanted, sizeof(wanted));
    bl_program_free(p);
    /* And the same value may go to two states, a constant and an expanded scalar among them. */
    bl_parameter *b = buffer("b", BL_SHAPE(3, 3), 0), *c = buffer("c", BL_SHAPE(3, 3), 0),
                 *d = buffer("d", BL_SHAPE(9), 0);
    bl_tensor *value = bl_neg(bl_use(graph, a)), *nine = bl_full(graph, BL_F32, BL_SHAPE(9), 9);
    bl_tensor *outputs[] = {bl_assign(b, value), bl_assign(c, value), value, bl_assign(d, nine)};
    p = compiled(outputs, 4);
    cr_assert_eq(bl_run(p), BL_OK);
    for (int i = 0; i < 9; i++)
        cr_expect(held(b)[i] == -wanted[i] && held(c)[i] == -wanted[i] && held(d)[i] == 9);
    bl_program_free(p);
}

Test(run, parts_of_a_state)
{
    bl_parameter *a = buffer("a", BL_SHAPE(2, 4, 3), 1), *b = buffer("b", BL_SHAPE(4), 1),
                 *e = buffer("e", BL_SHAPE(4), 1);
    bl_tensor *outputs[] = {bl_assign_slice(a, 1, 1, bl_full(graph, BL_F32, BL_SHAPE(2, 2, 3), -1)),
                            bl_assign_slice(b, -1, 3, bl_slice(bl_use(graph, b), 0, 0, 1, 1)),
                            bl_assign_slice(e, 0, 4, bl_full(graph, BL_F32, BL_SHAPE(0), 5))};
    bl_program *p = compiled(outputs, 3);
    cr_assert_eq(bl_run(p), BL_OK);
    for (int i = 0; i < 24; i++) {
        int row = i / 3 % 4;
        cr_expect_eq(held(a)[i], row == 1 || row == 2 ? -1 : (float)(i + 1), "element %d", i);
    }
    static const float wanted[] = {1, 2, 3, 1}, untouched[] = {1, 2, 3, 4};
    cr_expect_arr_eq(held(b), wanted, sizeof(wanted));
    cr_expect_arr_eq(held(e), untouched, sizeof(untouched), "nothing at the end is inside");
    bl_program_free(p);
}

Test(run, two_writes_to_one_state)
{
    bl_parameter *a = buffer("a", BL_SHAPE(2), 1);
    cr_assert_eq(bl_params_register(params, "alias", a), BL_OK);
    bl_tensor *x = bl_full(graph, BL_F32, BL_SHAPE(2), 5), *half = bl_slice(x, 0, 0, 1, 1);
    bl_tensor *writes[] = {bl_assign(a, x), bl_assign(bl_params_find(params, "alias"), x),
                           bl_assign_slice(a, 0, 0, half), bl_assign_slice(a, 0, 1, half)};
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = i + 1; k < 4; k++) {
            bl_tensor *pair[] = {writes[i], writes[k]}, *group = bl_group(graph, pair, 2);
            bl_program *p = bl_compile(context, group);
            cr_expect(error_says(bl_program_error(p), BL_ERR_STATE, "a is written twice", "test_run.c", NULL),
                      "%s", error_text(bl_program_error(p)));
            bl_program_free(p);
        }
    }
    bl_tensor *pair[] = {writes[2], writes[2]}, *group = bl_group(graph, pair, 2),
              *all[] = {group, group, writes[2]};
    bl_program *p = compiled(all, 3); /* the same effect named often is one effect */
    cr_assert_eq(bl_run(p), BL_OK);
    cr_expect(held(a)[0] == 5 && held(a)[1] == 2);
    bl_program_free(p);
}

/* ---- failing runs ---- */

/* A program that computes several updates before the index that may be wrong is looked up, last of all. */
typedef struct risky {
    bl_parameter *w, *count, *part;
    bl_tensor *tokens, *rows;
    bl_program *program;
} risky;

static risky new_risky(void)
{
    risky r = {.w = buffer("w", BL_SHAPE(4, 2), 1), .part = buffer("part", BL_SHAPE(3, 2), 1)};
    r.count = bl_params_add_buffer(params, "count", BL_I64, BL_SCALAR);
    r.tokens = bl_input(graph, "tokens", BL_I32, BL_SHAPE(2));
    bl_tensor *t = bl_use(graph, r.w);
    bl_tensor *first = bl_assign(r.w, bl_mul_scalar(t, 2));
    bl_tensor *second = bl_assign(r.count, bl_add_scalar(bl_use(graph, r.count), 1));
    bl_tensor *third = bl_assign_slice(r.part, 0, 1, bl_full(graph, BL_F32, BL_SHAPE(1, 2), -1));
    r.rows = bl_embedding(t, r.tokens);
    bl_tensor *outputs[] = {first, second, third, r.rows};
    r.program = compiled(outputs, 4);
    return r;
}

static void expect_step(const risky *r, int step)
{
    cr_expect_eq(held(r->w)[1], (float)(2 << step));
    cr_expect_eq(*(const int64_t *)bl_parameter_data(r->count), step);
    cr_expect_eq(held(r->part)[2], step > 0 ? -1 : 3);
}

Test(run, a_run_that_fails_has_changed_nothing)
{
    risky r = new_risky();
    int32_t good[] = {3, 0}, high[] = {0, 4}, negative[] = {-1, 0};
    cr_assert_eq(bl_set_input(r.program, r.tokens, high, sizeof(high)), BL_OK);
    cr_expect_eq(bl_run(r.program), BL_ERR_INDEX);
    cr_expect(error_says(bl_program_error(r.program), BL_ERR_INDEX, "bl_embedding", "4", "test_run.c", NULL),
              "%s", error_text(bl_program_error(r.program)));
    expect_step(&r, 0);
    cr_assert_eq(bl_set_input(r.program, r.tokens, good, sizeof(good)), BL_OK);
    cr_expect_eq(bl_run(r.program), BL_OK);
    expect_step(&r, 1);
    cr_expect_eq(bl_item_at(r.program, r.rows, BL_SHAPE(0, 0)), 7);
    cr_assert_eq(bl_set_input(r.program, r.tokens, negative, sizeof(negative)), BL_OK);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(bl_run(r.program), BL_ERR_INDEX);
        expect_step(&r, 1);
    }
    cr_expect(error_says(bl_program_error(r.program), BL_ERR_INDEX, "-1", NULL));
    float rows[4];
    cr_expect_eq(bl_read(r.program, r.rows, rows, sizeof(rows)), BL_ERR_STATE,
                 "the outputs are half of this run's");
    cr_assert_eq(bl_set_input(r.program, r.tokens, good, sizeof(good)), BL_OK);
    cr_expect_eq(bl_run(r.program), BL_OK);
    expect_step(&r, 2);
    cr_expect_eq(bl_item_at(r.program, r.rows, BL_SHAPE(0, 0)), 14);
    cr_expect_eq(bl_parameter_write(r.w, rows, 0), BL_ERR_ARGUMENT);
    float fresh[8] = {0};
    cr_expect_eq(bl_parameter_write(r.w, fresh, sizeof(fresh)), BL_OK, "a failed run has left its states");
    bl_program_free(r.program);
}

Test(run, a_state_in_use)
{
    bl_parameter *a = buffer("a", BL_SHAPE(2), 1), *b = buffer("b", BL_SHAPE(2), 1);
    bl_tensor *ta = bl_use(graph, a), *tb = bl_use(graph, b);
    bl_tensor *sum = bl_add(ta, tb), *write = bl_assign(b, bl_neg(ta));
    bl_program *reader = compiled(&sum, 1), *writer = compiled(&write, 1);
    float two[2];

    cr_assert(bl__parameter_enter(b, true)); /* another run writes b */
    cr_expect_eq(bl_run(reader), BL_ERR_BUSY);
    cr_expect(error_says(bl_program_error(reader), BL_ERR_BUSY, "b is in use", NULL));
    cr_expect_eq(bl_run(writer), BL_ERR_BUSY);
    cr_expect_eq(bl_parameter_read(b, two, sizeof(two)), BL_ERR_BUSY);
    cr_expect_eq(bl_parameter_write(b, two, sizeof(two)), BL_ERR_BUSY);
    bl__parameter_leave(b, true);
    cr_expect_eq(bl_run(reader), BL_OK, "what was refused has held on to nothing");

    cr_assert(bl__parameter_enter(b, false)); /* another run reads b */
    cr_expect_eq(bl_run(reader), BL_OK, "reading beside reading is no conflict");
    cr_expect_eq(bl_run(writer), BL_ERR_BUSY);
    cr_expect_eq(held(b)[0], 1);
    cr_expect_eq(bl_parameter_read(b, two, sizeof(two)), BL_OK);
    bl__parameter_leave(b, false);
    cr_expect_eq(bl_run(writer), BL_OK);
    cr_expect_eq(held(b)[0], -1);
    cr_assert(bl__parameter_enter(a, true) && bl__parameter_enter(b, true), "nobody is left inside");
    bl__parameter_leave(a, true);
    bl__parameter_leave(b, true);
    bl_program_free(reader);
    bl_program_free(writer);
}

Test(run, ties_make_programs_stale)
{
    bl_parameter *w = bl_params_add(params, "w", BL_F32, BL_SHAPE(2), bl_init_ones(), NULL);
    bl_params_add(params, "v", BL_F32, BL_SHAPE(2), bl_init_zeros(), NULL);
    bl_parameter *bystander = buffer("bystander", BL_SHAPE(2), 1);
    bl_tensor *t = bl_neg(bl_param(graph, params, "v")), *other = bl_neg(bl_use(graph, bystander));
    bl_program *old = compiled(&t, 1), *unrelated = compiled(&other, 1);
    cr_expect_eq(bl_run(old), BL_OK);
    cr_assert_eq(bl_params_tie(params, "v", "w"), BL_OK);
    cr_expect_eq(bl_run(old), BL_ERR_STALE);
    cr_expect(error_says(bl_program_error(old), BL_ERR_STALE, "tied or untied", NULL), "%s",
              error_text(bl_program_error(old)));
    cr_expect_eq(bl_run(unrelated), BL_OK);
    bl_program_free(old);
    bl_graph_reset(graph);
    t = bl_neg(bl_param(graph, params, "v"));
    cr_expect_eq(bl_tensor_parameter(bl_param(graph, params, "v")), w);
    bl_program *tied = compiled(&t, 1);
    cr_expect_eq(bl_run(tied), BL_OK);
    cr_expect_eq(bl_item_at(tied, t, BL_SHAPE(0)), -1);
    cr_assert_eq(bl_params_untie(params, "v"), BL_OK);
    cr_expect_eq(bl_run(tied), BL_ERR_STALE);
    float seven[] = {7, 7};
    cr_expect_eq(bl_parameter_write(w, seven, sizeof(seven)), BL_OK, "a stale run has left its states");
    bl_program_free(tied);
    bl_program_free(unrelated);
}
