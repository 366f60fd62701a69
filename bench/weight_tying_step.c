/* What one training step of the tied model of examples/weight_tying costs: embedding [10,3], linear layer
 * with the same weight, softmax, mean squared error against the one-hot tokens, and Adam's update.
 *
 * usage: weight_tying_step [--batches N] [--steps N] */
#include "timing.h"

#include <bowline/bowline.h>
#include <stdio.h>
#include <string.h>

enum {
    CLASSES = 10,
    WIDTH = 3,
    MOST_BATCHES = 999
};

/* The step as a tape and as a program, with what it needs. */
typedef struct trainer {
    bl_context *context;
    bl_params *params;
    bl_optimizer *adam;
    bl_graph *graph;
    bl_tensor *loss;
    bl_program *step;
} trainer;

static void make(trainer *t)
{
    const int64_t tokens[] = {4, 9, 3, 0, 3, 9};
    t->context = bl_context_new(NULL);
    t->params = bl_params_new(t->context);
    bl_rng *rng = bl_rng_new(t->context, 0);
    bl_linear_params(t->params, "head", WIDTH, CLASSES, true, rng);
    bl_params_register(t->params, "embedding.weight", bl_params_find(t->params, "head.weight"));
    bl_rng_free(rng);

    t->adam = bl_adam(t->context, NULL);
    t->graph = bl_graph_new(t->context);
    bl_tensor *input = bl_constant(t->graph, BL_I64, BL_SHAPE(2, 3), tokens);
    bl_tensor *weight = bl_param(t->graph, t->params, "head.weight");
    bl_tensor *bias = bl_param(t->graph, t->params, "head.bias");
    bl_tensor *embedded =
        bl_embedding(bl_param(t->graph, t->params, "embedding.weight"), input); /* [2,3,3] */
    bl_tensor *predicted = bl_softmax(bl_linear(embedded, weight, bias), -1);   /* [2,3,10] */
    t->loss = bl_mse_loss(predicted, bl_one_hot(input, CLASSES, BL_F32));
    t->step = bl_compile(t->context, t->loss, bl_minimize(t->adam, t->loss));
}

static void drop(trainer *t)
{
    bl_program_free(t->step);
    bl_graph_free(t->graph);
    bl_optimizer_free(t->adam);
    bl_params_free(t->params);
    bl_context_free(t->context);
}

/* Microseconds a step of one batch of steps; negative when a step fails. */
static double time_batch(const trainer *t, long steps)
{
    double begun = seconds_now();
    for (long i = 0; i < steps; i++) {
        if (bl_run(t->step) != BL_OK)
            return -1;
    }
    return 1e6 * (seconds_now() - begun) / (double)steps;
}

static bool measure(const trainer *t, long batches, long steps)
{
    double times[MOST_BATCHES];
    if (time_batch(t, steps) < 0) /* warms up */
        return false;
    double first = bl_item(t->step, t->loss);
    double begun = cpu_seconds_now();
    for (long i = 0; i < batches; i++) {
        times[i] = time_batch(t, steps);
        if (times[i] < 0)
            return false;
    }
    double cpu = 1e6 * (cpu_seconds_now() - begun) / (double)(batches * steps);
    double middle = median(times, (size_t)batches);
    printf("%.3f us a step: median of %ld batches of %ld steps, %.3f to %.3f\n", middle, batches, steps,
           times[0], times[batches - 1]);
    printf("%.3f us of CPU time a step, mean\n", cpu);
    printf("%zu instructions, %zu bytes of workspace\n", bl_program_instruction_count(t->step),
           bl_program_workspace_bytes(t->step));
    printf("loss %.6g after %ld steps, %.6g after %ld\n", first, steps, bl_item(t->step, t->loss),
           (batches + 1) * steps);
    return true;
}

int main(int count, char **arguments)
{
    long batches = 15, steps = 2000;
    for (int i = 1; i < count; i += 2) {
        bool batch = strcmp(arguments[i], "--batches") == 0, step = strcmp(arguments[i], "--steps") == 0;
        long value = i + 1 < count ? positive(arguments[i + 1], batch ? MOST_BATCHES : 100000000) : 0;
        if (value == 0 || (!batch && !step)) {
            fprintf(stderr, "usage: weight_tying_step [--batches 1..%d] [--steps N]\n", MOST_BATCHES);
            return 2;
        }
        *(batch ? &batches : &steps) = value;
    }
    trainer t;
    make(&t);
    bool measured = measure(&t, batches, steps);
    if (!measured) {
        char text[512];
        bl_error_format(bl_context_error(t.context), text, sizeof text);
        fprintf(stderr, "weight_tying_step: %s\n", text);
    }
    drop(&t);
    return measured ? 0 : 1;
}
