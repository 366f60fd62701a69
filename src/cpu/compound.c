/* Finds steps of a group that one tile function computes at once, and puts it in their place (compound.h). */
#include "cpu/compound.h"

#include <string.h>

enum {
    NODES = 4, /* the most steps of a compound */
    NODE = BL__TILE_INPUTS,
    NO_SLOT = 255
};

/* A step of a compound: its op, and its operands: inputs of the compound, from 0 on, or from NODE on the
 * compound's own steps before. */
struct node {
    uint8_t key, operand[BL__TILE_INPUTS];
};

/* What a compound computes; its last step comes out. Where several fit, the first is taken. */
struct pattern {
    uint8_t inputs, one; /* 1 + the input that is one element; 0 for none */
    uint8_t nodes;
    struct node node[NODES];
};

#define OWN(i) (NODE + (i))
static const struct pattern patterns[BL__COMPOUND_COUNT] = {
    [BL__COMPOUND_average] =
        {2, 0, 3, {{BL__KEY_mul_scalar, {0}}, {BL__KEY_mul_scalar, {1}}, {BL__KEY_add, {OWN(0), OWN(1)}}}},
    [BL__COMPOUND_average_square] = {2,
                                     0,
                                     4,
                                     {{BL__KEY_mul_scalar, {0}},
                                      {BL__KEY_mul_scalar, {1}},
                                      {BL__KEY_mul, {OWN(1), 1}},
                                      {BL__KEY_add, {OWN(0), OWN(2)}}}},
    [BL__COMPOUND_scaled_root_one] =
        {2, 2, 3, {{BL__KEY_sqrt, {0}}, {BL__KEY_mul, {OWN(0), 1}}, {BL__KEY_add_scalar, {OWN(1)}}}},
    [BL__COMPOUND_scaled_root] =
        {2, 0, 3, {{BL__KEY_sqrt, {0}}, {BL__KEY_mul, {OWN(0), 1}}, {BL__KEY_add_scalar, {OWN(1)}}}},
    [BL__COMPOUND_share_one] = {3, 3, 2, {{BL__KEY_mul, {0, 2}}, {BL__KEY_div, {OWN(0), 1}}}},
    [BL__COMPOUND_share] = {3, 0, 2, {{BL__KEY_mul, {0, 1}}, {BL__KEY_div, {OWN(0), 2}}}},
    [BL__COMPOUND_slope_of_tanh] =
        {2, 0, 3, {{BL__KEY_square, {1}}, {BL__KEY_scalar_sub, {OWN(0)}}, {BL__KEY_mul, {0, OWN(1)}}}},
    [BL__COMPOUND_slope_of_sigmoid] =
        {2, 0, 3, {{BL__KEY_scalar_sub, {1}}, {BL__KEY_mul, {1, OWN(0)}}, {BL__KEY_mul, {0, OWN(1)}}}},
    [BL__COMPOUND_plus_product] = {3, 0, 2, {{BL__KEY_mul, {1, 2}}, {BL__KEY_add, {0, OWN(0)}}}},
    [BL__COMPOUND_less_product_one] = {3, 3, 2, {{BL__KEY_mul, {1, 2}}, {BL__KEY_sub, {0, OWN(0)}}}},
    [BL__COMPOUND_less_product] = {3, 0, 2, {{BL__KEY_mul, {1, 2}}, {BL__KEY_sub, {0, OWN(0)}}}},
    [BL__COMPOUND_plus_scaled] = {2, 0, 2, {{BL__KEY_mul_scalar, {0}}, {BL__KEY_add, {OWN(0), 1}}}},
    [BL__COMPOUND_squared_difference] = {2, 0, 2, {{BL__KEY_sub, {0, 1}}, {BL__KEY_square, {OWN(0)}}}},
    [BL__COMPOUND_add_one] = {2, 2, 1, {{BL__KEY_add, {0, 1}}}},
    [BL__COMPOUND_sub_one] = {2, 2, 1, {{BL__KEY_sub, {0, 1}}}},
    [BL__COMPOUND_mul_one] = {2, 2, 1, {{BL__KEY_mul, {0, 1}}}},
    [BL__COMPOUND_one_mul] = {2, 2, 1, {{BL__KEY_mul, {1, 0}}}},
    [BL__COMPOUND_div_one] = {2, 2, 1, {{BL__KEY_div, {0, 1}}}},
};

/* ---- finding ---- */

/* Where a pattern fits: the group's slots of its inputs, and the group's steps that are its own. */
struct match {
    const struct pattern *pattern;
    bl_dtype dtype;
    uint8_t input[BL__TILE_INPUTS], step[NODES];
};

struct search {
    const bl__kernel_set *set;
    const bl__call *call;
    const bl__group *group;
    uint32_t inputs; /* of the group */
    bool ones;
    uint8_t uses[BL__GROUP_SLOTS]; /* by slot */
    bool is_inner[BL__GROUP_STEPS];
    uint8_t one[BL__GROUP_STEPS]; /* which input a step reads as one element, + 1 */
};

static void count_uses(struct search *search)
{
    const bl__group *group = search->group;
    memset(search->uses, 0, search->inputs + (size_t)group->step_count);
    memset(search->is_inner, 0, (size_t)group->step_count);
    memset(search->one, 0, (size_t)group->step_count);
    for (int64_t s = 0; s < group->step_count; s++) {
        for (int i = 0; i < group->step[s].input_count; i++)
            search->uses[group->step[s].input[i]]++;
        search->uses[search->inputs + s] = group->step[s].is_output;
    }
    if (group->reducer)
        search->uses[group->reduced]++;
}

/* Whether step s of the group may be this node of the pattern, and what it takes the nodes before. */
static bool fits(const struct search *search, struct match *match, int node, int64_t s)
{
    const struct node *wanted = &match->pattern->node[node];
    const bl__step *step = &search->group->step[s];
    bool fit = step->tile == search->set->tiles[wanted->key][match->dtype];
    match->step[node] = (uint8_t)s;
    for (int i = 0; i < step->input_count && fit; i++) {
        uint8_t slot = step->input[i], operand = wanted->operand[i];
        if (operand >= NODE)
            fit = slot >= search->inputs && search->uses[slot] == 1 &&
                  fits(search, match, operand - NODE, slot - search->inputs);
        else if (match->input[operand] == NO_SLOT)
            match->input[operand] = slot;
        else
            fit = match->input[operand] == slot;
    }
    return fit;
}

/* What stands before the last step of a match moves to where that stands. So nothing may come out between:
 * it could be written over what the step reads. */
static bool may_move(const struct search *search, const struct match *match)
{
    int last = match->pattern->nodes - 1;
    int64_t first = match->step[0];
    for (int i = 1; i < last; i++)
        first = match->step[i] < first ? match->step[i] : first;
    bool may = true;
    for (int64_t s = first; s < match->step[last] && may; s++)
        may = !search->group->step[s].is_output;
    return may;
}

/* Whether a slot is an input of one element everywhere. */
static bool is_one(const struct search *search, uint8_t slot)
{
    const bl__operand *operand = slot < search->inputs ? search->call->inputs[slot] : NULL;
    bool one = search->ones && operand;
    for (int d = 0; one && d < operand->rank; d++)
        one = operand->size[d] == 1 || operand->stride[d] == 0;
    return one;
}

/* The compound that ends with step s; BL__COMPOUND_COUNT for none. */
static int find(const struct search *search, int64_t s, struct match *match)
{
    bl__tile tile = search->group->step[s].tile;
    for (int c = 0; c < BL__COMPOUND_COUNT; c++) {
        const struct pattern *pattern = match->pattern = &patterns[c];
        const bl__tile *row = search->set->tiles[pattern->node[pattern->nodes - 1].key];
        if (tile != row[BL_F32] && tile != row[BL_F64])
            continue;
        match->dtype = tile == row[BL_F32] ? BL_F32 : BL_F64;
        memset(match->input, NO_SLOT, sizeof(match->input));
        if (fits(search, match, pattern->nodes - 1, s) && may_move(search, match) &&
            (pattern->one == 0 || is_one(search, match->input[pattern->one - 1])))
            return c;
    }
    return BL__COMPOUND_COUNT;
}

/* ---- putting in ---- */

/* The step of a match. */
static bool set_step(const struct search *search, const struct match *match, bl__tile tile, bl__arena *arena,
                     bl__step *step)
{
    const struct pattern *pattern = match->pattern;
    const void **attributes = bl__arena_take(arena, pattern->nodes * sizeof(*attributes));
    if (!attributes)
        return false;
    for (int i = 0; i < pattern->nodes; i++)
        attributes[i] = search->group->step[match->step[i]].attributes;
    *step = search->group->step[match->step[pattern->nodes - 1]];
    step->tile = tile;
    step->attributes = attributes;
    step->input_count = pattern->inputs;
    for (int i = 0; i < BL__TILE_INPUTS; i++)
        step->input[i] = i < pattern->inputs ? match->input[i] : 0;
    return true;
}

/* Takes out the steps that are in others, and counts slots anew. */
static void close_up(const struct search *search, bl__group *group)
{
    uint8_t slot[BL__GROUP_SLOTS];
    int64_t count = 0;
    for (uint32_t k = 0; k < search->inputs; k++)
        slot[k] = (uint8_t)k;
    for (int64_t s = 0; s < group->step_count; s++) {
        if (search->is_inner[s])
            continue;
        bl__step step = group->step[s];
        for (int i = 0; i < step.input_count; i++)
            step.input[i] = slot[step.input[i]];
        slot[search->inputs + s] = (uint8_t)(search->inputs + count);
        group->step[count++] = step;
    }
    if (group->reducer)
        group->reduced = slot[group->reduced];
    group->step_count = count;
}

/* The inputs that no step, nor the reduction, reads but as one element. */
static uint16_t find_ones(const struct search *search, const bl__group *group)
{
    unsigned ones = 0, others = 0;
    for (int64_t s = 0; s < group->step_count; s++) {
        for (int i = 0; i < group->step[s].input_count && !search->is_inner[s]; i++) {
            uint8_t slot = group->step[s].input[i];
            *(i + 1 == search->one[s] ? &ones : &others) |= slot < search->inputs ? 1u << slot : 0;
        }
    }
    if (group->reducer && group->reduced < search->inputs)
        others |= 1u << group->reduced;
    return (uint16_t)(ones & ~others);
}

const bl__group *bl__group_of_compounds(const bl__call *call, const bl__group *group, bool ones,
                                        bl__arena *arena)
{
    struct search search = {.set = call->environment->kernels,
                            .call = call,
                            .group = group,
                            .inputs = call->input_count,
                            .ones = ones};
    bl__group *made = NULL;
    count_uses(&search);
    for (int64_t s = group->step_count - 1; s >= 0; s--) {
        struct match match;
        int found = search.is_inner[s] ? BL__COMPOUND_COUNT : find(&search, s, &match);
        if (found == BL__COMPOUND_COUNT)
            continue;
        size_t bytes = offsetof(bl__group, step) + (size_t)group->step_count * sizeof(bl__step);
        if (!made) {
            made = bl__arena_take(arena, bytes);
            if (!made)
                return NULL;
            memcpy(made, group, bytes);
        }
        if (!set_step(&search, &match, search.set->compounds[found][match.dtype], arena, &made->step[s]))
            return NULL;
        for (int i = 0; i < match.pattern->nodes - 1; i++)
            search.is_inner[match.step[i]] = true;
        search.one[s] = match.pattern->one;
    }
    if (made) {
        made->ones = find_ones(&search, made);
        close_up(&search, made);
    }
    return made ? made : group;
}
