/* Private. What the entries of attention share: shapes, and the parts that decompositions are made of. */
#ifndef BOWLINE_OPS_ATTENTION_H
#define BOWLINE_OPS_ATTENTION_H

#include "bowline/sequence.h"
#include "ops/rules.h"
#include "ops/sampler.h"

enum { /* inputs */
    BL__Q,
    BL__K,
    BL__V
};

/* ---- shapes ---- */

/* The matrices of q, k and v: one a head, over batches to which they broadcast. */
typedef struct bl__attention_shape {
    bl_shape batch;
    bool has_heads; /* some input has an axis of heads */
    int64_t heads, groups;
    int64_t queries, keys, width, value_width;
} bl__attention_shape;

/* Checks inputs q, k and v, the attributes, and the mask where there is one, which is input `mask`. */
bl_status bl__attention_check(bl_infer_call *call, size_t mask, bl__attention_shape *shape);

/* [batch, heads, rows, columns], without heads where no input has any. */
bl_shape bl__attention_matrices(const bl__attention_shape *shape, int64_t heads, int64_t rows,
                                int64_t columns);

/* ---- parts ---- */

/* x [.., heads, rows, n] as [.., groups, heads / groups * rows, n], or back when `heads` are those of x:
 * heads that share keys are rows of one matrix. */
bl_tensor *bl__attention_regroup(bl_tensor *x, int64_t heads);

/* The heads of a tensor; 1 where it has no axis of them. */
int64_t bl__heads_of(bl_tensor *x);

/* The scores of queries that have been scaled, and which of them count, as bools that broadcast to them: NULL
 * where all do. */
typedef struct bl__attention_scores {
    bl_tensor *scores, *allowed;
} bl__attention_scores;
bl__attention_scores bl__attention_score(bl_graph *graph, bl_tensor *queries, bl_tensor *keys,
                                         bl_tensor *mask, const bl__attention_attributes *attributes);

/* x where a key is allowed, another number for the others. */
bl_tensor *bl__attention_only(bl_tensor *x, bl_tensor *allowed, double others);

/* The scores with the lowest finite number for what is not allowed. */
bl_tensor *bl__attention_masked(bl__attention_scores scores);

/* The softmax over the allowed ones of each row, and 0 for the others: also where none is allowed, since what
 * stands in for their scores is finite. */
bl_tensor *bl__attention_weights(bl__attention_scores scores);

/* The weights times the values. */
bl_tensor *bl__attention_apply(bl_tensor *weights, bl_tensor *values, int64_t heads);

/* ---- samples ---- */

/* Random q, k and v of shapes that go together, a mask now and then, and what else there is in the options
 * but dropout. */
typedef struct bl__attention_sample {
    bl_tensor *q, *k, *v;
    bl_attention_options options;
    bl_shape result;
} bl__attention_sample;
bl__attention_sample bl__sample_attention(bl_sampler *sampler);

/* What the options ask for, but dropout. */
bl__attention_attributes bl__attention_attributes_of(const bl_attention_options *options, bl_tensor *q);

/* The attention op, which has no dropout: output 0 is the result, output 1 the logarithms of the sums. */
bl_tensor *bl__attention(bl_graph *graph, bl_tensor *const *inputs, size_t count,
                         const bl__attention_attributes *attributes);

#endif
