/* stack, chunk, narrow, broadcast_tensors, meshgrid. */
#include "derivatives.h"

TestSuite(stack, .init = open_all, .fini = close_all);

static bl_tensor *matrix(void)
{
    return REAL(BL_SHAPE(2, 3), 1, 2, 3, 4, 5, 6);
}

Test(stack, along_a_new_axis)
{
    bl_tensor *a = matrix(), *b = bl_neg(a), *pair[] = {a, b};
    bl_tensor *first = bl_stack(pair, 2, 0), *middle = bl_stack(pair, 2, 1), *last = bl_stack(pair, 2, -1);
    EXPECT_TYPE(first, BL_F64, BL_SHAPE(2, 2, 3));
    EXPECT(first, 1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6);
    EXPECT(middle, 1, 2, 3, -1, -2, -3, 4, 5, 6, -4, -5, -6);
    EXPECT_TYPE(last, BL_F64, BL_SHAPE(2, 3, 2));
    EXPECT(last, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6);
    EXPECT_DERIVATIVES(bl_stack((bl_tensor *[]){a, a, b}, 3, 1), a);
    bl_tensor *one = bl_scalar(graph, BL_I64, 1), *two = bl_scalar(graph, BL_I64, 2);
    EXPECT(bl_stack((bl_tensor *[]){one, two, one}, 3, -1), 1, 2, 1);
    EXPECT_TYPE(bl_stack(&one, 1, 0), BL_I64, BL_SHAPE(1));
    bl_tensor *none = EMPTY(BL_SHAPE(0, 2));
    EXPECT_TYPE(bl_stack((bl_tensor *[]){none, none}, 2, 0), BL_F64, BL_SHAPE(2, 0, 2));
}

Test(stack, refuses)
{
    bl_tensor *x = matrix(), *narrow = bl_cast(x, BL_F32), *turned = bl_transpose(x, 0, 1);
    bl_tensor *full = bl_reshape(x, BL_SHAPE(1, 1, 1, 1, 1, 1, 2, 3));
    EXPECT_ERROR(bl_stack((bl_tensor *[]){x, x, turned}, 3, 0), BL_ERR_SHAPE,
                 "bl_stack: tensors 0 and 2 differ: f64 [2,3] and f64 [3,2]", "test_stack.c");
    EXPECT_ERROR(bl_stack((bl_tensor *[]){x, narrow}, 2, 0), BL_ERR_DTYPE,
                 "bl_stack: tensors 0 and 1 differ: f64 [2,3] and f32 [2,3]");
    EXPECT_ERROR(bl_stack(&x, 1, 3), BL_ERR_ARGUMENT, "bl_stack: axis 3 has no place among those of [2,3]");
    EXPECT_ERROR(bl_stack(&full, 1, 0), BL_ERR_SHAPE, "bl_stack: ", "has no room for 1 more axes");
    EXPECT_ERROR(bl_stack((bl_tensor *[]){NULL, x}, 2, 0), BL_ERR_ARGUMENT, "bl_stack: a tensor is NULL");
    bl_tensor *huge = bl_full(graph, BL_BOOL, BL_SHAPE(INT64_MAX / 8), 1);
    EXPECT_ERROR(bl_stack((bl_tensor *[]){huge, huge}, 2, 0), BL_ERR_OVERFLOW,
                 "bl_stack: the elements of [2,1152921504606846975] cannot be counted");
    cr_assert_null(bl_stack(NULL, 2, 0));
    cr_assert_null(bl_stack(&x, 0, 0));
}

Test(stack, chunk)
{
    bl_tensor *x = REAL(BL_SHAPE(5), 1, 2, 3, 4, 5), *parts[4];
    cr_assert_eq(bl_chunk(x, 2, 0, parts), BL_OK);
    EXPECT(parts[0], 1, 2, 3);
    EXPECT(parts[1], 4, 5);
    cr_assert_eq(bl_chunk(x, 4, -1, parts), BL_OK);
    EXPECT(parts[0], 1, 2);
    EXPECT(parts[2], 5);
    EXPECT_TYPE(parts[3], BL_F64, BL_SHAPE(0));
    cr_assert_eq(bl_chunk(EMPTY(BL_SHAPE(2, 0)), 2, 1, parts), BL_OK);
    EXPECT_TYPE(parts[1], BL_F64, BL_SHAPE(2, 0));
    cr_assert_eq(bl_chunk(x, 2, 0, parts), BL_OK);
    EXPECT_DERIVATIVES(bl_mul(bl_slice(parts[0], 0, 0, 2, 1), parts[1]), x);
}

Test(stack, chunk_refuses)
{
    bl_tensor *x = matrix(), *parts[2] = {x, x};
    cr_assert_eq(bl_chunk(x, 2, 2, parts), BL_ERR_ARGUMENT);
    cr_assert(parts[1] != NULL && !bl_tensor_valid(parts[1]));
    EXPECT_ERROR(parts[0], BL_ERR_ARGUMENT, "bl_chunk: axis 2 is outside the rank of [2,3]");
    cr_assert_eq(bl_chunk(x, 0, 0, parts), BL_ERR_ARGUMENT);
    cr_assert(error_says(bl_graph_error(graph), BL_ERR_ARGUMENT, "bl_chunk: there are no parts", NULL));
    bl_graph_clear_error(graph);
    cr_assert_eq(bl_chunk(x, 2, 0, NULL), BL_ERR_ARGUMENT);
    cr_assert(error_says(bl_graph_error(graph), BL_ERR_ARGUMENT, "bl_chunk: the parts are NULL", NULL));
    bl_graph_clear_error(graph);
    cr_assert_eq(bl_chunk(NULL, 2, 0, parts), BL_ERR_ARGUMENT);
    cr_assert_null(parts[0]);
}

Test(stack, narrow)
{
    bl_tensor *x = matrix();
    EXPECT(bl_narrow(x, 1, 1, 2), 2, 3, 5, 6);
    EXPECT_TYPE(bl_narrow(x, -2, 2, 0), BL_F64, BL_SHAPE(0, 3));
    EXPECT_ERROR(bl_narrow(x, 1, 2, 2), BL_ERR_SHAPE,
                 "bl_narrow: 2 from 2 on do not lie inside axis 1 of [2,3]");
    EXPECT_ERROR(bl_narrow(x, 1, -1, 2), BL_ERR_SHAPE, "bl_narrow: 2 from -1 on");
    EXPECT_ERROR(bl_narrow(x, 1, 1, INT64_MAX), BL_ERR_SHAPE, "bl_narrow: ");
    EXPECT_ERROR(bl_narrow(x, 2, 0, 0), BL_ERR_ARGUMENT, "bl_narrow: axis 2 is outside");
    cr_assert_null(bl_narrow(NULL, 0, 0, 0));
}

Test(stack, broadcast_tensors)
{
    bl_tensor *a = REAL(BL_SHAPE(2, 1), 1, 2), *b = CONSTANT(BL_I32, BL_SHAPE(3), 3, 4, 5), *both[2];
    cr_assert_eq(bl_broadcast_tensors((bl_tensor *[]){a, b}, 2, both), BL_OK);
    EXPECT_TYPE(both[1], BL_I32, BL_SHAPE(2, 3));
    EXPECT(both[0], 1, 1, 1, 2, 2, 2);
    EXPECT(both[1], 3, 4, 5, 3, 4, 5);
    EXPECT_DERIVATIVES(both[0], a);
    bl_tensor *c = REAL(BL_SHAPE(2), 1, 2);
    cr_assert_eq(bl_broadcast_tensors((bl_tensor *[]){a, b, c}, 2, both), BL_OK);
    cr_assert_eq(bl_broadcast_tensors((bl_tensor *[]){b, c}, 2, both), BL_ERR_SHAPE);
    EXPECT_ERROR(both[1], BL_ERR_SHAPE, "bl_broadcast_tensors: shapes do not broadcast: [3] and [2]");
    cr_assert_eq(bl_broadcast_tensors((bl_tensor *[]){b, NULL}, 2, both), BL_ERR_ARGUMENT);
    EXPECT_ERROR(both[0], BL_ERR_ARGUMENT, "bl_broadcast_tensors: a tensor is NULL");
    cr_assert_eq(bl_broadcast_tensors(&a, 1, NULL), BL_ERR_ARGUMENT);
    bl_graph_clear_error(graph);
    cr_assert_eq(bl_broadcast_tensors(NULL, 1, both), BL_ERR_ARGUMENT);
}

Test(stack, meshgrid)
{
    bl_tensor *x = REAL(BL_SHAPE(2), 1, 2), *y = REAL(BL_SHAPE(3), 3, 4, 5), *z = bl_scalar(graph, BL_F64, 6);
    bl_tensor *lists[] = {x, y, z}, *grids[9];
    cr_assert_eq(bl_meshgrid(lists, 3, BL_MESHGRID_IJ, grids), BL_OK);
    EXPECT_TYPE(grids[2], BL_F64, BL_SHAPE(2, 3, 1));
    EXPECT(grids[0], 1, 1, 1, 2, 2, 2);
    EXPECT(grids[1], 3, 4, 5, 3, 4, 5);
    cr_assert_eq(bl_meshgrid(lists, 3, BL_MESHGRID_XY, grids), BL_OK);
    EXPECT_TYPE(grids[0], BL_F64, BL_SHAPE(3, 2, 1));
    EXPECT(grids[0], 1, 2, 1, 2, 1, 2);
    EXPECT(grids[1], 3, 3, 4, 4, 5, 5);
    EXPECT_DERIVATIVES(grids[1], y);
    cr_assert_eq(bl_meshgrid(lists, 1, BL_MESHGRID_XY, grids), BL_OK);
    EXPECT(grids[0], 1, 2);
    lists[0] = EMPTY(BL_SHAPE(0));
    cr_assert_eq(bl_meshgrid(lists, 2, BL_MESHGRID_IJ, grids), BL_OK);
    EXPECT_TYPE(grids[1], BL_F64, BL_SHAPE(0, 3));
}

Test(stack, meshgrid_refuses)
{
    bl_tensor *x = matrix(), *y = REAL(BL_SHAPE(1), 1), *grids[9];
    bl_tensor *many[9] = {y, y, y, y, y, y, y, y, y};
    cr_assert_eq(bl_meshgrid((bl_tensor *[]){y, x}, 2, BL_MESHGRID_IJ, grids), BL_ERR_SHAPE);
    EXPECT_ERROR(grids[1], BL_ERR_SHAPE, "bl_meshgrid: tensor 1 is [2,3], not a list of coordinates");
    cr_assert_eq(bl_meshgrid(many, 9, BL_MESHGRID_IJ, grids), BL_ERR_SHAPE);
    EXPECT_ERROR(grids[8], BL_ERR_SHAPE, "bl_meshgrid: a grid has at most 8 axes, not 9");
    cr_assert_eq(bl_meshgrid(many, 2, (bl_meshgrid_indexing)2, grids), BL_ERR_ARGUMENT);
    EXPECT_ERROR(grids[0], BL_ERR_ARGUMENT, "bl_meshgrid: there is no indexing 2");
    cr_assert_eq(bl_meshgrid(many, 2, BL_MESHGRID_IJ, NULL), BL_ERR_ARGUMENT);
    bl_graph_clear_error(graph);
    bl_tensor *huge = bl_full(graph, BL_BOOL, BL_SHAPE((int64_t)1 << 40), 1);
    cr_assert_eq(bl_meshgrid((bl_tensor *[]){huge, huge}, 2, BL_MESHGRID_IJ, grids), BL_ERR_OVERFLOW);
    EXPECT_ERROR(grids[0], BL_ERR_OVERFLOW, "bl_meshgrid: the elements of", "cannot be counted");
    cr_assert_eq(bl_meshgrid(NULL, 1, BL_MESHGRID_IJ, grids), BL_ERR_ARGUMENT);
    cr_assert_null(grids[0]);
}
