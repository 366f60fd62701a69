/* The example's numbers against PyTorch 1.13's for seeds 0, 1 and 2: the tokens, the first parameters to the
 * bit, and every loss of both models. parameters.csv and reference_seed*.csv hold PyTorch's values with nine
 * significant digits, which is enough to tell any two floats apart. */
#include "model.h"
#include "train.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS = 2000,
    SEEDS = 3,
    LINE = 1024
};

static FILE *open_reference(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", REFERENCE_FOLDER, name);
    FILE *file = fopen(path, "r");
    cr_assert(file, "cannot read %s", path);
    return file;
}

/* One line of parameters.csv: "seed,model,parameter,value,value,..." */
static void compare_parameter(char *line, experiment made[SEEDS])
{
    const char *seed = strtok(line, ","), *name = strtok(NULL, ","), *key = strtok(NULL, ",");
    cr_assert(seed && name && key);
    int which = strcmp(name, "tied") == 0 ? TIED : UNTIED;
    bl_parameter *parameter = bl_params_find(made[atoi(seed)].models[which].params, key);
    cr_assert(parameter, "%s has no %s", name, key);
    const float *values = bl_parameter_data(parameter);
    int64_t count = bl_shape_count(bl_parameter_shape(parameter));
    for (int64_t i = 0; i < count; i++) {
        const char *field = strtok(NULL, ",\n");
        cr_assert(field, "seed %s, %s %s: values are missing", seed, name, key);
        float expected = strtof(field, NULL);
        cr_assert_eq(memcmp(&expected, &values[i], sizeof expected), 0, "seed %s, %s %s[%d]: %.9g, not %.9g",
                     seed, name, key, (int)i, (double)values[i], (double)expected);
    }
    cr_assert_null(strtok(NULL, ",\n"), "seed %s, %s %s: more values than elements", seed, name, key);
}

Test(reference, first_values)
{
    static const int64_t tokens[BATCH * LENGTH] = {4, 9, 3, 0, 3, 9};
    bl_context *context = bl_context_new(NULL);
    experiment made[SEEDS];
    for (int seed = 0; seed < SEEDS; seed++) {
        cr_assert_eq(experiment_make(&made[seed], context, (uint64_t)seed, FIRST_VALUES_TORCH, 0.001), BL_OK);
        cr_assert_arr_eq(made[seed].tokens, tokens, sizeof tokens);
    }
    FILE *file = open_reference("parameters.csv");
    char line[LINE];
    int lines = 0;
    cr_assert(fgets(line, sizeof line, file)); /* the heading */
    for (; fgets(line, sizeof line, file); lines++)
        compare_parameter(line, made);
    fclose(file);
    cr_assert_eq(lines, SEEDS * 5, "untied has three parameters, tied has two");
    for (int seed = 0; seed < SEEDS; seed++)
        experiment_free(&made[seed]);
    bl_context_free(context);
}

/* --init head draws the untied embedding anew, in the head's range, and changes nothing else. */
Test(reference, first_values_as_the_head)
{
    bl_context *context = bl_context_new(NULL);
    experiment torch, head;
    cr_assert_eq(experiment_make(&torch, context, 7, FIRST_VALUES_TORCH, 0.001), BL_OK);
    cr_assert_eq(experiment_make(&head, context, 7, FIRST_VALUES_HEAD, 0.001), BL_OK);
    for (int which = 0; which < MODELS; which++) {
        bl_parameter *parameter = NULL;
        for (size_t i = 0; (parameter = bl_params_at(torch.models[which].params, i)); i++) {
            const char *name = bl_parameter_name(parameter);
            bl_parameter *other = bl_params_find(head.models[which].params, name);
            size_t bytes = (size_t)bl_shape_count(bl_parameter_shape(parameter)) * sizeof(float);
            bool same = memcmp(bl_parameter_data(parameter), bl_parameter_data(other), bytes) == 0;
            bool drawn_anew = which == UNTIED && strcmp(name, "embedding.weight") == 0;
            cr_assert_eq(same, !drawn_anew, "%s %s", model_names[which], name);
        }
    }
    const float *values = bl_parameter_data(bl_params_find(head.models[UNTIED].params, "embedding.weight"));
    float largest = 0;
    for (int i = 0; i < CLASSES * WIDTH; i++)
        largest = fmaxf(largest, fabsf(values[i]));
    cr_assert_leq(largest, 0.57735032F);
    cr_assert_gt(largest, 0.5F, "30 values of +-0.577 come close to the bound");
    cr_assert_arr_eq(torch.tokens, head.tokens, sizeof torch.tokens);
    experiment_free(&torch);
    experiment_free(&head);
    bl_context_free(context);
}

Test(reference, losses)
{
    bl_context *context = bl_context_new(NULL);
    history losses;
    cr_assert(history_make(&losses, STEPS));
    for (int seed = 0; seed < SEEDS; seed++) {
        experiment made;
        cr_assert_eq(experiment_make(&made, context, (uint64_t)seed, FIRST_VALUES_TORCH, 0.001), BL_OK);
        cr_assert_eq(train(&made, &losses, NULL), BL_OK);
        char name[32], line[LINE];
        snprintf(name, sizeof name, "reference_seed%d.csv", seed);
        FILE *file = open_reference(name);
        cr_assert(fgets(line, sizeof line, file)); /* the heading */
        int step = 0;
        for (; fgets(line, sizeof line, file); step++) {
            int read_step = -1;
            double expected[MODELS];
            cr_assert_eq(sscanf(line, "%d,%lf,%lf", &read_step, &expected[UNTIED], &expected[TIED]), 3);
            cr_assert_eq(read_step, step);
            cr_assert_lt(step, STEPS);
            for (int i = 0; i < MODELS; i++) {
                double loss = (double)losses.loss[i][step];
                /* The sums are taken in another order than PyTorch's, hence not to the bit. */
                cr_assert(fabs(loss - expected[i]) <= 1e-4 * expected[i],
                          "seed %d, step %d, %s: %.9g, not %.9g", seed, step, model_names[i], loss,
                          expected[i]);
            }
        }
        cr_assert_eq(step, STEPS, "%s has %d rows", name, step);
        fclose(file);
        experiment_free(&made);
    }
    history_free(&losses);
    bl_context_free(context);
}

/* What tying means: one parameter, one node, two names, before and after training. */
Test(reference, counts)
{
    static const int64_t unique[MODELS] = {[UNTIED] = 70, [TIED] = 40};
    bl_context *context = bl_context_new(NULL);
    experiment made;
    history losses;
    cr_assert(history_make(&losses, 10));
    cr_assert_eq(experiment_make(&made, context, 0, FIRST_VALUES_TORCH, 0.001), BL_OK);
    cr_assert_eq(train(&made, &losses, NULL), BL_OK);
    for (int i = 0; i < MODELS; i++) {
        const bl_params *params = made.models[i].params;
        cr_assert_eq(bl_params_named_elements(params), 70);
        cr_assert_eq(bl_params_unique_elements(params), unique[i]);
        cr_assert_eq(bl_params_find(params, "embedding.weight") == bl_params_find(params, "head.weight"),
                     i == TIED);
    }
    experiment_free(&made);
    history_free(&losses);
    bl_context_free(context);
}
