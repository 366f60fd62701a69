/* Prints what the table of ops knows of each: a line of NAME, how it runs, its derivative, and what NaN,
 * infinity and minus infinity in one element of its first operand make of the elements that depend on it,
 * separated by tabs. scripts/make-ops-page puts it into docs/ops.md. Looks at the table (ops/registry.h) and
 * at samples (exec/opcheck.h). */
#include "bowline/bowline.h"
#include "exec/opcheck.h"
#include "ops/registry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEEDS = 200
};

static const char *how_it_runs(const bl_op *op)
{
    if (op->flags & BL_OP_LEAF)
        return "leaf";
    if (op->flags & BL_OP_EFFECT)
        return "effect";
    if (op->flags & BL__OP_COMPOSITE)
        return "other ops";
    return op->view ? "view" : "kernel";
}

static const char *derivative(const bl_op *op)
{
    if (op->vjp || op->decompose)
        return "any order";
    return op->flags & BL_OP_PIECEWISE ? "zero" : "none";
}

/* One value in words: what is not NaN, infinite, 0 or 1 depends on the sample. */
static const char *word(double y)
{
    if (isnan(y))
        return "NaN";
    if (isinf(y))
        return y > 0 ? "inf" : "-inf";
    return y == 0 ? "0" : y == 1 ? "1" : y == -1 ? "-1" : "finite";
}

/* Whether a value changed. */
static bool differs(double a, double b)
{
    return a != b && !(isnan(a) && isnan(b));
}

/* The different words of the elements that changed, as "NaN, 0". */
static void describe(const double *before, const double *after, int64_t count, char *text, size_t size)
{
    text[0] = '\0';
    for (int64_t i = 0; i < count; i++) {
        const char *new = word(after[i]);
        if (!differs(before[i], after[i]) || strstr(text, new))
            continue;
        size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "", new);
    }
    if (!text[0])
        snprintf(text, size, "as before");
}

/* Of an op that is made of others, whose operand is the sample's first leaf: that with another number. */
static bool change_leaf(bl__op_checker *c, bl__op_sample *s, double number, bool *runs)
{
    double *leaf = s->leaf_count > 0 ? bl__sampler_leaf(s->sampler, 0)->values : NULL;
    if (!leaf || bl_tensor_count(s->leaves[0]) == 0 || bl_tensor_parameter(s->leaves[0]))
        return false;
    if (!bl__op_values(c, s, "facts", s->outputs[0], c->values[0]))
        return false;
    leaf[0] = number;
    *runs = bl__op_values(c, s, "facts", s->outputs[0], c->values[1]);
    return true;
}

/* The first operand that is of floats, or can be. */
static size_t find_operand(const bl__op_sample *s)
{
    const bl__node *node = s->node;
    size_t i = 0;
    while (i < node->input_count && !bl__op_is_real(node->inputs[i]))
        i++;
    return i == node->input_count && i == 1 && !(node->op->flags & BL__OP_RANDOM) ? 0 : i;
}

/* Of any other op: its node applied to the operand's values as constants, and with another number. */
static bool change_operand(bl__op_checker *c, bl__op_sample *s, double number, bool *runs)
{
    bl_tensor *inputs[BL__CHECK_LEAVES], *applied[2];
    const bl__node *node = s->node;
    size_t operand = find_operand(s);
    if (operand == node->input_count || bl_tensor_count(node->inputs[operand]) == 0 ||
        !bl__op_values(c, s, "facts", node->inputs[operand], c->values[0]))
        return false;
    memcpy(inputs, node->inputs, node->input_count * sizeof(*inputs));
    for (int i = 0; i < 2; i++) {
        if (i == 1)
            c->values[0][0] = number;
        inputs[operand] = bl_constant(s->graph, BL_F64, bl_tensor_shape(inputs[operand]), c->values[0]);
        applied[i] = bl_apply(s->graph, node->op, inputs, node->input_count, bl__attributes(node));
    }
    if (!bl_tensor_valid(applied[0]) || !bl__op_values(c, s, "facts", applied[0], c->values[0]))
        return false;
    *runs = bl__op_values(c, s, "facts", applied[1], c->values[1]);
    return true;
}

/* What a number in the first element of the first operand changes; false where this sample shows nothing. */
static bool try_sample(bl__op_checker *c, bl__op_sample *s, double number, char *text, size_t size)
{
    bool runs;
    if (bl_tensor_count(s->outputs[0]) <= 0)
        return false;
    if (!(s->node ? change_operand : change_leaf)(c, s, number, &runs))
        return false;
    if (runs)
        describe(c->values[0], c->values[1], bl_tensor_count(s->node ? &s->node->outputs[0] : s->outputs[0]),
                 text, size);
    else
        snprintf(text, size, "error at run");
    return true;
}

/* By the first sample that shows a change, or "as before" where none does. */
static void find_special(bl__op_checker *c, double number, char *text, size_t size)
{
    snprintf(text, size, "-");
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        bl__op_sample s;
        bool seen = bl__op_draw(c, seed, BL_F64, &s) && try_sample(c, &s, number, text, size);
        bl__op_sample_free(&s);
        if (seen && strcmp(text, "as before") != 0)
            return;
    }
}

/* By its key: several entries may have the name that their users know. */
static const char *const key_names[] = {
#define NAME(op) #op,
    BL__OPS(NAME)
#undef NAME
};

static void print(bl_context *context, const bl_op *op, double *values)
{
    static const double numbers[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    bl_op_check_result result = {.passed = true};
    bl__op_checker checker = {.context = context, .op = op, .result = &result};
    for (size_t i = 0; i < 3; i++)
        checker.values[i] = values + i * (size_t)BL__CHECK_VALUES;
    printf("%s\t%s\t%s", key_names[op->key - 1], how_it_runs(op), derivative(op));
    for (size_t i = 0; i < 3; i++) {
        char text[80] = "-";
        if (!(op->flags & (BL_OP_LEAF | BL_OP_EFFECT)))
            find_special(&checker, numbers[i], text, sizeof(text));
        printf("\t%s", text);
    }
    printf("\n");
}

int main(void)
{
    bl_context *context = bl_context_new(NULL);
    double *values = calloc(3 * (size_t)BL__CHECK_VALUES, sizeof(*values));
    for (int i = 0; context && values && i < BL__OP_COUNT; i++)
        print(context, bl__ops[i], values);
    bool done = context && values;
    free(values);
    bl_context_free(context);
    return done ? 0 : 1;
}
