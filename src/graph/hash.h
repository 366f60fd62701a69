/* Private. Hashes of what nodes compute, to find a program for them again; never a proof that two are the
 * same. */
#ifndef BOWLINE_GRAPH_HASH_H
#define BOWLINE_GRAPH_HASH_H

#include "graph/graph.h"

/* A hash with one word more. */
static inline uint64_t bl__mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* A hash as nodes have it. */
static inline uint32_t bl__fold(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

/* The hash of a tensor: its node's, and which output it is. */
static inline uint64_t bl__hash_of(const bl_tensor *tensor)
{
    return (uint64_t)tensor->node->outputs[0].hash + tensor->output;
}

/* A hash with the hashes of a node's inputs. */
static inline uint64_t bl__mix_inputs(uint64_t hash, const bl__node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++)
        hash = bl__mix(hash, bl__hash_of(node->inputs[i]));
    return hash;
}

/* The hash of a node whose fields are set: of its op, its attributes, the dtypes and shapes of a leaf, and
 * the hashes of its inputs, so that it stands for all that the node is made from, wherever on a tape that is.
 * A parameter counts by its id and generation, an input by its ordinal; the values of a constant do not
 * count. */
uint32_t bl__node_hash(const bl__node *node);

#endif
