/* fmod and remainder against plain loops: layouts, broadcasting, and zeros among the divisors. */
#include "call.h"

#include <criterion/criterion.h>
#include <math.h>

static const bl_dtype numbers[] = {BL_F32, BL_F64, BL_I32, BL_I64};

static double expected(int key, double a, double b)
{
    double rest = fmod(a, b);
    return key == BL__KEY_remainder && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* Numbers of both signs, none of them 0. */
static tensor *divisors(bl_dtype dtype, bl_shape shape, layout how)
{
    tensor *t = new_tensor(dtype, shape, how);
    for (int64_t i = 0; i < t->operand.count; i++)
        set(t, i, (double)(i % 5 - 2) == 0 ? 3 : (double)(i % 5 - 2));
    return t;
}

static void check(int key, bl_dtype dtype, bl_shape shape, layout first, layout second)
{
    tensor *a = new_tensor(dtype, BL_SHAPE(6, 40), first), *b = divisors(dtype, shape, second);
    tensor *out = new_tensor(dtype, BL_SHAPE(6, 40), PLAIN);
    tensor *in[2] = {a, b};
    set_all(a, 1000);
    cr_assert_eq(call_kernel(key, in, 2, out, NULL), BL_OK, "%s", reason);
    for (int64_t i = 0; i < 240; i++) {
        double wanted = expected(key, get(a, i), get(b, i % b->operand.count));
        cr_assert(same(get(out, i), wanted), "key %d %s, layouts %d %d, element %d: %g, not %g", key,
                  bl_dtype_name(dtype), (int)first, (int)second, (int)i, get(out, i), wanted);
    }
    free_tensor(a);
    free_tensor(b);
    free_tensor(out);
}

Test(remainder, of_any_layout)
{
    for (int key = BL__KEY_fmod; key <= BL__KEY_remainder; key++)
        for (int t = 0; t < 4; t++)
            for (unsigned l = 0; l < LAYOUT_COUNT * LAYOUT_COUNT; l++) {
                check(key, numbers[t], BL_SHAPE(6, 40), l % LAYOUT_COUNT, l / LAYOUT_COUNT);
                check(key, numbers[t], BL_SHAPE(40), l % LAYOUT_COUNT, l / LAYOUT_COUNT);
            }
}

/* Wherever the zero is: an error, and nothing is written. */
Test(remainder, zero_among_the_divisors)
{
    for (int t = 2; t < 4; t++)
        for (unsigned l = 0; l < LAYOUT_COUNT; l++)
            for (int64_t place = 0; place < 240; place += 239) {
                tensor *a = new_tensor(numbers[t], BL_SHAPE(6, 40), PLAIN);
                tensor *b = divisors(numbers[t], BL_SHAPE(6, 40), l);
                tensor *out = new_tensor(numbers[t], BL_SHAPE(6, 40), PLAIN);
                tensor *in[2] = {a, b};
                set(b, place, 0);
                for (int64_t i = 0; i < 240; i++)
                    set(out, i, 77);
                cr_assert_eq(call_kernel(BL__KEY_fmod, in, 2, out, NULL), BL_ERR_ARGUMENT);
                cr_assert_str_eq(reason, t == 2 ? "i32 divided by zero" : "i64 divided by zero");
                for (int64_t i = 0; i < 240; i++)
                    cr_assert_eq(get(out, i), 77);
                free_tensor(a);
                free_tensor(b);
                free_tensor(out);
            }
}
