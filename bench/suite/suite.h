/* The cases of scripts/bench: what one is, and what a process that runs one holds. */
#ifndef BENCH_SUITE_H
#define BENCH_SUITE_H

#include <bowline/bowline.h>

enum {
    MOST_OUTPUTS = 16,
    MOST_INPUTS = 4,
    MOST_PRODUCTS = 16
};

struct bench_case;

/* What is run, with all that it needs. A case fills in what it has; the rest stays NULL. */
typedef struct model {
    const struct bench_case *which;
    int threads;
    size_t budget; /* bytes for the workspace of cases that are one training step */
    bl_context *context;
    bl_params *params;
    bl_rng *rng; /* seeded by 0; PyTorch draws the same numbers when asked in the same order */
    bl_optimizer *optimizer;
    bl_graph *graph;
    bl_tensor *loss;
    bl_tensor *outputs[MOST_OUTPUTS]; /* besides the loss */
    size_t output_count;
    bl_program *program;
    void *inputs[MOST_INPUTS]; /* memory that the program's inputs are bound to */
    size_t input_count;
} model;

/* `count` matrix products [m,k] x [k,n], for each of `batch` pairs of matrices. */
typedef struct product {
    long m, n, k, batch, count;
} product;

typedef struct bench_case {
    const char *name;
    /* Makes parameters, inputs, the graph and the program. */
    void (*make)(model *m);
    /* One step; NULL: the program is run. */
    bl_status (*step)(model *m);
    /* Training goes on so far in a round that numbers become too small to be usual: each round makes the
     * model anew. */
    bool anew;
    /* The floor: the products that cannot be avoided; bytes for each element of the parameters; bytes of
     * inputs and outputs; elements whose tanh and exp have to be taken. */
    product products[MOST_PRODUCTS];
    double parameter_bytes;
    double other_bytes;
    double math;
    /* Tokens of a language model that a step learns from; 0 where there are none. */
    long tokens;
} bench_case;

/* Bytes a parameter's element: Adam, and AdamW, reads parameter, gradient and two moments, and writes all but
 * the gradient; SGD has no moments; where there is no update, the parameter is read and its gradient written.
 */
#define ADAM_BYTES     28.0
#define SGD_BYTES      12.0
#define GRADIENT_BYTES 8.0

extern const bench_case case_weight_tying, case_rerecord, case_tiny_mlp, case_chain, case_chain_long,
    case_elementwise, case_mlp, case_gpt, case_tied_head, case_lstm, case_conv;

/* The one place where a context's threads are set. */
bl_context *new_context(int threads);

/* Binds an input to memory that lives as long as the model, drawn from its generator: normal, uniform, or
 * integers in [0, high). Call them after the program is compiled, in the order in which PyTorch draws. */
void bind_normal(model *m, const bl_tensor *input);
void bind_uniform(model *m, const bl_tensor *input, double low, double high);
void bind_integers(model *m, const bl_tensor *input, int64_t high);

/* The program is the loss with the update by the optimizer, within the budget. */
void compile_step(model *m);

/* The outputs are the gradients of all parameters, and the program is the loss with them. */
void compile_gradients(model *m);

#endif
