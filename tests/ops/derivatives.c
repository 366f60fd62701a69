/* Checking the derivatives of builders that are no ops of their own: see derivatives.h. */
#include "derivatives.h"

enum {
    MOST = 512
};

bl_tensor *numbers(bl_shape shape)
{
    double values[MOST];
    int64_t count = bl_shape_count(shape);
    cr_assert(count >= 0 && count <= MOST);
    for (int64_t i = 0; i < count; i++)
        values[i] = sin(1.0 + 2.0 * (double)i);
    return bl_constant(graph, BL_F64, shape, values);
}

static const char *compare(bl_tensor *output, bl_tensor *const *leaves, size_t count)
{
    static char text[400];
    bl_gradcheck_result result;
    bl_gradcheck(output, leaves, count, NULL, 0, NULL, &result);
    bl_gradcheck_format(&result, text, sizeof(text));
    return result.passed ? NULL : text;
}

const char *derivative_wrong(bl_tensor *output, bl_tensor *wrt)
{
    if (!bl_tensor_valid(output))
        return error_text(bl_graph_error(graph));
    const char *wrong = compare(output, &wrt, 1);
    if (wrong)
        return wrong;
    bl_tensor *cotangent = numbers(bl_tensor_shape(output)), *gradient;
    if (bl_grad(&output, 1, &cotangent, &wrt, 1, &gradient) != BL_OK)
        return error_text(bl_graph_error(graph));
    if (bl_is_unreached(gradient))
        return "the leaf is not reached";
    bl_tensor *weighed = bl_mul(bl_square(gradient), numbers(bl_tensor_shape(wrt)));
    bl_tensor *leaves[] = {wrt, cotangent};
    return compare(bl_sum(weighed, BL_ALL_AXES, false), leaves, 2);
}

void expect_index_error(bl_tensor *y, const char *index, const char *range)
{
    bl_program *program = bl_compile(context, y);
    cr_assert_eq(bl_run(program), BL_ERR_INDEX);
    cr_assert(error_says(bl_program_error(program), BL_ERR_INDEX, index, range, NULL), "%s",
              error_text(bl_program_error(program)));
    bl_program_free(program);
}
