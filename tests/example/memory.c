/* The example's whole life (parameters, recording, gradients, compiling, running, freeing) with the k-th
 * allocation refused, for every k until nothing is refused any more: out of memory is what it says each time,
 * nothing is left over, and no parameter changes. */
#include "model.h"
#include "support/failing_allocator.h"
#include "train.h"

#include <criterion/criterion.h>
#include <string.h>

enum {
    STEPS = 3,
    ELEMENTS_MOST = CLASSES * WIDTH
};

/* The drawn values, to compare with: the parameters of both models. */
typedef struct values {
    float of[MODELS][3][ELEMENTS_MOST];
} values;

static const char *const names[3] = {"head.weight", "head.bias", "embedding.weight"};

static void take_values(const experiment *made, values *out)
{
    for (int i = 0; i < MODELS; i++)
        for (int j = 0; j < 3; j++) {
            bl_parameter *parameter = bl_params_find(made->models[i].params, names[j]);
            size_t count = (size_t)bl_shape_count(bl_parameter_shape(parameter));
            cr_assert_eq(bl_parameter_read(parameter, out->of[i][j], count * sizeof(float)), BL_OK);
        }
}

/* Where drawing itself failed, what was drawn afterwards comes from another place of the sequence. */
static void expect_values(const experiment *made, const values *drawn, long refused)
{
    for (int i = 0; i < MODELS; i++) {
        const bl_params *params = made->models[i].params;
        if (!params || bl_params_error(params)->code != BL_OK)
            return;
        for (int j = 0; j < 3; j++) {
            bl_parameter *parameter = bl_params_find(params, names[j]);
            size_t bytes = (size_t)bl_shape_count(bl_parameter_shape(parameter)) * sizeof(float);
            cr_assert_eq(memcmp(bl_parameter_data(parameter), drawn->of[i][j], bytes), 0,
                         "allocation %ld refused: %s %s changed", refused, model_names[i], names[j]);
        }
    }
}

/* One life. Returns whether it went well. */
static bool live(failing_allocator *allocator, history *losses, const values *drawn)
{
    long refused = allocator->fail_at;
    bl_context *context = failing_allocator_context(allocator);
    if (!context)
        return false;
    experiment made;
    bl_status status = experiment_make(&made, context, 0, FIRST_VALUES_TORCH, 0.001);
    if (status == BL_OK) {
        long before = allocator->calls;
        cr_assert_eq(train(&made, losses, NULL), BL_OK);
        cr_assert_eq(allocator->calls, before, "a run allocates");
    } else {
        cr_assert_eq(status, BL_ERR_MEMORY, "allocation %ld refused: %s", refused,
                     bl_context_error(context)->message);
        cr_assert_eq(bl_context_error(context)->code, BL_ERR_MEMORY,
                     "allocation %ld refused: the context says %s", refused,
                     bl_context_error(context)->message);
        expect_values(&made, drawn, refused);
    }
    experiment_free(&made);
    bl_context_free(context);
    return status == BL_OK;
}

static void refuse_each(bool for_good)
{
    values drawn;
    bl_context *context = bl_context_new(NULL);
    experiment made;
    cr_assert_eq(experiment_make(&made, context, 0, FIRST_VALUES_TORCH, 0.001), BL_OK);
    take_values(&made, &drawn);
    experiment_free(&made);
    bl_context_free(context);

    history losses;
    cr_assert(history_make(&losses, STEPS));
    bool refused = true;
    for (long k = 1; refused; k++) {
        failing_allocator allocator;
        char left[128];
        failing_allocator_init(&allocator);
        failing_allocator_fail(&allocator, k, for_good);
        bool well = live(&allocator, &losses, &drawn);
        cr_assert(failing_allocator_clean(&allocator, left, sizeof left), "allocation %ld refused: %s", k,
                  left);
        refused = failing_allocator_has_failed(&allocator);
        cr_assert(refused || well);
        cr_assert(refused || k > 10, "the library takes its memory from the context's allocator");
    }
    history_free(&losses);
}

Test(memory, one_allocation_refused)
{
    refuse_each(false);
}

Test(memory, all_further_allocations_refused)
{
    refuse_each(true);
}
