/* What is printed of one run. */
#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Values as text: the largest is the target, 2*3*10 numbers of one digit with brackets and commas. */
typedef struct block {
    char text[1024];
} block;

/* The names of a model's parameters; one that is the same parameter as another says so. */
static void print_names(const bl_params *params)
{
    bl_parameter *parameter = NULL;
    const char *name = NULL;
    for (size_t i = 0; (name = bl_params_name_at(params, i, &parameter)); i++) {
        const char *canonical = bl_parameter_name(parameter);
        char shape[32];
        bl_shape_format(bl_parameter_shape(parameter), shape, sizeof shape);
        printf("%s%s ", i > 0 ? ", " : "", name);
        if (strcmp(name, canonical) == 0)
            printf("%s", shape);
        else
            printf("(is %s)", canonical);
    }
    putchar('\n');
}

/* What kind of run this is. */
static void print_run(const options *asked, const experiment *made, int64_t first)
{
    const double *lr = bl_parameter_data(bl_optimizer_lr(made->models[TIED].adam));
    printf("Weight tying: ");
    if (asked->load)
        printf("from step %" PRId64 " of %s", first, asked->load);
    else
        printf("seed %" PRIu64, asked->seed);
    printf(", %" PRId64 " steps of Adam, learning rate %g%s\n\n", asked->steps, *lr,
           asked->init == FIRST_VALUES_HEAD && !asked->load ? ", --init head" : "");
}

bl_status report_models(const options *asked, const experiment *made, int64_t first)
{
    float target[BATCH * LENGTH * CLASSES];
    bl_tensor *wanted = made->models[UNTIED].target;
    bl_status status = bl_eval(wanted, target, sizeof target);
    if (status != BL_OK)
        return status;
    block tokens, rows;
    bl_values_format(BL_I64, BL_SHAPE(BATCH, LENGTH), made->tokens, 0, tokens.text, sizeof tokens.text);
    bl_values_format(BL_F32, bl_tensor_shape(wanted), target, 0, rows.text, sizeof rows.text);

    print_run(asked, made, first);
    printf("Tokens\n%s\n\nTarget: which token each is\n%s\n\n", tokens.text, rows.text);

    const bl_params *untied = made->models[UNTIED].params, *tied = made->models[TIED].params;
    printf("%-16s %12s %12s\n", "Parameters", model_names[UNTIED], model_names[TIED]);
    printf("  %-14s %12" PRId64 " %12" PRId64 "\n", "by name", bl_params_named_elements(untied),
           bl_params_named_elements(tied));
    printf("  %-14s %12" PRId64 " %12" PRId64 "\n", "unique", bl_params_unique_elements(untied),
           bl_params_unique_elements(tied));
    for (int i = 0; i < MODELS; i++) {
        printf("  %-6s  ", model_names[i]);
        print_names(made->models[i].params);
    }
    putchar('\n');
    return BL_OK;
}

/* Says so where a model's losses stop being numbers. */
static void print_divergence(const history *losses)
{
    for (int i = 0; i < MODELS; i++) {
        int64_t step = 0;
        while (step < losses->steps && isfinite(losses->loss[i][step]))
            step++;
        if (step < losses->steps)
            printf("  The loss of the %s model is no number from step %" PRId64 " on.\n", model_names[i],
                   losses->first + step);
    }
}

static void print_losses(const history *losses)
{
    const int64_t shown[] = {0, 500, 1000, losses->steps - 1};
    const int count = (int)(sizeof shown / sizeof shown[0]);
    printf("%-16s %12s %12s\n", "Loss at step", model_names[UNTIED], model_names[TIED]);
    for (int i = 0; i < count; i++) {
        bool last = i == count - 1;
        if (shown[i] < 0 || (!last && shown[i] >= losses->steps - 1))
            continue;
        printf("  %-14" PRId64 " %12.6g %12.6g\n", losses->first + shown[i],
               (double)losses->loss[UNTIED][shown[i]], (double)losses->loss[TIED][shown[i]]);
    }
    print_divergence(losses);
    double steps = (double)losses->steps;
    printf("\n%-16s %12.0f %12.0f\n\n", "Steps a second", steps / losses->seconds[UNTIED],
           steps / losses->seconds[TIED]);
}

/* embedding.weight == head.weight, element by element, as text. */
static bl_status compare_weights(bl_context *context, const bl_params *params, block *out, int *equal)
{
    uint8_t same[CLASSES * WIDTH];
    bl_graph *graph = bl_graph_new(context);
    if (!graph)
        return bl_context_error(context)->code;
    bl_tensor *compared =
        bl_equal(bl_param(graph, params, "embedding.weight"), bl_param(graph, params, "head.weight"));
    bl_status status = bl_eval(compared, same, sizeof same);
    if (status == BL_OK) {
        bl_values_format(BL_BOOL, bl_tensor_shape(compared), same, 0, out->text, sizeof out->text);
        *equal = 0;
        for (int i = 0; i < CLASSES * WIDTH; i++)
            *equal += same[i];
    }
    bl_graph_free(graph);
    return status;
}

/* The next line of a text, padded to `width`; `text` moves behind it. */
static void print_line(const char **text, int width)
{
    int length = (int)strcspn(*text, "\n");
    printf("  %-*.*s", width, length, *text);
    *text += length + ((*text)[length] == '\n');
}

static bl_status print_comparison(const experiment *trained)
{
    block blocks[MODELS];
    int equal[MODELS] = {0, 0};
    for (int i = 0; i < MODELS; i++) {
        bl_status status =
            compare_weights(trained->context, trained->models[i].params, &blocks[i], &equal[i]);
        if (status != BL_OK)
            return status;
    }
    puts("embedding.weight == head.weight");
    for (int i = 0; i < MODELS; i++) {
        char title[64];
        snprintf(title, sizeof title, "%s: %d of %d equal", model_names[i], equal[i], CLASSES * WIDTH);
        printf(i == 0 ? "  %-26s" : "  %s\n", title);
    }
    const char *left = blocks[UNTIED].text, *right = blocks[TIED].text;
    while (*left && *right) {
        print_line(&left, 26);
        print_line(&right, 0);
        putchar('\n');
    }
    putchar('\n');
    return BL_OK;
}

bl_status report_training(const experiment *trained, const history *losses)
{
    if (losses->steps > 0)
        print_losses(losses);
    return print_comparison(trained);
}

void report_in_short(const options *asked, const experiment *trained, const history *losses)
{
    printf("seed %" PRIu64 ", %" PRId64 " steps:", asked->seed, asked->steps);
    for (int i = 0; i < MODELS; i++) {
        printf("%s %s %" PRId64 " parameters", i > 0 ? ";" : "", model_names[i],
               bl_params_unique_elements(trained->models[i].params));
        if (losses->steps > 0)
            printf(", last loss %.6g", (double)losses->loss[i][losses->steps - 1]);
    }
    putchar('\n');
}
