/* Private. Checking an op on samples: what the parts of the check share. */
#ifndef BOWLINE_EXEC_OPCHECK_H
#define BOWLINE_EXEC_OPCHECK_H

#include "bowline/gradcheck.h"
#include "bowline/opcheck.h"
#include "graph/graph.h"
#include "ops/sampler.h"

enum {
    BL__CHECK_LEAVES = 48,
    BL__CHECK_VALUES = 8192 /* the most elements of a tensor that is compared */
};

/* One check of an op. `recorded` is told of the op's node in each sample before anything is derived from it:
 * tests put a wrong op in its place and see whether that is caught. */
typedef struct bl__op_checker {
    bl_context *context;
    const bl_op *op;
    bl_op_check_result *result;
    void (*recorded)(bl__node *node, void *data);
    void *data;
    bool gradients_only;
    double *values[3]; /* BL__CHECK_VALUES each */
} bl__op_checker;

/* The op recorded on one set of random arguments. */
typedef struct bl__op_sample {
    uint64_t seed;
    bl_sampler *sampler;
    bl_graph *graph;
    bl__node *node; /* the op's own; NULL where it was recorded as its decomposition */
    bl_tensor *outputs[BL_MAX_OUTPUTS];
    bl_tensor *leaves[BL__CHECK_LEAVES];
    bl_gradcheck_input inputs[BL__CHECK_LEAVES];
    size_t output_count, leaf_count, input_count;
} bl__op_sample;

/* bl_op_check with what a checker can be told beside. */
bl_status bl__op_check(bl__op_checker *checker, const bl_op_check_options *options);

/* ---- samples (opcheck_sample.c) ---- */

/* Draws a sample; false, reported, when the op recorded none. The sample is to be freed all the same. */
bool bl__op_draw(bl__op_checker *c, uint64_t seed, bl_dtype dtype, bl__op_sample *s);
void bl__op_sample_free(bl__op_sample *s);

/* Takes the leaves that the sampler has by now. */
bool bl__op_take_leaves(bl__op_checker *c, bl__op_sample *s);

bool bl__op_is_real(const bl_tensor *tensor);

/* Runs what a tensor needs on the sample's inputs; false, reported, when it fails. */
bool bl__op_values(bl__op_checker *c, const bl__op_sample *s, const char *check, bl_tensor *tensor,
                   double *values);

/* Numbers that are anything but equal, a constant like a tensor. */
bl_tensor *bl__op_weights(const bl__op_sample *s, const bl_tensor *like, double phase);

/* Whether values agree to within `tolerance` of the larger of 1 and b; reported when not. */
bool bl__op_compare(bl__op_checker *c, const bl__op_sample *s, const char *check, const double *a,
                    const double *b, int64_t count, double tolerance);

/* Notes a failure; false always. */
bool bl__op_failed(bl__op_checker *c, const bl__op_sample *s, const char *check, const char *format, ...)
    BL_PRINTF(4, 5);

/* ---- derivatives (opcheck_derivatives.c) ---- */

bool bl__op_check_gradient(bl__op_checker *c, bl__op_sample *s);
bool bl__op_check_second_gradient(bl__op_checker *c, bl__op_sample *s);
bool bl__op_check_jvp(bl__op_checker *c, bl__op_sample *s);
bool bl__op_check_shared_input(bl__op_checker *c, bl__op_sample *s);

/* The gradients by all leaves of some tensors, for cotangents (NULL: ones). */
bool bl__op_gradients(bl__op_checker *c, const bl__op_sample *s, const char *check, bl_tensor *const *outputs,
                      size_t count, bl_tensor *const *cotangents, bl_tensor **gradients);

#endif
