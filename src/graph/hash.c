/* Hashing a node when it is recorded: see hash.h. */
#include "graph/hash.h"
#include "graph/parameter.h"
#include "ops/attributes.h"
#include "ops/keys.h"

#include <string.h>

static uint64_t mix_bytes(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *from = data;
    uint64_t word;
    for (; bytes >= sizeof(word); from += sizeof(word), bytes -= sizeof(word)) {
        memcpy(&word, from, sizeof(word));
        hash = bl__mix(hash, word);
    }
    if (bytes > 0) {
        word = 0;
        memcpy(&word, from, bytes);
        hash = bl__mix(hash, word);
    }
    return hash;
}

/* What of a node's attributes means the same in every recording: not where names, values and parameters are.
 */
static uint64_t mix_attributes(uint64_t hash, const bl__node *node)
{
    const void *attributes = bl__attributes(node);
    switch (node->op->key) {
    case BL__KEY_input:
        return bl__mix(hash, (uint64_t)((const bl__input_attributes *)attributes)->ordinal);
    case BL__KEY_constant:
        return hash;
    case BL__KEY_parameter: {
        const bl__parameter_attributes *use = attributes;
        return bl__mix(bl__mix(hash, use->id), use->generation);
    }
    case BL__KEY_assign:
    case BL__KEY_assign_slice: {
        const bl__assign_attributes *assign = attributes;
        hash = bl__mix(hash, assign->id);
        return bl__mix(bl__mix(hash, (uint64_t)assign->axis), (uint64_t)assign->start);
    }
    default:
        return mix_bytes(hash, attributes, node->op->attributes_size);
    }
}

uint32_t bl__node_hash(const bl__node *node)
{
    const bl_op *op = node->op;
    uint64_t hash = bl__mix_inputs(mix_attributes(bl__mix(node->input_count, (uintptr_t)op), node), node);
    if (op->flags & BL_OP_LEAF) {
        const bl_tensor *leaf = &node->outputs[0];
        hash = bl__mix(hash, (uint64_t)leaf->dtype << 8 | leaf->rank);
        hash = mix_bytes(hash, leaf->size, leaf->rank * sizeof(*leaf->size));
    }
    return bl__fold(hash);
}
