/* GPT-2 as Hugging Face stores it. Source: github.com/huggingface/transformers, modeling_gpt2.py (its names
 * and layouts); Radford et al. 2019. */
#include "import.h"
#include "message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file that is being read, and what its names begin with: "" or "transformer.". */
typedef struct source {
    bl_context *context;
    bl_tensor_file *file;
    const char *path;
    const char *prefix;
} source;

/* The tensor of a name behind the prefix. */
static bool find(const source *from, const char *name, bl_stored_tensor *found)
{
    char full[160];
    snprintf(full, sizeof full, "%s%s", from->prefix, name);
    return bl_tensor_file_find(from->file, full, found);
}

/* ---- sizes ---- */

static bool is_matrix(const source *from, const char *name, int64_t *rows, int64_t *columns)
{
    bl_stored_tensor found;
    if (!find(from, name, &found))
        return complain("%s is no GPT-2: it has no %s%s", from->path, from->prefix, name);
    if (found.shape.rank != 2)
        return complain("%s: %s is no matrix", from->path, found.name);
    *rows = found.shape.size[0];
    *columns = found.shape.size[1];
    return true;
}

static int64_t count_layers(const source *from)
{
    int64_t layers = 0;
    bl_stored_tensor found;
    for (char name[48]; layers <= LAYERS_MOST; layers++) {
        snprintf(name, sizeof name, "h.%d.ln_1.weight", (int)layers);
        if (!find(from, name, &found))
            break;
    }
    return layers;
}

/* A head of its own, unless it is a copy of the embedding. */
static tying tying_of(const source *from)
{
    bl_stored_tensor head, embedding;
    if (!bl_tensor_file_find(from->file, "lm_head.weight", &head) || !find(from, "wte.weight", &embedding))
        return TYING_TIED;
    bool same = head.dtype == embedding.dtype && bl_shape_equal(head.shape, embedding.shape) &&
                memcmp(head.data, embedding.data, bl_stored_bytes(&head)) == 0;
    return same ? TYING_TIED : TYING_UNTIED;
}

static bool sizes_of(const source *from, int64_t heads, model_options *options)
{
    int64_t width = 0;
    *options = model_gpt();
    if (!is_matrix(from, "wte.weight", &options->vocabulary, &options->width) ||
        !is_matrix(from, "wpe.weight", &options->context, &width))
        return false;
    if (heads == 0 && options->width % 64 != 0)
        return complain("%s is %" PRId64 " wide, which heads of 64 do not divide: give --heads", from->path,
                        options->width);
    options->hidden = options->width;
    options->layers = count_layers(from);
    options->heads = heads ? heads : options->width / 64;
    options->tying = tying_of(from);
    const char *wrong = model_options_wrong(options);
    return !wrong || complain("%s: %s", from->path, wrong);
}

/* ---- values ---- */

/* [rows, columns] to [columns, rows]. */
static void turn(const float *from, int64_t rows, int64_t columns, float *to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            to[j * rows + i] = from[i * columns + j];
}

/* Fills a parameter from a tensor, whose shape is the parameter's, or with `turned` that from right to left.
 */
static bool fill(const source *from, const bl_stored_tensor *stored, bl_parameter *filled, bool turned)
{
    bl_shape shape = bl_parameter_shape(filled), expected = shape;
    if (turned) {
        expected.size[0] = shape.size[1];
        expected.size[1] = shape.size[0];
    }
    if (!bl_shape_equal(stored->shape, expected)) {
        char found[64], wanted[64];
        bl_shape_format(stored->shape, found, sizeof found);
        bl_shape_format(expected, wanted, sizeof wanted);
        return complain("%s: %s is %s, not %s", from->path, stored->name, found, wanted);
    }
    size_t count = (size_t)bl_shape_count(shape), bytes = count * sizeof(float);
    float *values = malloc(2 * bytes + 1);
    if (!values)
        return complain_of_memory();
    bl_status status = bl_stored_read(from->context, stored, BL_F32, true, values, bytes);
    if (status == BL_OK && turned)
        turn(values, expected.size[0], expected.size[1], values + count);
    if (status == BL_OK)
        status = bl_parameter_write(filled, turned ? values + count : values, bytes);
    free(values);
    return status == BL_OK || complain_of_library(from->context, from->path);
}

static bool fill_named(const source *from, const char *stored_name, const model *m, const char *name,
                       bool turned)
{
    bl_stored_tensor stored;
    bl_parameter *filled = bl_params_find(m->params, name);
    if (!find(from, stored_name, &stored))
        return complain("%s has no %s%s", from->path, from->prefix, stored_name);
    return fill(from, &stored, filled, turned);
}

/* What a block's parts are called there and here; those of two axes are Conv1D's. */
static const struct {
    const char *there, *here;
    bool turned;
} block_names[] = {
    {"ln_1.weight", "norm1.weight", false},     {"ln_1.bias", "norm1.bias", false},
    {"attn.c_attn.weight", "qkv.weight", true}, {"attn.c_attn.bias", "qkv.bias", false},
    {"attn.c_proj.weight", "out.weight", true}, {"attn.c_proj.bias", "out.bias", false},
    {"ln_2.weight", "norm2.weight", false},     {"ln_2.bias", "norm2.bias", false},
    {"mlp.c_fc.weight", "up.weight", true},     {"mlp.c_fc.bias", "up.bias", false},
    {"mlp.c_proj.weight", "down.weight", true}, {"mlp.c_proj.bias", "down.bias", false},
};

static bool fill_block(const source *from, const model *m, int layer)
{
    for (size_t i = 0; i < sizeof block_names / sizeof *block_names; i++) {
        char there[64], here[64];
        snprintf(there, sizeof there, "h.%d.%s", layer, block_names[i].there);
        snprintf(here, sizeof here, "block.%d.%s", layer, block_names[i].here);
        if (!fill_named(from, there, m, here, block_names[i].turned))
            return false;
    }
    return true;
}

static bool fill_all(const source *from, const model *m)
{
    bool good = fill_named(from, "wte.weight", m, "embedding.weight", false) &&
                fill_named(from, "wpe.weight", m, "positions.weight", false) &&
                fill_named(from, "ln_f.weight", m, "norm.weight", false) &&
                fill_named(from, "ln_f.bias", m, "norm.bias", false);
    for (int i = 0; i < (int)m->options.layers && good; i++)
        good = fill_block(from, m, i);
    bl_stored_tensor head;
    if (good && m->options.tying == TYING_UNTIED && bl_tensor_file_find(from->file, "lm_head.weight", &head))
        good = fill(from, &head, bl_params_find(m->params, "head.weight"), false);
    return good;
}

bool gpt2_import(model *made, bl_context *context, const char *path, int64_t heads)
{
    source from = {context, bl_tensor_file_open(context, path), path, ""};
    bl_stored_tensor found;
    model_options options;
    *made = (model){.params = NULL};
    if (!from.file)
        return complain_of_library(context, path);
    if (bl_tensor_file_find(from.file, "transformer.wte.weight", &found))
        from.prefix = "transformer.";
    bool good = sizes_of(&from, heads, &options);
    if (good && model_make(made, context, &options, 0) != BL_OK)
        good = complain_of_library(context, "the model cannot be made");
    good = good && fill_all(&from, made);
    bl_tensor_file_close(from.file);
    if (!good)
        model_free(made);
    return good;
}
