/* Wrong vjps: each op's is wrapped so that one of its gradients comes out negated, missing, 1 % too large or
 * in another's place, and the check of samples must catch every one that changes anything. Looks at
 * exec/opcheck.h, which lets an op be replaced in a sample. */
#include "check.h"
#include "exec/opcheck.h"
#include "ops/registry.h"
#include "support/counts.h"

#include <criterion/parameterized.h>

enum {
    SAMPLES = 40,
    SAMPLES_TO_SWAP =
        200, /* few have two inputs of one shape, and of some of those both gradients are zero */
    MOST_INPUTS_CHANGED = 6
};

TestSuite(mutants, .init = open_all, .fini = close_all, .timeout = 300);

typedef enum change_kind {
    NEGATED,
    MISSING,
    SCALED,
    SWAPPED,
    CHANGES
} change_kind;

static const char *const change_names[CHANGES] = {"negated", "missing", "scaled", "swapped"};

/* The op that stands in for another: one at a time, since a vjp is told of nothing but its op. */
static struct {
    bl_op op;
    const bl_op *original;
    change_kind change;
    size_t input; /* whose gradient is changed */
    bool changed; /* it was */
} mutant;

/* The next input after the mutant's that has a gradient of the same shape and dtype; the input itself when
 * none has. */
static size_t partner(const bl_vjp_call *call)
{
    const bl_tensor *own = call->inputs[mutant.input];
    for (size_t j = mutant.input + 1; j < call->input_count; j++) {
        const bl_tensor *other = call->inputs[j];
        if (call->gradients[j] && call->gradients[j] != call->gradients[mutant.input] &&
            bl_tensor_dtype(own) == bl_tensor_dtype(other) &&
            bl_shape_equal(bl_tensor_shape(own), bl_tensor_shape(other)))
            return j;
    }
    return mutant.input;
}

static void mutated_vjp(bl_vjp_call *call)
{
    mutant.original->vjp(call);
    if (mutant.input >= call->input_count || !bl_tensor_valid(call->gradients[mutant.input]))
        return;
    bl_tensor **gradient = &call->gradients[mutant.input], *kept = *gradient;
    bool is_empty = bl_tensor_count(kept) == 0;
    if (mutant.change == NEGATED) {
        *gradient = bl_neg(*gradient);
    } else if (mutant.change == MISSING) {
        *gradient = NULL;
    } else if (mutant.change == SCALED) {
        *gradient = bl_mul_scalar(*gradient, 1.01);
    } else {
        size_t other = partner(call);
        *gradient = call->gradients[other];
        call->gradients[other] = kept;
    }
    mutant.changed = mutant.changed || (*gradient != kept && !is_empty);
}

static void replace(bl__node *node, void *data)
{
    (void)data;
    node->op = &mutant.op;
}

/* 16-bit floats compute nothing, so nothing is changed there. */
static bool caught(const bl_op *op, change_kind change, size_t input)
{
    bl_op_check_result result;
    bl_op_check_options options = {.seed = 0, .samples = change == SWAPPED ? SAMPLES_TO_SWAP : SAMPLES};
    bl__op_checker checker = {
        .context = context, .op = op, .result = &result, .recorded = replace, .gradients_only = true};
    mutant.op = *op;
    mutant.op.vjp = mutated_vjp;
    mutant.original = op;
    mutant.change = change;
    mutant.input = input;
    mutant.changed = false;
    bl__op_check(&checker, &options);
    return !result.passed;
}

static int keys[] = {
#define KEY(name) BL__KEY_##name,
    BL__OPS(KEY)
#undef KEY
};

ParameterizedTestParameters(mutants, are_caught)
{
    return cr_make_param_array(int, keys, sizeof(keys) / sizeof(keys[0]));
}

ParameterizedTest(int *key, mutants, are_caught)
{
    const bl_op *op = bl__ops[*key - 1];
    int made = 0, found = 0;
    if (!op->vjp || (op->flags & BL__OP_COMPOSITE))
        return;
    for (size_t input = 0; input < MOST_INPUTS_CHANGED && (int64_t)input < op->max_inputs; input++) {
        for (change_kind c = NEGATED; c < (op->max_inputs > 1 ? CHANGES : SWAPPED); c++) {
            bool good = caught(op, c, input);
            made += mutant.changed;
            found += mutant.changed && good;
            cr_expect(good || !mutant.changed, "%s: the gradient of input %zu, %s, passes the check",
                      op->name, input, change_names[c]);
        }
    }
    cr_assert_gt(made, 0, "%s: no gradient could be changed", op->name);
    counts_add("vjp_mutants", made);
    counts_add("vjp_mutants_caught", found);
}
