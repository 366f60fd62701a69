/* Contexts in several threads are independent: each thread trains a model and multiplies large matrices in a
 * context of its own, at the same time, and gets the bits that one thread alone gets. A plain program, for
 * thread checkers. */
#include "bowline/bowline.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    THREADS = 4,
    SIDE = 48,
    STEPS = 12
};

/* What one thread computes: the loss of each step, and the last product. */
typedef struct outcome {
    bool good;
    double losses[STEPS];
    float product[SIDE * SIDE];
} outcome;

static bool compute(bl_context *context, bl_graph *graph, bl_params *params, outcome *out)
{
    bl_rng *rng = bl_rng_new(context, 3);
    bl_tensor *w = bl_use(
        graph, bl_params_add(params, "w", BL_F32, BL_SHAPE(SIDE, SIDE), bl_init_kaiming_uniform(), rng));
    bl_rng_free(rng);
    bl_tensor *product = bl_matmul(bl_tanh(bl_matmul(w, w)), bl_transpose(w, 0, 1));
    bl_tensor *loss = bl_mse_loss(product, bl_full(graph, BL_F32, BL_SHAPE(SIDE, SIDE), 0.5));
    bl_optimizer *adam = bl_adam(context, NULL);
    bl_program *step = bl_compile(context, product, loss, bl_minimize(adam, loss));
    bool good = true;
    for (int i = 0; i < STEPS && good; i++) {
        good = bl_run(step) == BL_OK;
        out->losses[i] = bl_item(step, loss);
    }
    good = good && bl_read(step, product, out->product, sizeof(out->product)) == BL_OK;
    bl_program_free(step);
    bl_optimizer_free(adam);
    return good;
}

static void *run_thread(void *argument)
{
    outcome *out = argument;
    bl_context *context = bl_context_new(NULL);
    bl_graph *graph = bl_graph_new(context);
    bl_params *params = bl_params_new(context);
    out->good = compute(context, graph, params, out);
    bl_params_free(params);
    bl_graph_free(graph);
    bl_context_free(context);
    return NULL;
}

int main(void)
{
    static outcome together[THREADS], alone;
    pthread_t threads[THREADS];
    int failed = 0;
    /* Together first: then they also meet in BLIS's first call. */
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, run_thread, &together[i]) != 0) {
            fprintf(stderr, "threads: no thread could be made\n");
            return 1;
        }
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    run_thread(&alone);
    if (!alone.good || !(alone.losses[STEPS - 1] < alone.losses[0]))
        failed++;
    for (int i = 0; i < THREADS; i++)
        failed += !together[i].good || memcmp(&together[i], &alone, sizeof(alone)) != 0;
    printf("%d threads, %d steps each: %d differ; loss %.6g to %.6g\n", THREADS, STEPS, failed,
           alone.losses[0], alone.losses[STEPS - 1]);
    return failed != 0;
}
