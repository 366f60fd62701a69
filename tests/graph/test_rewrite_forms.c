/* Norms and logarithms of sums that are spelled out, in each of the ways that people write them: found where
 * they are the op for every x, with its values and derivatives, and left where they are not. */
#include "bowline/bowline.h"
#include "graph/rewriting.h"
#include "support/errors.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(rewrite_forms, .init = open_all, .fini = close_all);

enum {
    BATCH = 3,
    ROWS = 4,
    COLUMNS = 5,
    COUNT = BATCH * ROWS * COLUMNS
};

static const double inf = (double)INFINITY;

/* [BATCH, ROWS, COLUMNS] in f64, or a part of it. */
static bl_tensor *numbers(bl_shape shape, double phase)
{
    double data[COUNT];
    for (int i = 0; i < COUNT; i++)
        data[i] = sin(i * 1.7 + phase) * 3;
    return bl_mul_scalar(bl_constant(graph, BL_F64, shape, data), 1);
}

static bl_tensor *block(double phase)
{
    return numbers(BL_SHAPE(BATCH, ROWS, COLUMNS), phase);
}

static void expect_same(bl_tensor *a, bl_tensor *b, bool rewriting, const char *what, int way)
{
    expect_alike(a, b, rewriting, (tolerance){1e-9, 1e-9}, what, way);
}

/* One way to spell something out; NULL beyond the last. Its inputs are x, and w and b of a row. */
typedef bl_tensor *spelling(int way, bl_tensor *x, bl_tensor *w, bl_tensor *b);

/* d sum(y weights) / d input, recorded with or without rewriting. */
static bl_tensor *gradient(bl_tensor *y, bl_tensor *input, bool rewriting)
{
    bl_graph_set_rewriting(graph, rewriting);
    bl_tensor *weights = bl_reshape(
        bl_slice(bl_reshape(block(5), BL_SHAPE(COUNT)), 0, 0, bl_tensor_count(y), 1), bl_tensor_shape(y));
    bl_tensor *g = bl_gradient(bl_sum(bl_mul(bl_sin(y), weights), BL_ALL_AXES, false), input);
    bl_graph_set_rewriting(graph, true);
    return g;
}

/* Each way is found, forward by the compiler and in bl_grad, and is left where it is not to be rewritten;
 * values and first and second derivatives are those of what was spelled out. */
static void expect_found(spelling *spell, const char *name, const char *backward, bl_tensor *x)
{
    bl_tensor *w = numbers(BL_SHAPE(COLUMNS), 1), *b = numbers(BL_SHAPE(COLUMNS), 2), *y;
    for (int way = 0; (y = spell(way, x, w, b)) != NULL; way++) {
        cr_assert_neq(instructions_with(y, name, true), -1, "way %d", way);
        cr_assert_eq(instructions_with(y, name, false), -1, "way %d", way);
        expect_same(y, y, true, "value", way);
        bl_tensor *inputs[] = {x, w, b};
        for (int i = 0; i < 3; i++) {
            bl_tensor *recorded = gradient(spell(way, x, w, b), inputs[i], false);
            bl_tensor *found = gradient(spell(way, x, w, b), inputs[i], true);
            cr_assert_eq(bl_is_unreached(found), bl_is_unreached(recorded));
            if (bl_is_unreached(found))
                continue;
            cr_assert_neq(instructions_with(found, name, false), -1, "way %d, input %d", way, i);
            cr_assert(i > 0 || instructions_with(found, backward, false) != -1, "way %d", way);
            expect_same(found, recorded, false, "gradient", way);
            expect_same(gradient(found, x, true), gradient(recorded, x, false), false, "second", way);
        }
    }
}

/* ---- norms ---- */

static bl_tensor *mean_by_hand(bl_tensor *x, bl_axes axes)
{
    return bl_mul_scalar(bl_sum(x, axes, true), 1.0 / COLUMNS);
}

static bl_tensor *number(double value)
{
    return bl_scalar(graph, BL_F64, value);
}

static bl_tensor *less_mean(bl_tensor *x)
{
    return bl_sub(x, bl_mean(x, BL_AXES(-1), true));
}

/* Nothing is recorded that is not used: bl_grad takes what is on the tape for a user. */
static bl_tensor *standardized(int way, bl_tensor *x)
{
    const double eps = 0.1;
    bl_axes last = BL_AXES(-1);
    bl_shape column = BL_SHAPE(BATCH, ROWS, 1);
    bl_tensor *d = way < 6 ? less_mean(x) : NULL, *v;
    switch (way) {
    case 0:
        return bl_mul(d, bl_rsqrt(bl_add_scalar(bl_mean(bl_square(d), last, true), eps)));
    case 1:
        return bl_div(d, bl_sqrt(bl_add_scalar(bl_mean(bl_mul(d, d), last, true), eps)));
    case 2:
        v = bl_mean(bl_square(d), last, true);
        return bl_mul(bl_scalar_div(1, bl_sqrt(bl_add(v, number(eps)))), less_mean(x));
    case 3:
        return bl_mul(d, bl_pow_scalar(bl_add_scalar(bl_var(x, last, 0, true), eps), -0.5));
    case 4:
        return bl_div(d, bl_pow_scalar(bl_add(number(eps), mean_by_hand(bl_pow_scalar(d, 2), last)), 0.5));
    case 5:
        return bl_mul(d, bl_reciprocal(bl_sqrt(bl_add_scalar(bl_mean(bl_square(d), last, true), eps))));
    case 6: /* axes of 1 put back */
        d = bl_sub(x, bl_reshape(bl_mean(x, last, false), column));
        v = bl_reshape(bl_var(x, last, 0, false), column);
        return bl_div(d, bl_sqrt(bl_add_scalar(v, eps)));
    case 7:
        return bl_mul(x, bl_rsqrt(bl_add_scalar(bl_mean(bl_square(x), last, true), eps)));
    case 8:
        return bl_div(x, bl_sqrt(bl_add_scalar(mean_by_hand(bl_mul(x, x), last), eps)));
    default:
        return NULL;
    }
}

static bl_tensor *rows_alone(int way, bl_tensor *x, bl_tensor *w, bl_tensor *b)
{
    (void)w, (void)b;
    return standardized(way, x);
}

static bl_tensor *with_weight(int way, bl_tensor *x, bl_tensor *w, bl_tensor *b)
{
    bl_tensor *y = standardized(way, x);
    (void)b;
    return y ? bl_mul(w, y) : NULL;
}

static bl_tensor *with_both(int way, bl_tensor *x, bl_tensor *w, bl_tensor *b)
{
    bl_tensor *y = standardized(way, x);
    return y ? bl_add(bl_mul(y, w), b) : NULL;
}

static bl_tensor *with_bias(int way, bl_tensor *x, bl_tensor *w, bl_tensor *b)
{
    (void)w;
    return way == 0 ? bl_add(b, standardized(0, x)) : NULL;
}

Test(rewrite_forms, norms_by_hand_are_found)
{
    spelling *const spellings[] = {rows_alone, with_weight, with_both, with_bias};
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
        expect_found(spellings[i], "standardize", "standardize_backward", block(0));
    bl_tensor *x = block(0), *w = numbers(BL_SHAPE(COLUMNS), 1), *b = numbers(BL_SHAPE(COLUMNS), 2), *y;
    for (int way = 0; (y = with_both(way, x, w, b)) != NULL; way++) /* the first is of x, w and b */
        cr_assert_eq(instructions_with(y, "standardize", true), 4, "way %d", way);
}

/* Over two axes, with weights of both. */
static bl_tensor *over_two(int way, bl_tensor *x, bl_tensor *w, bl_tensor *b)
{
    bl_axes axes = BL_AXES(1, 2);
    bl_tensor *d = bl_sub(x, bl_mean(x, axes, true)), *plane = numbers(BL_SHAPE(ROWS, COLUMNS), 4);
    (void)w, (void)b;
    return way == 0
               ? bl_mul(bl_mul(d, bl_rsqrt(bl_add_scalar(bl_mean(bl_square(d), axes, true), 0.1))), plane)
               : NULL;
}

Test(rewrite_forms, norms_over_several_axes_are_found)
{
    expect_found(over_two, "standardize", "standardize_backward", block(0));
}

static bool finds_norm(bl_tensor *y)
{
    return instructions_with(y, "standardize", true) != -1;
}

Test(rewrite_forms, what_is_no_norm_stays)
{
    bl_tensor *x = block(0), *other = block(1), *v, *d;
    bl_axes last = BL_AXES(-1), middle = BL_AXES(1);
    d = bl_sub(x, bl_mean(x, last, true));
    cr_assert_not(finds_norm(bl_div(d, bl_sqrt(bl_add_scalar(bl_var(x, last, 1, true), 0.1)))), "unbiased");
    v = bl_mean(bl_square(bl_sub(x, bl_mean(x, middle, true))), middle, true);
    cr_assert_not(finds_norm(bl_div(bl_sub(x, bl_mean(x, middle, true)), bl_sqrt(bl_add_scalar(v, 0.1)))),
                  "not the last axis");
    cr_assert_not(finds_norm(bl_div(d, bl_sqrt(bl_add_scalar(v, 0.1)))), "two axes");
    cr_assert_not(finds_norm(bl_div(other, bl_sqrt(bl_add_scalar(bl_mean(bl_square(x), last, true), 0.1)))),
                  "another's variance");
    v = bl_mean(bl_square(d), last, true);
    cr_assert_not(finds_norm(bl_div(d, bl_sqrt(v))), "no eps");
    cr_assert_not(finds_norm(bl_div(d, bl_sqrt(bl_add_scalar(v, -0.1)))), "eps below 0");
    cr_assert_not(finds_norm(bl_div(d, bl_sqrt(bl_add(v, bl_exp(v))))), "no number");
    cr_assert_not(finds_norm(bl_div(d, bl_add_scalar(bl_sqrt(v), 0.1))), "eps beside the root");
    cr_assert_not(finds_norm(bl_div(d, bl_sqrt(bl_add_scalar(bl_sum(bl_square(d), last, true), 0.1)))),
                  "a sum");
    cr_assert_not(finds_norm(bl_mul(x, bl_rsqrt(bl_add_scalar(v, 0.1)))), "x not less its mean");
    bl_tensor *y = bl_div(d, bl_sqrt(bl_add_scalar(v, 0.1)));
    cr_assert(finds_norm(y));
    cr_assert_not(finds_norm(bl_add(bl_sum(v, BL_ALL_AXES, false), y)), "the variance is used");
    cr_assert_not(finds_norm(bl_add(bl_sum(d, BL_ALL_AXES, false), y)), "the difference is used");
}

/* The rows are found; what they are multiplied by or added to is no weight or bias. */
Test(rewrite_forms, what_is_no_weight_stays)
{
    bl_tensor *x = block(0), *row = numbers(BL_SHAPE(COLUMNS), 1), *column = numbers(BL_SHAPE(ROWS, 1), 1);
    bl_tensor *y = standardized(0, x);
    cr_assert_eq(instructions_with(bl_mul(y, row), "standardize", true), 3);
    cr_assert_eq(instructions_with(bl_mul(y, column), "standardize", true), 4);
    cr_assert_eq(instructions_with(bl_add(y, block(1)), "standardize", true), 3);
    cr_assert_eq(instructions_with(bl_mul(bl_mul(y, row), row), "standardize", true), 4);
    bl_tensor *outputs[] = {bl_mul(y, row), y};
    bl_program *program = bl_compile_list(context, outputs, 2, NULL);
    cr_assert_eq(bl_run(program), BL_OK);
    const double *product = bl_output_data(program, outputs[0]), *rows = bl_output_data(program, y);
    for (int i = 0; i < COUNT; i++)
        cr_assert_float_eq(product[i], rows[i] * sin(i % COLUMNS * 1.7 + 1) * 3, 1e-12);
    bl_program_free(program);
}

/* A gradient by what stands inside goes through all steps that it is inside of, before and after they are
 * taken. */
Test(rewrite_forms, what_is_asked_for_inside_is_reached)
{
    bl_tensor *x = block(0), *w = numbers(BL_SHAPE(COLUMNS), 1), *b = numbers(BL_SHAPE(COLUMNS), 2);
    for (int which = 0; which < 3; which++)
        for (int first = 0; first < 2; first++) {
            bl_tensor *d = bl_sub(x, bl_mean(x, BL_AXES(-1), true));
            bl_tensor *v = bl_mean(bl_square(d), BL_AXES(-1), true), *r = bl_rsqrt(bl_add_scalar(v, 0.1));
            bl_tensor *rows = bl_mul(d, r), *y = bl_add(bl_mul(rows, w), b);
            bl_tensor *inner = (bl_tensor *[]){d, v, rows}[which];
            bl_tensor *again = first ? gradient(y, x, true) : NULL; /* y is the op from here on */
            bl_tensor *inside = gradient(y, inner, true), *recorded = gradient(y, inner, false);
            cr_assert_not(bl_is_unreached(inside), "%d", which);
            expect_same(inside, recorded, false, "inside", which);
            if (again)
                expect_same(again, gradient(y, x, false), false, "gradient", which);
        }
}

/* ---- logarithms of sums ---- */

static bl_tensor *finite(bl_tensor *most, int way)
{
    bl_tensor *zero = number(0);
    return way == 0   ? bl_where(bl_isfinite(most), most, zero)
           : way == 1 ? bl_where(bl_isinf(most), zero, most)
           : way == 2 ? bl_where(bl_logical_not(bl_isfinite(most)), zero, most)
                      : bl_where(bl_equal(bl_abs(most), number(inf)), zero, most);
}

/* log sum exp(x - m) + m with the m of an m that is kept. */
static bl_tensor *shifted_sum(bl_tensor *x, bl_tensor *m, bl_axes axes, bool keepdim)
{
    bl_tensor *log_sum = bl_log(bl_sum(bl_exp(bl_sub(x, m)), axes, keepdim));
    return bl_add(keepdim ? m : bl_reshape(m, bl_tensor_shape(log_sum)), log_sum);
}

static bl_tensor *log_sum_by_hand(int way, bl_tensor *x, bl_tensor *w, bl_tensor *b)
{
    bl_axes last = BL_AXES(-1), middle = BL_AXES(1), two = BL_AXES(0, 2);
    bl_tensor *most = way > 1 ? bl_max(x, last, true) : NULL;
    (void)w, (void)b;
    switch (way) {
    case 0:
        return bl_log(bl_sum(bl_exp(x), last, false));
    case 1:
        return bl_log(bl_sum(bl_exp(x), two, true));
    case 2:
        return shifted_sum(x, most, last, true);
    case 3:
        return shifted_sum(x, bl_stop_gradient(most), last, false);
    case 4:
        return shifted_sum(x, bl_max(x, two, true), two, false);
    case 5:
        return shifted_sum(x, bl_stop_gradient(bl_max(x, middle, true)), middle, true);
    case 6: /* two of the same maximum */
        return bl_add(bl_log(bl_sum(bl_exp(bl_sub(x, most)), last, false)), bl_max(x, last, false));
    case 7:
        return shifted_sum(x, finite(most, 0), last, true);
    case 8:
        return shifted_sum(x, bl_stop_gradient(finite(most, 1)), last, false);
    case 9:
        return shifted_sum(x, finite(most, 2), last, false);
    case 10:
        return shifted_sum(x, finite(most, 3), last, true);
    default:
        return NULL;
    }
}

Test(rewrite_forms, log_sums_by_hand_are_found)
{
    expect_found(log_sum_by_hand, "logsumexp", "logsumexp_backward", block(0));
    bl_tensor *x = block(0), *y;
    for (int way = 0; (y = log_sum_by_hand(way, x, NULL, NULL)) != NULL; way++)
        cr_assert_eq(instructions_with(y, "logsumexp", true), 2, "way %d", way);
}

/* Where sums overflow, and of infinities and NaN, what was spelled out keeps its values and derivatives. */
Test(rewrite_forms, infinite_log_sums_stay_what_they_are)
{
    const double data[] = {-inf, -inf, inf,  1,    -inf, 2,     (double)NAN, 1,
                           inf,  -inf, 1000, 1000, 5,    -1000, -1000,       -1000};
    bl_tensor *x = bl_mul_scalar(bl_constant(graph, BL_F64, BL_SHAPE(1, 8, 2), data), 1), *y;
    for (int way = 0; (y = log_sum_by_hand(way, x, NULL, NULL)) != NULL; way++) {
        if (way == 1 || way == 4 || way == 5)
            continue; /* along other axes */
        expect_same(y, y, true, "value", way);
        bl_tensor *recorded[2];
        for (int rewriting = 0; rewriting < 2; rewriting++) {
            bl_graph_set_rewriting(graph, rewriting);
            recorded[rewriting] =
                bl_gradient(bl_sum(log_sum_by_hand(way, x, NULL, NULL), BL_ALL_AXES, false), x);
            bl_graph_set_rewriting(graph, true);
        }
        if (way < 7) /* the op's derivative of a row of -infinity is 0, where that by hand is NaN */
            expect_same(recorded[1], recorded[0], false, "gradient", way);
    }
}

static bool finds_more_than_the_log(bl_tensor *y)
{
    return instructions_with(y, "logsumexp", true) == 2;
}

Test(rewrite_forms, what_is_no_log_sum_stays)
{
    bl_tensor *x = block(0), *m = bl_max(x, BL_AXES(-1), true), *all = bl_max(x, BL_ALL_AXES, true);
    bl_axes last = BL_AXES(-1);
    cr_assert(finds_more_than_the_log(shifted_sum(x, m, last, true)));
    bl_tensor *mixed = bl_add(bl_log(bl_sum(bl_exp(bl_sub(x, bl_stop_gradient(m))), last, true)), m);
    cr_assert_not(finds_more_than_the_log(mixed), "one detached alone: another derivative");
    cr_assert_not(finds_more_than_the_log(
                      bl_add(bl_log(bl_sum(bl_exp(bl_sub(x, all)), last, true)), bl_max(x, last, true))),
                  "another maximum");
    bl_tensor *other = bl_max(block(1), last, true);
    cr_assert_not(finds_more_than_the_log(shifted_sum(x, other, last, true)), "another's maximum");
    bl_tensor *low = bl_where(bl_isfinite(m), m, number(1));
    cr_assert_not(finds_more_than_the_log(shifted_sum(x, low, last, true)), "not 0");
    bl_tensor *turned = bl_where(bl_isinf(m), m, number(0));
    cr_assert_not(finds_more_than_the_log(shifted_sum(x, turned, last, true)), "the other way round");
    cr_assert_eq(instructions_with(bl_log(bl_sum(bl_exp2(x), last, true)), "logsumexp", true), -1);
    bl_tensor *powers = bl_exp(x), *y = bl_log(bl_sum(powers, last, true));
    cr_assert_eq(instructions_with(bl_mul(y, powers), "logsumexp", true), -1, "the powers are used");
}

/* x - log sum exp, with the sum spelled out, and its axis put back. */
Test(rewrite_forms, log_softmax_is_found_behind_its_sum)
{
    bl_tensor *x = block(0), *m = bl_max(x, BL_AXES(-1), true), *shifted = bl_sub(x, m);
    bl_tensor *column = bl_reshape(bl_logsumexp(x, BL_AXES(-1), false), BL_SHAPE(BATCH, ROWS, 1));
    bl_tensor *forms[] = {bl_sub(x, shifted_sum(x, bl_stop_gradient(m), BL_AXES(-1), true)),
                          bl_sub(shifted, bl_log(bl_sum(bl_exp(shifted), BL_AXES(-1), true))),
                          bl_sub(x, column)};
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(instructions_with(forms[i], "log_softmax", true), 2, "form %d", i);
        expect_same(forms[i], bl_log_softmax(x, -1), true, "value", i);
    }
    cr_assert_eq(
        instructions_with(bl_sub(x, bl_log(bl_sum(bl_exp(x), BL_AXES(-1), true))), "log_softmax", true), -1,
        "infinite where log_softmax is not");
}

/* ---- cross-entropy ---- */

static bl_tensor *targets_of(int64_t low)
{
    int64_t data[BATCH * ROWS];
    for (int i = 0; i < BATCH * ROWS; i++)
        data[i] = i % 4 == 3 ? low : i * 7 % COLUMNS;
    return bl_constant(graph, BL_I64, BL_SHAPE(BATCH, ROWS), data);
}

static bl_tensor *gathered(bl_tensor *x)
{
    return bl_gather(bl_log_softmax(x, -1), -1, bl_unsqueeze(targets_of(2), -1));
}

static bl_tensor *nll(bl_tensor *x, bl_reduction reduction)
{
    bl_nll_loss_options options = bl_nll_loss_defaults();
    options.reduction = reduction;
    return bl_nll_loss_with(bl_log_softmax(x, -1), targets_of(-100), &options);
}

static bl_tensor *cross_entropy_by_hand(int way, bl_tensor *x, bl_tensor *w, bl_tensor *b)
{
    (void)w, (void)b;
    switch (way) {
    case 0:
        return bl_neg(bl_squeeze(gathered(x), BL_AXES(-1)));
    case 1:
        return bl_neg(bl_mean(gathered(x), BL_ALL_AXES, false));
    case 2:
        return bl_mean(bl_neg(bl_squeeze(gathered(x), BL_AXES(-1))), BL_ALL_AXES, false);
    case 3:
        return bl_neg(bl_sum(bl_squeeze(gathered(x), BL_AXES(-1)), BL_ALL_AXES, false));
    case 4:
        return nll(x, BL_REDUCE_MEAN);
    case 5:
        return nll(x, BL_REDUCE_SUM);
    case 6:
        return nll(x, BL_REDUCE_NONE);
    case 7: /* the logarithms spelled out too */
        x = bl_sub(x, bl_logsumexp(x, BL_AXES(-1), true));
        return bl_neg(bl_mean(bl_gather(x, -1, bl_unsqueeze(targets_of(2), -1)), BL_ALL_AXES, false));
    default:
        return NULL;
    }
}

Test(rewrite_forms, cross_entropy_by_hand_is_found)
{
    bl_tensor *x = block(0), *y;
    for (int way = 0; (y = cross_entropy_by_hand(way, x, NULL, NULL)) != NULL; way++) {
        cr_assert_neq(instructions_with(y, "cross_entropy", true), -1, "way %d", way);
        cr_assert_eq(instructions_with(y, "cross_entropy", false), -1, "way %d", way);
        expect_same(y, y, true, "value", way);
        bl_tensor *recorded = gradient(cross_entropy_by_hand(way, x, NULL, NULL), x, false);
        bl_tensor *found = gradient(cross_entropy_by_hand(way, x, NULL, NULL), x, true);
        cr_assert_neq(instructions_with(found, "cross_entropy_backward", false), -1, "way %d", way);
        expect_same(found, recorded, false, "gradient", way);
        expect_same(gradient(found, x, true), gradient(recorded, x, false), false, "second", way);
    }
}

Test(rewrite_forms, what_is_no_cross_entropy_stays)
{
    bl_tensor *x = block(0), *p = bl_log_softmax(x, 1), *column = bl_unsqueeze(targets_of(2), -1);
    bl_tensor *forms[] = {
        bl_squeeze(bl_gather(bl_log_softmax(x, -1), -1, column), BL_AXES(-1)), /* no minus */
        bl_neg(bl_gather(bl_log_softmax(x, -1), -1, column)),                  /* in a column */
        bl_neg(bl_squeeze(bl_gather(p, -1, column), BL_AXES(-1))),             /* along another axis */
        bl_neg(bl_div_scalar(bl_sum(bl_gather(bl_log_softmax(x, -1), -1, column), BL_ALL_AXES, false), 7)),
        bl_neg(bl_sum(bl_gather(bl_log_softmax(x, -1), -1, column), BL_AXES(1), false)),
        bl_neg(bl_squeeze(bl_gather(bl_log_softmax(x, -1), 1, bl_slice(column, 1, 0, 1, 1)), BL_AXES(-1))),
        bl_neg(bl_sum(bl_mul(bl_one_hot(targets_of(2), COLUMNS, BL_F64), bl_log_softmax(x, -1)), BL_AXES(-1),
                      false))};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        cr_assert_eq(instructions_with(forms[i], "cross_entropy", true), -1, "form %zu", i);
    p = bl_log_softmax(x, -1);
    bl_tensor *y = bl_neg(bl_squeeze(bl_gather(p, -1, column), BL_AXES(-1)));
    cr_assert_eq(instructions_with(bl_add(y, bl_sum(p, BL_AXES(-1), false)), "cross_entropy", true), -1,
                 "the logarithms are used");
}

/* A target that is refused by hand is refused. */
Test(rewrite_forms, bad_targets_are_refused)
{
    bl_tensor *column = bl_unsqueeze(targets_of(INT64_MIN + 1), -1);
    bl_tensor *y = bl_neg(bl_mean(bl_gather(bl_log_softmax(block(0), -1), -1, column), BL_ALL_AXES, false));
    bl_program *program = bl_compile_list(context, &y, 1, NULL);
    cr_assert_eq(bl_run(program), BL_ERR_INDEX, "%s", error_text(bl_program_error(program)));
    bl_program_free(program);
}
