/* What the step of the case weight_tying costs when it is written by hand for exactly its sizes: forward,
 * backward and Adam in one function, no memory beyond a few arrays. Compiled with -O2; the first values come
 * from the library's generator, so that the losses can be compared. */
#include "../protocol.h"

#include <bowline/random.h>
#include <math.h>

enum {
    CLASSES = 10,
    WIDTH = 3,
    TOKENS = 6,
    WEIGHTS = CLASSES * WIDTH,
    PARAMETERS = WEIGHTS + CLASSES
};

static const int tokens[TOKENS] = {4, 9, 3, 0, 3, 9};

/* The tied weight, row by row, then the bias; and what Adam keeps. */
typedef struct model {
    float values[PARAMETERS];
    float m[PARAMETERS], v[PARAMETERS];
    double beta1_power, beta2_power;
    float loss;
} model;

static bool make(model *made)
{
    bl_context *context = bl_context_new(NULL);
    bl_rng *rng = bl_rng_new(context, 0);
    double bound = 1 / sqrt((double)WIDTH);
    memset(made, 0, sizeof *made);
    made->beta1_power = made->beta2_power = 1;
    bl_status status = bl_rng_uniform_f32(rng, -bound, bound, made->values, WEIGHTS);
    if (status == BL_OK)
        status = bl_rng_uniform_f32(rng, -bound, bound, made->values + WEIGHTS, CLASSES);
    bl_rng_free(rng);
    bl_context_free(context);
    return status == BL_OK;
}

static void softmax(float *x)
{
    float most = x[0], sum = 0;
    for (int j = 1; j < CLASSES; j++)
        most = x[j] > most ? x[j] : most;
    for (int j = 0; j < CLASSES; j++) {
        x[j] = expf(x[j] - most);
        sum += x[j];
    }
    for (int j = 0; j < CLASSES; j++)
        x[j] /= sum;
}

/* One token, forward and backward: adds to the gradient and gives its part of the sum of squared errors. */
static float token_step(const float *values, int token, float *gradient)
{
    const float *e = values + token * WIDTH, *bias = values + WEIGHTS;
    float p[CLASSES], into_e[WIDTH] = {0}, error = 0, dot = 0;
    for (int j = 0; j < CLASSES; j++) {
        const float *w = values + j * WIDTH;
        p[j] = bias[j] + e[0] * w[0] + e[1] * w[1] + e[2] * w[2];
    }
    softmax(p);
    float into_p[CLASSES];
    for (int j = 0; j < CLASSES; j++) {
        float difference = p[j] - (j == token ? 1.0f : 0.0f);
        error += difference * difference;
        into_p[j] = difference * (2.0f / (TOKENS * CLASSES));
        dot += into_p[j] * p[j];
    }
    for (int j = 0; j < CLASSES; j++) {
        float into_logit = p[j] * (into_p[j] - dot);
        gradient[WEIGHTS + j] += into_logit;
        for (int k = 0; k < WIDTH; k++) {
            gradient[j * WIDTH + k] += into_logit * e[k];
            into_e[k] += into_logit * values[j * WIDTH + k];
        }
    }
    for (int k = 0; k < WIDTH; k++)
        gradient[token * WIDTH + k] += into_e[k];
    return error;
}

static void adam(model *t, const float *gradient)
{
    const float beta1 = 0.9f, beta2 = 0.999f, eps = 1e-8f;
    t->beta1_power *= 0.9;
    t->beta2_power *= 0.999;
    float size = (float)(1e-3 / (1 - t->beta1_power)), root = (float)(1 / sqrt(1 - t->beta2_power));
    for (int i = 0; i < PARAMETERS; i++) {
        t->m[i] = beta1 * t->m[i] + (1 - beta1) * gradient[i];
        t->v[i] = beta2 * t->v[i] + (1 - beta2) * gradient[i] * gradient[i];
        t->values[i] -= size * t->m[i] / (sqrtf(t->v[i]) * root + eps);
    }
}

static void step(model *t)
{
    float gradient[PARAMETERS] = {0}, error = 0;
    for (int i = 0; i < TOKENS; i++)
        error += token_step(t->values, tokens[i], gradient);
    adam(t, gradient);
    t->loss = error / (TOKENS * CLASSES);
}

static bool run(model *t, long count)
{
    if (!make(t))
        return false;
    for (int i = 0; i < WARM_STEPS; i++)
        step(t);
    double begun = bench_seconds_now();
    for (long i = 0; i < count; i++)
        step(t);
    answer_number(bench_seconds_now() - begun);
    return true;
}

int main(void)
{
    model t;
    command c;
    bool good = make(&t);
    answer_text("true");
    while (good && next_command(&c)) {
        if (strcmp(c.name, "make") == 0)
            answer_text("true");
        else if (strcmp(c.name, "run") == 0)
            good = run(&t, c.number);
        else if (strcmp(c.name, "loss") == 0)
            answer_number((double)t.loss);
    }
    return good ? 0 : 1;
}
