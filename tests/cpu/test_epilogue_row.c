/* Which rows a small product may add itself, and the group that is left. */
#include "cpu/epilogue_row.h"
#include "cpu/kernel_set.h"
#include "graph/memory.h"

#include <criterion/criterion.h>

enum {
    PRODUCT,
    BIAS,
    OTHER,
    INPUTS,
    SUM = INPUTS, /* slots of steps */
    TANH,
    DIFFERENCE
};

static int64_t space[2] = {4, 6}, whole[2] = {6, 1}, column[2] = {1, 0}, across[2] = {0, 1};
static bl__operand operand[INPUTS], *pointer[INPUTS];
static bl__environment environment;
static bl__group *group;
static bl__epilogue epilogue;
static bl__call call, group_call;
static bl__arena arena;
static bl_allocator allocator;

/* tanh(product + bias) - other, of which both outputs are f32 [4,6]. */
static void build(void)
{
    const bl__kernel_set *set = bl__kernel_set_of(BL_ISA_DEFAULT);
    allocator = bl__default_allocator();
    bl__arena_init(&arena, &allocator);
    group = bl__arena_take(&arena, sizeof(*group));
    environment = (bl__environment){.threads = 1, .kernels = set};
    for (int i = 0; i < INPUTS; i++) {
        operand[i] = (bl__operand){.size = space, .stride = whole, .count = 24, .dtype = BL_F32, .rank = 2};
        pointer[i] = &operand[i];
    }
    operand[BIAS] =
        (bl__operand){.size = space + 1, .stride = whole + 1, .count = 6, .dtype = BL_F32, .rank = 1};
    *group = (bl__group){.size = space, .rank = 2, .step_count = 3};
    group->step[0] = (bl__step){
        .tile = set->tiles[BL__KEY_add][BL_F32], .input_count = 2, .input = {PRODUCT, BIAS}, .bytes = 4};
    group->step[1] = (bl__step){.tile = set->tiles[BL__KEY_tanh][BL_F32],
                                .input_count = 1,
                                .input = {SUM},
                                .bytes = 4,
                                .is_output = true};
    group->step[2] = (bl__step){.tile = set->tiles[BL__KEY_sub][BL_F32],
                                .input_count = 2,
                                .input = {TANH, OTHER},
                                .bytes = 4,
                                .is_output = true};
    epilogue = (bl__epilogue){
        .group = group, .product = &operand[PRODUCT], .factors = 2, .input = PRODUCT, .outputs = 2};
    call = (bl__call){.environment = &environment, .output_count = 2};
    group_call = (bl__call){.inputs = pointer,
                            .attributes = group,
                            .environment = &environment,
                            .input_count = INPUTS,
                            .output_count = 2};
}

static void release(void)
{
    bl__arena_free(&arena);
}

TestSuite(epilogue_row, .init = build, .fini = release);

static int found(void)
{
    return bl__epilogue_find_row(&epilogue, &call, &group_call);
}

Test(epilogue_row, goes_to_the_product)
{
    cr_assert_eq(found(), BIAS);
    cr_assert(bl__epilogue_drop_row(&group_call, BIAS, PRODUCT, &arena));
    const bl__group *rest = group_call.attributes;
    cr_expect_eq(group_call.input_count, INPUTS - 1);
    cr_expect_eq(group_call.inputs[1], &operand[OTHER]);
    cr_expect_eq(rest->step_count, 2);
    cr_expect_eq(rest->step[0].tile, group->step[1].tile);
    cr_expect_eq(rest->step[0].input[0], PRODUCT, "tanh takes the sum, which is the product now");
    cr_expect_eq(rest->step[1].input[0], INPUTS - 1, "the first step is tanh");
    cr_expect_eq(rest->step[1].input[1], 1);
}

Test(epilogue_row, may_be_all_that_there_is)
{
    group->step_count = 1;
    group->step[0].is_output = true;
    epilogue.outputs = 1;
    cr_expect_eq(found(), BIAS);
    group->reducer = (const void *)&group; /* not looked into */
    group->reduced = SUM;
    cr_expect_eq(found(), -1);
}

Test(epilogue_row, stays_where_more_than_the_sum_is_wanted)
{
    group->step[0].is_output = true;
    cr_expect_eq(found(), -1);
    group->step[0].is_output = false;
    group->step[2].input[1] = PRODUCT;
    cr_expect_eq(found(), -1, "the product without the row");
    group->step[2].input[1] = BIAS;
    cr_expect_eq(found(), -1, "the row");
    group->step[2].input[1] = SUM;
    cr_expect_eq(found(), -1, "the sum, when tanh stands in its place");
    epilogue.home = 1;
    cr_expect_eq(found(), BIAS);
    epilogue.home = 2;
    cr_expect_eq(found(), -1, "others have the product");
}

Test(epilogue_row, is_one_row_for_all)
{
    operand[BIAS] = operand[OTHER];
    cr_expect_eq(found(), -1, "rows of its own for each");
    operand[BIAS].stride = across;
    cr_expect_eq(found(), BIAS);
    operand[BIAS].stride = column;
    cr_expect_eq(found(), -1, "a column");
    operand[BIAS] =
        (bl__operand){.size = whole + 1, .stride = whole + 1, .count = 1, .dtype = BL_F32, .rank = 1};
    cr_expect_eq(found(), -1, "a number");
    operand[BIAS] = (bl__operand){.count = 1, .dtype = BL_F32};
    cr_expect_eq(found(), -1, "of no axis");
}

Test(epilogue_row, is_added_by_the_first_step_to_the_product)
{
    group->step[0].tile = environment.kernels->tiles[BL__KEY_sub][BL_F32];
    cr_expect_eq(found(), -1);
    group->step[0].tile = environment.kernels->tiles[BL__KEY_add][BL_F32];
    group->step[0].input[0] = OTHER;
    cr_expect_eq(found(), -1);
}
