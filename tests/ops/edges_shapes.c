/* Rows of edges.h: shapes, parts of tensors, and elements chosen by indices. */
#include "edges.h"
#include "ops/rules.h"

static bl_tensor *slice_backward(bl_tensor *const *x)
{
    int64_t part = edge_size('*');
    bl__slice_attributes slice = {
        .axis = edge_place('*'), .start = 1, .stop = 1 + part, .step = 1, .size = 1 + part + edge_size('z')};
    return bl__apply(&bl__op_slice_backward, x, 1, &slice);
}

static bl_tensor *embedding_backward(bl_tensor *const *x)
{
    bl__embedding_attributes attributes = {.padding_index = -1, .rows = edge_size('v')};
    return bl__apply(&bl__op_embedding_backward, x, 2, &attributes);
}

/* Three starts as those of all axes: 0 for what is 1 long. */
static bl_tensor *starts(bl_tensor *x)
{
    int64_t zero = 0;
    bl_tensor *one = edge_is_high() ? bl_constant(bl_tensor_graph(x), BL_I64, BL_SHAPE(1), &zero) : NULL;
    bl_tensor *parts[] = {one, NULL, one, one, NULL, one, NULL, one};
    static const int places[] = {1, 4, 6};
    for (int i = 0; one && i < 3; i++)
        parts[places[i]] = bl_slice(x, 0, i, i + 1, 1);
    return one ? bl_concat(parts, 8, 0) : x;
}

static bl_axes turned(void)
{
    return edge_is_high() ? BL_AXES(7, 6, 5, 4, 3, 2, 1, 0) : BL_AXES((int)edge_argument(2, -4, 3), 1, 0);
}

/* Each element moved by one along the axis. */
static bl_tensor *roll(bl_tensor *x)
{
    const int64_t one = 1;
    return bl_roll(x, &one, BL_AXES(edge_at('*')));
}

/* clang-format off */
#define ALONG(empty, scalar) ("r:abc", "r:1a11b1c1", empty, scalar, NULL)
#define PARTS "r:abc", "r:1a11b1c1"

#define ROWS(X) \
    X(reshape, ("r:abc", "r:1a11b1c1", NULL, "-", NULL), bl_reshape(x[0], edge_shape(edge_is_high() ? "c1a11b11" : "cab"))) \
    X(permute, ("r:abc", "r:1a11b1c1", NULL, "-", NULL), bl_permute(x[0], turned())) \
    X(expand, ("r:b1", "r:b1", NULL, "+", "ac"), bl_expand(x[0], edge_shape(edge_is_high() ? "11111abc" : "abc"))) \
    X(slice, ("r:abc", "r:1a11b1c1", "*=!", "-", NULL), bl_slice(x[0], edge_at('*'), edge_argument(1, -1, edge_size('*') + 1), edge_argument(edge_size('*'), -1, edge_size('*') + 1), 1)) \
    X(slice_backward, ALONG("*=0", "-"), slice_backward(x)) \
    X(concat, ("r:abc r:abc", "r:1a11b1c1 r:1a11b1c1", NULL, "---", NULL), bl_concat((bl_tensor *[]){x[0], x[1]}, 2, edge_at('*'))) \
    X(pad, ("r:abc", "r:1a11b1c1", "b=0.5", "-", "az"), bl_pad_with(x[0], edge_shape(edge_is_high() ? "00001000" : "010"), edge_shape(edge_is_high() ? "0000z000" : "0z0"), &(bl_pad_options){BL_PAD_CONSTANT, 0.5})) \
    X(tril, ("r:abc", "r:11a111bc", NULL, "-", NULL), bl_tril(x[0], 0)) \
    X(triu, ("r:abc", "r:11a111bc", NULL, "-", NULL), bl_triu(x[0], 0)) \
    X(diagonal, ("r:abc", "r:1a11b1c1", NULL, "-", NULL), bl_diagonal(x[0], 1, edge_at('b'), edge_at('c'))) \
    X(diag_embed, ("r:ab", "r:1a1111b", "b=0", "-", "b"), bl_diag_embed(x[0], 1, (int)edge_argument(-2, -1 - (edge_is_high() ? 8 : 3), edge_is_high() ? 8 : 3), -1)) \
    X(gather, ("r:abc i*:abc", "r:1a11b1c1 i*:1a11b1c1", NULL, "---", NULL), bl_gather(x[0], edge_at('*'), x[1])) \
    X(scatter, ("r:abc i*:abc r:abc", "r:1a11b1c1 i*:1a11b1c1 r:1a11b1c1", NULL, "----", NULL), bl_scatter(x[0], edge_at('*'), x[1], x[2])) \
    X(scatter_add, ("r:abc i*:abc r:abc", "r:1a11b1c1 i*:1a11b1c1 r:1a11b1c1", NULL, "----", NULL), bl_scatter_add(x[0], edge_at('*'), x[1], x[2])) \
    X(index_select, ("r:abc i*:d", "r:1a11b1c1 i*:d", "*=?", "---", "cd"), bl_index_select(x[0], edge_at('*'), x[1])) \
    X(index_add, ("r:abc ib:d r:adc", "r:1a11b1c1 ib:d r:1a11d1c1", "b=? d=x0", "----", NULL), bl_index_add(x[0], edge_at('b'), x[1], x[2])) \
    X(dynamic_slice, ("r:abc i2:3", "r:1a11b1c1 i2:3", "a=! b=! c=!", "---", NULL), bl_dynamic_slice(x[0], starts(x[1]), edge_shape(edge_is_high() ? "11112131" : "123"))) \
    X(dynamic_update_slice, ("r:abc r:123 i2:3", "r:1a11b1c1 r:11112131 i2:3", "a=! b=! c=!", "----", NULL), bl_dynamic_update_slice(x[0], x[1], starts(x[2]))) \
    X(embedding, ("r:vw iv:ab", "r:vw iv:1a1111b", "v=?", "-+-", "aw"), bl_embedding_padded(x[0], x[1], edge_argument(-1, -2, edge_size('v')))) \
    X(embedding_backward, ("iv:ab r:abw", "iv:1a1111b r:1a1111bw", "a=0 b=0 v=?", "---", "vw"), embedding_backward(x)) \
    X(one_hot, ("iv:ab", "iv:1a1111b", "v=?", "+", "av"), bl_one_hot(x[0], edge_argument(edge_size('v'), -1, -1), BL_F64))

/* The builders that are made of these. */
#define MORE(Y) \
    Y(roll, concat, ALONG(NULL, "-"), roll(x[0])) \
    Y(transpose, permute, ("r:abc", "r:1a11b1c1", NULL, "-", NULL), bl_transpose(x[0], edge_at('a'), edge_at('c'))) \
    Y(movedim, permute, ("r:abc", "r:1a11b1c1", NULL, "-", NULL), bl_movedim(x[0], BL_AXES(edge_at('a')), BL_AXES(edge_at('c')))) \
    Y(unsqueeze, reshape, ("r:abc", "r:a1b11c1", NULL, "+", NULL), bl_unsqueeze(x[0], (int)edge_argument(0, -2 - bl_tensor_shape(x[0]).rank, 1 + bl_tensor_shape(x[0]).rank))) \
    Y(squeeze, reshape, ("r:abc", "r:1a11b1c1", NULL, "+", NULL), bl_squeeze(x[0], edge_axes('*'))) \
    Y(flatten, reshape, ("r:abc", "r:1a11b1c1", NULL, "+", NULL), bl_flatten(x[0], edge_at('a'), edge_at('b'))) \
    Y(narrow, slice, ALONG("*=!", "-"), bl_narrow(x[0], edge_at('*'), edge_argument(1, -1, edge_size('*') + 1), edge_size('*') - 1)) \
    Y(stack, concat, ("r:abc r:abc", "r:1a1b1c1 r:1a1b1c1", NULL, "--+", NULL), bl_stack((bl_tensor *[]){x[0], x[1]}, 2, (int)edge_argument(0, -2 - bl_tensor_shape(x[0]).rank, 1 + bl_tensor_shape(x[0]).rank))) \
    Y(repeat, reshape, ("r:abc", "r:11111abc", NULL, "+", "az"), bl_repeat(x[0], edge_shape(edge_is_high() ? "1111111z" : "11z"))) \
    Y(repeat_interleave, reshape, ("r:abc", "r:1a11b1c1", NULL, "-", "bz"), bl_repeat_interleave(x[0], edge_argument(edge_size('z'), -1, -1), edge_at('*'))) \
    Y(take_along_axis, gather, ("r:abc i*:abc", "r:1a11b1c1 i*:1a11b1c1", NULL, "---", NULL), bl_take_along_axis(x[0], x[1], edge_at('*'))) \
    Y(masked_fill, where, ("r:ab1 b:1bc", "r:1a11b111 b:1111b1c1", NULL, "+++", "ac"), bl_masked_fill(x[0], x[1], 0.5))
/* clang-format on */

ROWS(EDGE_BUILD)
MORE(EDGE_BUILD_AS)

const edge_row edge_rows_shapes[] = {ROWS(EDGE_ROW) MORE(EDGE_ROW_AS){0}};
