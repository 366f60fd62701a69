/* Looking for NaN and infinity while a program runs: at leaves, at what instructions make, and at new states.
 */
#include "exec/check.h"
#include "graph/text.h"
#include "ops/attributes.h"
#include "ops/keys.h"

#include <math.h>
#include <string.h>

bool bl__recorded_infinite(const bl_op *op, const void *attributes)
{
    switch (op->key) {
    case BL__KEY_add_scalar:
    case BL__KEY_sub_scalar:
    case BL__KEY_mul_scalar:
    case BL__KEY_div_scalar:
    case BL__KEY_pow_scalar:
    case BL__KEY_maximum_scalar:
    case BL__KEY_minimum_scalar:
    case BL__KEY_scalar_sub:
    case BL__KEY_scalar_div:
        return isinf(((const bl__scalar_attributes *)attributes)->value);
    case BL__KEY_pad:
        return isinf(((const bl__pad_attributes *)attributes)->value);
    case BL__KEY_threshold:
        return isinf(((const bl__threshold_attributes *)attributes)->value);
    case BL__KEY_clamp:
    case BL__KEY_hardtanh: /* infinity above, say, is what there is at most; below, it is what there is */
        return ((const bl__bounds_attributes *)attributes)->least == (double)INFINITY ||
               ((const bl__bounds_attributes *)attributes)->most == -(double)INFINITY;
    default:
        return false;
    }
}

/* ---- looking ---- */

enum {
    BLOCK = 2048 /* elements that are looked at before the next question */
};

/* Whether one of n elements has all bits of the exponent, as only NaN and infinity have. */
#define HAS_LARGEST_EXPONENT(name, type, exponent)              \
    static bool has_##name(size_t n, const type *x)             \
    {                                                           \
        type found = 0;                                         \
        for (size_t i = 0; i < n; i++)                          \
            found |= (type)((x[i] & (exponent)) == (exponent)); \
        return found != 0;                                      \
    }
HAS_LARGEST_EXPONENT(f32, uint32_t, 0x7f800000U)
HAS_LARGEST_EXPONENT(f64, uint64_t, 0x7ff0000000000000U)
HAS_LARGEST_EXPONENT(f16, uint16_t, 0x7c00U)
HAS_LARGEST_EXPONENT(bf16, uint16_t, 0x7f80U)

/* Whether a value has such elements in a block; false for dtypes that have none. */
static bool has_not_finite(bl_dtype dtype, size_t n, const void *data)
{
    switch (dtype) {
    case BL_F32:
        return has_f32(n, data);
    case BL_F64:
        return has_f64(n, data);
    case BL_F16:
        return has_f16(n, data);
    case BL_BF16:
        return has_bf16(n, data);
    default:
        return false;
    }
}

/* What a value may hold besides finite numbers. */
enum {
    INFINITIES = 1,
    NANS = 2
};

/* What there is in a value: the first element that must not be, -1 for none, how many there are, and whether
 * there are others that are not finite but may be. */
typedef struct finding {
    int64_t first, count;
    double value;
    bool has_others;
} finding;

static finding look_at(const bl_program *p, const bl__operand *value, int may_hold)
{
    finding found = {.first = -1};
    const unsigned char *data = bl__value_data(p, value);
    bl_dtype dtype = (bl_dtype)value->dtype;
    size_t size = bl_dtype_size(dtype);
    int64_t count = value->contiguous || value->count == 0 ? value->count : 1; /* bl_full's is one element */
    for (int64_t start = 0; start < count; start += BLOCK) {
        int64_t n = count - start < BLOCK ? count - start : BLOCK;
        const unsigned char *block = data + (size_t)start * size;
        if (!has_not_finite(dtype, (size_t)n, block))
            continue;
        for (int64_t i = 0; i < n; i++) {
            double element = bl__element_as_double(dtype, block, i);
            if (isfinite(element))
                continue;
            if (may_hold & (isinf(element) ? INFINITIES : NANS))
                found.has_others = true;
            else if (found.count++ == 0) {
                found.first = start + i;
                found.value = element;
            }
        }
    }
    return found;
}

/* ---- telling ---- */

static const char *name_of_value(double value)
{
    return isnan(value) ? "NaN" : value > 0 ? "inf" : "-inf";
}

static bl_shape index_of(int64_t flat, bl_shape shape)
{
    bl_shape index = {.rank = shape.rank};
    for (int d = shape.rank - 1; d >= 0; d--) {
        index.size[d] = flat % shape.size[d];
        flat /= shape.size[d];
    }
    return index;
}

static void keep(bl_program *p, bl_not_finite_kind kind, const bl__instruction_name *name,
                 const bl__operand *value, const finding *found)
{
    bl_shape shape = bl_shape_of(value->rank, value->size);
    p->finding = (bl_not_finite){.kind = kind,
                                 .op = name->op,
                                 .label = name->label,
                                 .scope = name->scope,
                                 .file = name->file,
                                 .line = name->line,
                                 .dtype = (bl_dtype)value->dtype,
                                 .shape = shape,
                                 .index = index_of(found->first, shape),
                                 .value = found->value,
                                 .count = found->count};
}

/* " at [0,1] of f32 [2,3] and 4 more" */
static void say_where(bl__text *text, const bl_not_finite *found)
{
    if (found->shape.rank > 0) {
        bl__text_add(text, " at ");
        bl__text_shape(text, found->index);
    }
    bl__text_add(text, " of %s ", bl_dtype_name(found->dtype));
    bl__text_shape(text, found->shape);
    if (found->count > 1)
        bl__text_add(text, " and %lld more", (long long)found->count - 1);
}

/* Reports what was kept: `before` the value, and the place with what comes behind it. */
static bl_status report(bl_program *p, const char *op, const char *before, const char *behind)
{
    const bl_not_finite *found = &p->finding;
    char text[192];
    bl__text where = {text, sizeof(text), 0};
    say_where(&where, found);
    p->head.error = (bl_error){.code = BL_OK};
    bl__report(p->head.context, &p->head.error, BL_ERR_NOT_FINITE, op, found->scope, "%s%s%s%s%s%s%s", before,
               name_of_value(found->value), text, behind, found->label ? " (" : "",
               found->label ? found->label : "", found->label ? ")" : "");
    if (found->file)
        bl__report_place(p->head.context, &p->head.error, found->file, found->line);
    return BL_ERR_NOT_FINITE;
}

static bl_status report_named(bl_program *p, const char *what, const char *name, const char *verb)
{
    char before[128];
    bl__text text = {before, sizeof(before), 0};
    if (name)
        bl__text_add(&text, "the %s \"%.80s\" %s ", what, name, verb);
    else
        bl__text_add(&text, "a %s %s ", what, verb);
    return report(p, "run", before, "");
}

/* ---- leaves ---- */

static bl_status refuse_leaf(bl_program *p, const bl__leaf *leaf, const finding *found)
{
    const bl__storage *storage = &p->storages[leaf->value->storage];
    bl_not_finite_kind kind = storage->place == BL__INPUT   ? BL_NOT_FINITE_INPUT
                              : storage->place == BL__STATE ? BL_NOT_FINITE_STATE
                                                            : BL_NOT_FINITE_CONSTANT;
    keep(p, kind, leaf->name, leaf->value, found);
    if (kind == BL_NOT_FINITE_CONSTANT)
        return report_named(p, "constant", NULL, "holds");
    p->finding_owner = storage->owner;
    if (kind == BL_NOT_FINITE_INPUT)
        return report_named(p, "input", p->inputs[storage->owner].name, "holds");
    const bl_parameter *parameter = p->states[storage->owner].parameter;
    return report_named(p, parameter->buffer ? "buffer" : "parameter", parameter->name, "holds");
}

/* Numbers and constants are part of the program, but a constant is no place for NaN. */
static int may_leaf_hold(const bl_program *p, const bl__leaf *leaf)
{
    if (p->storages[leaf->value->storage].place != BL__CONSTANT)
        return p->check == BL_CHECK_NAN ? INFINITIES : 0;
    return leaf->is_number ? INFINITIES | NANS : INFINITIES;
}

bl_status bl__check_leaves(bl_program *p)
{
    for (size_t i = 0; i < p->leaf_count; i++) {
        const bl__leaf *leaf = &p->leaves[i];
        finding found = look_at(p, leaf->value, may_leaf_hold(p, leaf));
        if (found.first >= 0)
            return refuse_leaf(p, leaf, &found);
        p->storages[leaf->value->storage].is_not_finite = found.has_others;
    }
    return BL_OK;
}

/* ---- results ---- */

static bool has_such_operand(const bl_program *p, const bl__call *call)
{
    for (size_t i = 0; i < call->input_count; i++) {
        if (p->storages[call->inputs[i]->storage].is_not_finite)
            return true;
    }
    return false;
}

static bl_status refuse_result(bl_program *p, size_t instruction, size_t output, bool from_operand,
                               const finding *found)
{
    const bl__call *call = &p->instructions[instruction].call;
    const bl__instruction_name *name = p->instructions[instruction].name;
    keep(p, BL_NOT_FINITE_RESULT, name, call->outputs[output], found);
    p->finding.instruction = instruction;
    p->finding.output = (int)output;
    p->finding.from_operand = from_operand;
    char before[64];
    bl__text text = {before, sizeof(before), 0};
    if (call->output_count > 1)
        bl__text_add(&text, "output %zu has ", output);
    else
        bl__text_add(&text, "gives ");
    return report(p, name->op, before, from_operand ? ", of an operand that is not finite" : "");
}

bl_status bl__check_results(bl_program *p, size_t instruction)
{
    const bl__call *call = &p->instructions[instruction].call;
    bool from_operand = has_such_operand(p, call);
    for (size_t i = 0; i < call->output_count; i++) {
        bl__storage *storage = &p->storages[call->outputs[i]->storage];
        storage->is_not_finite = from_operand;
        if (!storage->is_checked)
            continue;
        bool may_be_infinite = p->check == BL_CHECK_NAN || from_operand || storage->may_be_infinite;
        finding found = look_at(p, call->outputs[i], may_be_infinite ? INFINITIES : 0);
        if (found.first >= 0)
            return refuse_result(p, instruction, i, from_operand, &found);
        storage->is_not_finite = found.has_others;
    }
    return BL_OK;
}

/* ---- effects ---- */

/* The first element that a state of f32 cannot hold, of a value in f64. */
static finding look_for_overflow(const bl_program *p, const bl__operand *value)
{
    finding found = {.first = -1};
    const double *x = bl__value_data(p, value);
    for (int64_t i = 0; i < value->count; i++) {
        if (isfinite((float)x[i]) || found.count++ > 0)
            continue;
        found.first = i;
        found.value = (double)(float)x[i];
    }
    return found;
}

static bool is_narrowed(const bl_program *p, const bl__effect *effect)
{
    return effect->value->dtype == BL_F64 && p->states[effect->state].parameter->dtype == BL_F32;
}

bl_status bl__check_effects(bl_program *p)
{
    for (size_t i = 0; i < p->effect_count; i++) {
        const bl__effect *effect = &p->effects[i];
        finding found = {.first = -1};
        if (is_narrowed(p, effect) && p->check == BL_CHECK_FINITE)
            found = look_for_overflow(p, effect->value);
        else if (p->storages[effect->value->storage].is_not_finite)
            found = look_at(p, effect->value, p->check == BL_CHECK_NAN ? INFINITIES : 0);
        if (found.first < 0)
            continue;
        const bl_parameter *parameter = p->states[effect->state].parameter;
        keep(p, BL_NOT_FINITE_UPDATE, effect->name, effect->value, &found);
        p->finding_owner = effect->state;
        return report_named(p, parameter->buffer ? "buffer" : "parameter", parameter->name, "would hold");
    }
    return BL_OK;
}

/* ---- asking ---- */

bl_not_finite bl_program_not_finite(const bl_program *program)
{
    if (!program || !program->head.valid)
        return (bl_not_finite){.kind = BL_NOT_FINITE_NOTHING};
    bl_not_finite found = program->finding;
    if (found.kind == BL_NOT_FINITE_INPUT)
        found.name = program->inputs[program->finding_owner].name;
    else if (found.kind == BL_NOT_FINITE_STATE || found.kind == BL_NOT_FINITE_UPDATE)
        found.name = program->states[program->finding_owner].parameter->name;
    return found;
}
