/* Steps of a group that one tile function computes: which are found, and that the bits are those of the steps
 * one after the other, on every set of instructions. */
#include "cpu/compound.h"
#include "graph/memory.h"
#include "ops/attributes.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    MOST = 101, /* elements: whole vectors and a rest */
    NODES = 4,
    INPUTS = 3
};

/* Steps as ops and slots, and what is to become of them. */
typedef struct chain {
    uint8_t inputs, steps;
    uint8_t one; /* 1 + the input that is one element; 0 for none */
    struct {
        uint8_t key, slot[INPUTS];
    } step[NODES];
} chain;

/* clang-format off */
static const chain chains[] = {
    {2, 3, 0, {{BL__KEY_mul_scalar, {0}}, {BL__KEY_mul_scalar, {1}}, {BL__KEY_add, {2, 3}}}},
    {2, 4, 0, {{BL__KEY_mul_scalar, {0}}, {BL__KEY_mul_scalar, {1}}, {BL__KEY_mul, {3, 1}}, {BL__KEY_add, {2, 4}}}},
    {2, 4, 0, {{BL__KEY_mul_scalar, {1}}, {BL__KEY_mul, {2, 1}}, {BL__KEY_mul_scalar, {0}}, {BL__KEY_add, {4, 3}}}},
    {2, 3, 0, {{BL__KEY_sqrt, {0}}, {BL__KEY_mul, {2, 1}}, {BL__KEY_add_scalar, {3}}}},
    {2, 3, 2, {{BL__KEY_sqrt, {0}}, {BL__KEY_mul, {2, 1}}, {BL__KEY_add_scalar, {3}}}},
    {3, 2, 0, {{BL__KEY_mul, {0, 1}}, {BL__KEY_div, {3, 2}}}},
    {3, 2, 2, {{BL__KEY_mul, {0, 1}}, {BL__KEY_div, {3, 2}}}},
    {2, 3, 0, {{BL__KEY_square, {1}}, {BL__KEY_scalar_sub, {2}}, {BL__KEY_mul, {0, 3}}}},
    {2, 3, 0, {{BL__KEY_scalar_sub, {1}}, {BL__KEY_mul, {1, 2}}, {BL__KEY_mul, {0, 3}}}},
    {3, 2, 0, {{BL__KEY_mul, {1, 2}}, {BL__KEY_add, {0, 3}}}},
    {3, 2, 0, {{BL__KEY_mul, {1, 2}}, {BL__KEY_sub, {0, 3}}}},
    {3, 2, 3, {{BL__KEY_mul, {1, 2}}, {BL__KEY_sub, {0, 3}}}},
    {2, 2, 0, {{BL__KEY_mul_scalar, {0}}, {BL__KEY_add, {2, 1}}}},
    {2, 2, 0, {{BL__KEY_sub, {0, 1}}, {BL__KEY_square, {2}}}},
    {2, 1, 2, {{BL__KEY_add, {0, 1}}}},
    {2, 1, 2, {{BL__KEY_sub, {0, 1}}}},
    {2, 1, 2, {{BL__KEY_mul, {0, 1}}}},
    {2, 1, 1, {{BL__KEY_mul, {0, 1}}}},
    {2, 1, 2, {{BL__KEY_div, {0, 1}}}},
};
/* clang-format on */
enum {
    CHAINS = sizeof(chains) / sizeof(chains[0])
};

static bl_allocator allocator;
static bl__arena arena;

static void open_arena(void)
{
    allocator = bl__default_allocator();
    bl__arena_init(&arena, &allocator);
}

static void close_arena(void)
{
    bl__arena_free(&arena);
}

TestSuite(compound, .init = open_arena, .fini = close_arena);

/* A call of as many inputs of MOST elements, one of them perhaps of one element everywhere. */
typedef struct inputs {
    int64_t size, one_stride, stride;
    bl__operand operand[INPUTS], *pointer[INPUTS];
    bl__environment environment;
    bl__call call;
} inputs;

static const bl__call *describe(inputs *in, const bl__kernel_set *set, const chain *c, bl_dtype dtype)
{
    *in = (inputs){.size = MOST, .stride = 1, .environment = {.threads = 1, .kernels = set}};
    for (int i = 0; i < INPUTS; i++) {
        in->operand[i] = (bl__operand){.size = &in->size,
                                       .stride = i + 1 == c->one ? &in->one_stride : &in->stride,
                                       .count = MOST,
                                       .dtype = (uint8_t)dtype,
                                       .rank = 1};
        in->pointer[i] = &in->operand[i];
    }
    in->call = (bl__call){.inputs = in->pointer, .environment = &in->environment, .input_count = c->inputs};
    return &in->call;
}

static bl__group *build(const bl__kernel_set *set, const chain *c, bl_dtype dtype)
{
    static const bl__scalar_attributes numbers[NODES] = {{0.9}, {0.1}, {1e-3}, {1.5}};
    bl__group *group = bl__arena_take(&arena, sizeof(*group));
    *group = (bl__group){.step_count = c->steps};
    for (int s = 0; s < c->steps; s++) {
        bl__step *step = &group->step[s];
        *step = (bl__step){.tile = set->tiles[c->step[s].key][dtype],
                           .attributes = &numbers[s],
                           .bytes = (uint8_t)bl_dtype_size(dtype),
                           .is_output = s == c->steps - 1};
        bool two = c->step[s].key == BL__KEY_add || c->step[s].key == BL__KEY_sub ||
                   c->step[s].key == BL__KEY_mul || c->step[s].key == BL__KEY_div;
        step->input_count = two ? 2 : 1;
        memcpy(step->input, c->step[s].slot, sizeof(step->input));
    }
    return group;
}

static double value_at(int input, int i)
{
    return 0.01 + ((i * 37 + input * 11) % 101) / 50.0;
}

/* The last value of a group whose slots are all filled, one element where the group reads only that. */
static const void *run(const bl__group *group, int input_count, int one, int64_t n, bl_dtype dtype)
{
    size_t bytes = bl_dtype_size(dtype);
    void *slot[INPUTS + NODES];
    for (int k = 0; k < input_count + (int)group->step_count; k++)
        slot[k] = bl__arena_take(&arena, MOST * bytes);
    for (int k = 0; k < input_count; k++) {
        for (int i = 0; i < MOST; i++) {
            bool reads_one = group->ones >> k & 1u;
            double value = reads_one && i > 0 ? 1e30 : value_at(k, k + 1 == one ? 0 : i);
            if (dtype == BL_F32)
                ((float *)slot[k])[i] = (float)value;
            else
                ((double *)slot[k])[i] = value;
        }
    }
    for (int64_t s = 0; s < group->step_count; s++) {
        const bl__step *step = &group->step[s];
        const void *in[BL__TILE_INPUTS] = {slot[step->input[0]], slot[step->input[1]], slot[step->input[2]]};
        step->tile(n, slot[input_count + s], in, step->attributes);
    }
    return slot[input_count + group->step_count - 1];
}

static void expect_compound(const bl__kernel_set *set, int index, bl_dtype dtype)
{
    static const int64_t counts[] = {1, 3, 16, MOST};
    const chain *c = &chains[index];
    inputs in;
    const bl__group *alone = build(set, c, dtype);
    const bl__group *made = bl__group_of_compounds(describe(&in, set, c, dtype), alone, true, &arena);
    cr_assert(made && made != alone, "chain %d, %s", index, bl_instruction_set_name(set->instructions));
    cr_expect_eq(made->step_count, 1, "chain %d", index);
    cr_expect_eq(made->ones, c->one ? 1u << (c->one - 1) : 0, "chain %d", index);
    cr_expect(made->step[0].is_output);
    for (int i = 0; i < 4; i++) {
        const void *want = run(alone, c->inputs, c->one, counts[i], dtype);
        const void *got = run(made, c->inputs, c->one, counts[i], dtype);
        cr_expect_arr_eq(got, want, (size_t)counts[i] * bl_dtype_size(dtype), "chain %d, %s, %d elements",
                         index, bl_instruction_set_name(set->instructions), (int)counts[i]);
    }
}

Test(compound, has_the_bits_of_its_steps)
{
    for (int set = BL_ISA_PLAIN; set <= BL_ISA_AVX512; set++) {
        const bl__kernel_set *kernels = bl__kernel_set_of((bl_instruction_set)set);
        for (int i = 0; i < CHAINS && kernels; i++) {
            expect_compound(kernels, i, BL_F32);
            expect_compound(kernels, i, BL_F64);
        }
    }
}

/* ---- what is left alone ---- */

static const chain *const average = &chains[0];

static int64_t steps_left(bl__group *group, const chain *c, bool ones)
{
    inputs in;
    const bl__kernel_set *set = bl__kernel_set_of(BL_ISA_DEFAULT);
    const bl__group *made = bl__group_of_compounds(describe(&in, set, c, BL_F32), group, ones, &arena);
    cr_assert(made);
    return made->step_count;
}

static bl__group *build_default(const chain *c)
{
    return build(bl__kernel_set_of(BL_ISA_DEFAULT), c, BL_F32);
}

Test(compound, keeps_values_that_others_take)
{
    bl__group *group = build_default(average);
    cr_expect_eq(steps_left(group, average, true), 1);
    group->step[0].is_output = true;
    cr_expect_eq(steps_left(group, average, true), 3, "a product is wanted");
    static const struct bl__reducer *const any = (const void *)&chains; /* not looked into */
    bl__group *reduced = build_default(&chains[3]);
    reduced->reducer = any;
    reduced->reduced = 3; /* the product in the middle */
    cr_expect_eq(steps_left(reduced, &chains[3], true), 3);
    reduced->reduced = 4;
    cr_expect_eq(steps_left(reduced, &chains[3], true), 1);
}

/* A sum that comes out between the steps may stand where one of them reads. */
Test(compound, does_not_move_a_step_past_an_output)
{
    static const chain between = {
        2,
        4,
        0,
        {{BL__KEY_sqrt, {0}}, {BL__KEY_add, {1, 1}}, {BL__KEY_mul, {2, 1}}, {BL__KEY_add_scalar, {4}}}};
    bl__group *group = build_default(&between);
    cr_expect_eq(steps_left(group, &between, true), 2);
    group->step[1].is_output = true;
    cr_expect_eq(steps_left(group, &between, true), 4);
}

Test(compound, reads_one_element_only_where_all_do)
{
    inputs in;
    const bl__kernel_set *set = bl__kernel_set_of(BL_ISA_DEFAULT);
    const chain *scaled = &chains[16];
    cr_expect_eq(steps_left(build_default(scaled), scaled, false), 1);
    bl__group *group = build_default(scaled);
    cr_expect_eq(bl__group_of_compounds(describe(&in, set, scaled, BL_F32), group, false, &arena), group);
    static const chain both = {2, 2, 2, {{BL__KEY_mul, {0, 1}}, {BL__KEY_maximum, {2, 1}}}};
    group = build_default(&both);
    group->step[1].input_count = 2;
    const bl__group *made = bl__group_of_compounds(describe(&in, set, &both, BL_F32), group, true, &arena);
    cr_expect_eq(made->ones, 0, "the maximum takes as many as there are");
    static const chain itself = {2, 1, 2, {{BL__KEY_mul, {1, 1}}}};
    group = build_default(&itself);
    made = bl__group_of_compounds(describe(&in, set, &itself, BL_F32), group, true, &arena);
    cr_expect_eq(made->ones, 0, "as does the other side of a square");
}
