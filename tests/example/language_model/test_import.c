/* GPT-2 in Hugging Face's layout: PyTorch's logits and gradients (make_gpt2.py), and what is refused. */
#include "help.h"
#include "import.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VOCABULARY = 23,
    BATCH = 2,
    LENGTH = 10,
    TENSORS_MOST = 64
};

static const char model_path[] = FIXTURES "/gpt2.safetensors",
                  expected_path[] = FIXTURES "/gpt2_expected.safetensors";

/* The values of a tensor of a file; the caller's to free. */
static void *values_of(bl_context *context, bl_tensor_file *file, const char *name, bl_dtype dtype)
{
    bl_stored_tensor stored;
    cr_assert(bl_tensor_file_find(file, name, &stored), "%s", name);
    size_t bytes = (size_t)bl_shape_count(stored.shape) * bl_dtype_size(dtype);
    void *values = malloc(bytes);
    cr_assert_eq(bl_stored_read(context, &stored, dtype, false, values, bytes), BL_OK, "%s", name);
    return values;
}

static void expect_logits(bl_context *context, const model *m, bl_tensor_file *expected)
{
    int64_t *tokens = values_of(context, expected, "tokens", BL_I64);
    float *wanted = values_of(context, expected, "logits", BL_F32), found[BATCH * LENGTH * VOCABULARY];
    bl_graph *graph = bl_graph_new(context);
    application applied = {.tokens = bl_constant(graph, BL_I64, BL_SHAPE(BATCH, LENGTH), tokens)};
    bl_tensor *logits = model_logits(graph, m, model_forward(graph, m, &applied));
    cr_assert_eq(bl_eval(logits, found, sizeof found), BL_OK, "%s", bl_context_error(context)->message);
    for (int i = 0; i < BATCH * LENGTH * VOCABULARY; i++)
        cr_assert(fabsf(found[i] - wanted[i]) <= 1e-4f, "logit %d is %g, not %g", i, (double)found[i],
                  (double)wanted[i]);
    bl_graph_free(graph);
    free(wanted);
    free(tokens);
}

Test(import, logits)
{
    bl_context *context = bl_context_new(NULL);
    model m;
    bl_tensor_file *expected = bl_tensor_file_open(context, expected_path);
    cr_assert(gpt2_import(&m, context, model_path, 2));
    cr_assert_eq(m.options.tying, TYING_TIED, "there is no head in the file");
    cr_assert_eq(m.options.vocabulary, VOCABULARY);
    cr_assert_eq(m.options.layers, 2);
    cr_assert_eq(m.options.context, 12);
    expect_logits(context, &m, expected);
    model_free(&m);
    bl_tensor_file_close(expected);
    bl_context_free(context);
}

/* ---- gradients ---- */

/* The largest difference of a gradient from PyTorch's, by the largest of PyTorch's. */
static double difference(const float *found, const float *wanted, bl_shape shape, bool turned)
{
    double most = 0, largest = 0;
    int64_t rows = shape.size[0], columns = shape.rank > 1 ? shape.size[1] : 1;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            double there = (double)wanted[turned ? j * rows + i : i * columns + j];
            most = fmax(most, fabs((double)found[i * columns + j] - there));
            largest = fmax(largest, fabs(there));
        }
    return most / largest;
}

/* A parameter's name in the file. */
static void name_there(const char *name, char *there, size_t size)
{
    static const char *const parts[][2] = {{"norm1.", "ln_1."},      {"norm2.", "ln_2."},
                                           {"qkv.", "attn.c_attn."}, {"out.", "attn.c_proj."},
                                           {"up.", "mlp.c_fc."},     {"down.", "mlp.c_proj."}};
    if (strcmp(name, "embedding.weight") == 0 || strcmp(name, "positions.weight") == 0)
        snprintf(there, size, "gradient.%s", name[0] == 'e' ? "wte.weight" : "wpe.weight");
    else if (strncmp(name, "norm.", 5) == 0)
        snprintf(there, size, "gradient.ln_f.%s", name + 5);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && strncmp(name, "block.", 6) == 0; i++)
        if (strncmp(name + 8, parts[i][0], strlen(parts[i][0])) == 0)
            snprintf(there, size, "gradient.h.%c.%s%s", name[6], parts[i][1], name + 8 + strlen(parts[i][0]));
}

Test(import, gradients)
{
    bl_context *context = bl_context_new(NULL);
    model m;
    bl_tensor_file *expected = bl_tensor_file_open(context, expected_path);
    cr_assert(gpt2_import(&m, context, model_path, 2));
    int64_t *tokens = values_of(context, expected, "tokens", BL_I64);
    int64_t *targets = values_of(context, expected, "targets", BL_I64);
    float *wanted_loss = values_of(context, expected, "loss", BL_F32);
    bl_graph *graph = bl_graph_new(context);
    application applied = {.tokens = bl_constant(graph, BL_I64, BL_SHAPE(BATCH, LENGTH), tokens),
                           .training = true};
    m.options.dropout = 0;
    bl_tensor *target = bl_constant(graph, BL_I64, BL_SHAPE(BATCH, LENGTH), targets);
    bl_tensor *loss = model_loss(graph, &m, model_forward(graph, &m, &applied), target, BL_REDUCE_MEAN);
    bl_gradients gradients = bl_trainable_gradients(loss);
    cr_assert_eq(gradients.count, bl_params_count(m.params));
    bl_tensor *outputs[TENSORS_MOST] = {loss};
    memcpy(outputs + 1, gradients.tensors, gradients.count * sizeof *outputs);
    bl_program *program = bl_compile_list(context, outputs, gradients.count + 1, NULL);
    cr_assert_eq(bl_run(program), BL_OK);
    cr_assert_float_eq(bl_item(program, loss), (double)*wanted_loss, 1e-5);
    for (size_t i = 0; i < gradients.count; i++) {
        char there[96] = "";
        const char *name = bl_parameter_name(gradients.parameters[i]);
        name_there(name, there, sizeof there);
        float *wanted = values_of(context, expected, there, BL_F32);
        bl_shape shape = bl_parameter_shape(gradients.parameters[i]);
        bool turned = shape.rank == 2 && strncmp(name, "block.", 6) == 0;
        double off = difference(bl_output_data(program, gradients.tensors[i]), wanted, shape, turned);
        cr_assert(off <= 1e-3, "%s: %g", name, off);
        free(wanted);
    }
    bl_program_free(program);
    bl_graph_free(graph);
    free(wanted_loss);
    free(targets);
    free(tokens);
    model_free(&m);
    bl_tensor_file_close(expected);
    bl_context_free(context);
}

/* ---- other forms of the file ---- */

/* A copy of the file whose names have a prefix, with a change to one tensor. */
typedef struct change {
    const char *prefix;
    const char *left_out; /* a tensor */
    const char *reshaped; /* a tensor, to rank 1 */
    float head;           /* a head is added: the embedding and this; NAN: none */
} change;

static void write_changed(bl_context *context, const char *path, change how)
{
    static char names[TENSORS_MOST][96];
    bl_tensor_file *file = bl_tensor_file_open(context, model_path);
    bl_stored_tensor tensors[TENSORS_MOST];
    size_t count = 0;
    float *head = values_of(context, file, "wte.weight", BL_F32);
    for (size_t i = 0; bl_tensor_file_at(file, i, &tensors[count]); i++) {
        bl_stored_tensor *one = &tensors[count];
        if (how.left_out && strcmp(one->name, how.left_out) == 0)
            continue;
        if (how.reshaped && strcmp(one->name, how.reshaped) == 0)
            one->shape = BL_SHAPE(bl_shape_count(one->shape));
        snprintf(names[count], sizeof names[count], "%s%s", how.prefix, one->name);
        one->name = names[count++];
    }
    if (!isnan(how.head)) {
        head[3] += how.head;
        tensors[count++] = (bl_stored_tensor){"lm_head.weight", BL_STORED_F32, BL_SHAPE(VOCABULARY, 8), head};
    }
    cr_assert_eq(bl_tensor_file_write(context, path, tensors, count, NULL), BL_OK, "%s",
                 bl_context_error(context)->message);
    free(head);
    bl_tensor_file_close(file);
}

Test(import, other_forms)
{
    char folder[64], path[96];
    make_temporary(folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    bl_context *context = bl_context_new(NULL);
    bl_tensor_file *expected = bl_tensor_file_open(context, expected_path);
    model m;
    write_changed(context, path, (change){.prefix = "transformer.", .head = 0});
    cr_assert(gpt2_import(&m, context, path, 2));
    cr_assert_eq(m.options.tying, TYING_TIED, "the head is a copy");
    expect_logits(context, &m, expected);
    model_free(&m);
    write_changed(context, path, (change){.prefix = "transformer.", .head = 1});
    cr_assert(gpt2_import(&m, context, path, 2));
    cr_assert_eq(m.options.tying, TYING_UNTIED);
    const float *head = bl_parameter_data(bl_params_find(m.params, "head.weight"));
    const float *embedding = bl_parameter_data(bl_params_find(m.params, "embedding.weight"));
    cr_assert(head[2] == embedding[2] && head[3] == embedding[3] + 1);
    model_free(&m);
    bl_tensor_file_close(expected);
    bl_context_free(context);
    remove_temporary(folder);
}

static void expect_refused(bl_context *context, const char *path, change how, int64_t heads)
{
    model m;
    write_changed(context, path, how);
    cr_assert_not(gpt2_import(&m, context, path, heads));
}

Test(import, refused)
{
    cr_redirect_stderr();
    char folder[64], path[96];
    model m;
    make_temporary(folder);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    bl_context *context = bl_context_new(NULL);
    expect_refused(context, path, (change){.prefix = "", .left_out = "wte.weight", .head = NAN}, 2);
    expect_refused(context, path, (change){.prefix = "", .left_out = "h.1.mlp.c_fc.bias", .head = NAN}, 2);
    expect_refused(context, path, (change){.prefix = "", .reshaped = "h.0.attn.c_attn.weight", .head = NAN},
                   2);
    expect_refused(context, path, (change){.prefix = "", .reshaped = "wpe.weight", .head = NAN}, 2);
    expect_refused(context, path, (change){.prefix = "", .head = NAN}, 3); /* 3 heads of a width of 8 */
    expect_refused(context, path, (change){.prefix = "", .head = NAN}, 0); /* heads of 64 */
    cr_assert_not(gpt2_import(&m, context, "/tmp", 2));
    bl_context_free(context);
    remove_temporary(folder);
}
