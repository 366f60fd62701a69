/* The example's medians and sign test, against values worked out by hand and by exact integer arithmetic. */
#include "statistics.h"

#include <criterion/criterion.h>
#include <math.h>

static void expect_p(int64_t wins, int64_t losses, double p)
{
    double found = sign_test(wins, losses);
    cr_assert(fabs(found - p) <= 1e-9 * p, "%d to %d: %.17g, not %.17g", (int)wins, (int)losses, found, p);
    cr_assert(sign_test(losses, wins) == found, "either side may be the one that wins");
}

Test(statistics, sign_test)
{
    expect_p(0, 0, 1);
    expect_p(1, 0, 1);
    expect_p(5, 5, 1);
    expect_p(6, 0, 2.0 / 64);
    expect_p(9, 3, 2.0 * (1 + 12 + 66 + 220) / 4096);
    /* 2 sum C(n, i) / 2^n in integers of any size, rounded once at the end */
    expect_p(527, 473, 0.09368729147549666);
    expect_p(600, 400, 2.7284641560660184e-10);
    expect_p(1000, 0, 1.8665272370064378e-301);
}

Test(statistics, median)
{
    cr_assert(isnan(median(NULL, 0)));
    cr_assert_eq(median((double[]){3}, 1), 3);
    cr_assert_eq(median((double[]){3, 1, 2}, 3), 2);
    cr_assert_eq(median((double[]){4, 1, 3, 2}, 4), 2.5);
    cr_assert_eq(median((double[]){INFINITY, 1, INFINITY}, 3), INFINITY);
}
