/* einsum: sums of products over named indices, and how its samples are drawn. */
#include "ops/einsum.h"
#include "bowline/ops.h"
#include "ops/linalg.h"
#include "ops/rules.h"
#include "ops/sampler.h"

#include <limits.h>
#include <string.h>

static bl_status einsum_infer(bl_infer_call *call)
{
    const bl__einsum_attributes *attributes = call->attributes;
    bl__einsum einsum;
    bl_shape out;
    bl_status status = bl__require_reals(call);
    if (status == BL_OK)
        status = bl__einsum_bind(call, attributes->subscripts, &einsum);
    if (status != BL_OK)
        return status;
    out.rank = einsum.output.count;
    for (int d = 0; d < out.rank; d++)
        out.size[d] = einsum.size[einsum.output.label[d]];
    return bl__infer_as(call, bl_tensor_dtype(call->inputs[0]), out);
}

bl_tensor *bl_einsum(const char *subscripts, bl_tensor *const *operands, size_t count)
{
    bl_graph *graph = NULL;
    for (size_t i = 0; operands && i < count && !graph; i++)
        graph = bl__graph_of(operands[i]);
    if (!graph)
        return NULL;
    if (!subscripts)
        return bl__fail(graph, BL_ERR_ARGUMENT, "einsum", "the subscripts are NULL");
    bl__einsum_attributes attributes = {.subscripts = subscripts};
    return bl_apply(graph, &bl__op_einsum, operands, count, &attributes);
}

static void einsum_decompose(bl_graph *graph, bl_tensor *const *inputs, size_t input_count,
                             const void *attributes, bl_tensor **outputs)
{
    const char *subscripts = ((const bl__einsum_attributes *)attributes)->subscripts;
    bl_infer_call call = {.op = &bl__op_einsum,
                          .graph = graph,
                          .attributes = attributes,
                          .inputs = inputs,
                          .input_count = input_count};
    bl__einsum einsum;
    outputs[0] = &graph->invalid;
    if (bl__einsum_bind(&call, subscripts, &einsum) == BL_OK)
        outputs[0] = bl__einsum_contract(graph, &einsum, subscripts, inputs, input_count);
}

/* ---- samples ---- */

enum {
    SAMPLE_LETTERS = 4,
    MOST_OPERANDS = 4
};

static size_t append(char *text, const char *word)
{
    size_t length = strlen(word);
    memcpy(text, word, length);
    return length;
}

/* A term and the shape of its operand: random letters, now and then one twice, now and then an ellipsis. */
static size_t sample_term(bl_sampler *sampler, const int64_t *sizes, bool ellipsis, char *text,
                          bl_shape *shape)
{
    size_t length = 0;
    int64_t own[SAMPLE_LETTERS];
    for (int l = 0; l < SAMPLE_LETTERS; l++) /* now and then 1, to broadcast */
        own[l] = bl__sample_chance(sampler, 8) ? 1 : sizes[l];
    int count = (int)bl_sample_int(sampler, 0, 3), before = (int)bl_sample_int(sampler, 0, count);
    shape->rank = 0;
    for (int i = 0; i <= count; i++) {
        if (i == before && ellipsis) {
            length += append(text + length, "...");
            for (int axes = (int)bl_sample_int(sampler, 0, 2); axes > 0; axes--)
                shape->size[shape->rank++] = bl__sample_chance(sampler, 3) ? 1 : 1 + axes;
        }
        if (i < count) {
            int letter = (int)bl_sample_int(sampler, 0, SAMPLE_LETTERS - 1);
            text[length++] = "abXy"[letter];
            shape->size[shape->rank++] = own[letter];
        }
    }
    return length;
}

/* Some of the letters that stand in the terms, the last first, and an ellipsis among them. */
static size_t sample_output(bl_sampler *sampler, const char *terms, size_t terms_length, bool ellipsis,
                            char *text)
{
    size_t length = 0, before = (size_t)bl_sample_int(sampler, 0, 2);
    for (size_t i = terms_length; i-- > 0;) {
        bool left_out = strchr(" ,.", terms[i]) || memchr(text, terms[i], length) != NULL ||
                        bl__sample_chance(sampler, 3);
        if (left_out)
            continue;
        if (ellipsis && length == before) {
            length += append(text + length, "...");
            ellipsis = false;
        }
        text[length++] = terms[i];
    }
    return length;
}

static bl_tensor *einsum_sample(bl_sampler *sampler)
{
    char text[96];
    size_t length = 0, count = (size_t)bl_sample_int(sampler, 1, MOST_OPERANDS);
    int64_t sizes[SAMPLE_LETTERS];
    bl_tensor *operands[MOST_OPERANDS];
    bool ellipsis = bl__sample_chance(sampler, 3);
    for (int l = 0; l < SAMPLE_LETTERS; l++)
        sizes[l] = bl_sample_int(sampler, bl__sample_chance(sampler, 16) ? 0 : 1, 3);
    for (size_t i = 0; i < count; i++) {
        bl_shape shape;
        length += append(text + length, i > 0 ? ", " : "");
        length += sample_term(sampler, sizes, ellipsis, text + length, &shape);
        operands[i] = bl_sample_real(sampler, shape, -1, 1);
    }
    if (!bl__sample_chance(sampler, 4)) {
        size_t terms = length;
        length += append(text + length, "->");
        length += sample_output(sampler, text, terms, ellipsis, text + length);
    }
    text[length] = '\0';
    return bl_einsum(text, operands, count);
}

const bl_op bl__op_einsum = {BL__OP_BETWEEN(einsum, 1, INT_MAX),
                             .flags = BL__OP_COMPOSITE,
                             .attributes_size = sizeof(bl__einsum_attributes),
                             .infer = einsum_infer,
                             .decompose = einsum_decompose,
                             .sample = einsum_sample};
