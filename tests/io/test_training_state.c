/* Training states: what stands in the file, what a load brings back, and everything that it refuses. Resuming
 * in another process is tests/plain/resume.c. Looks at src/graph/parameter.h for parameters that runs hold.
 */
#include "bowline/bowline.h"
#include "graph/parameter.h"
#include "io/folder.h"
#include "support/errors.h"
#include "support/failing_allocator.h"
#include "support/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What most tests save and load: a model with two weights of one shape and a bias, tied or not, trained a
 * bit. */
typedef struct model {
    bl_params *params;
    bl_graph *graph;
    bl_optimizer *adam;
    bl_rng *rng;
    bl_training_state *state;
    bl_program *program;
    int64_t numbers[3];
    double reals[2];
    unsigned char bytes[4];
    char text[12];
} model;

static const char *path;

static void open_folder_too(void)
{
    open_all();
    folder_open();
    path = folder_path("run.safetensors");
}

static void close_folder_too(void)
{
    folder_close();
    close_all();
}

TestSuite(training_state, .init = open_folder_too, .fini = close_folder_too);

static bl_tensor *squares(bl_graph *on, bl_parameter *parameter)
{
    return bl_cast(bl_sum(bl_square(bl_use(on, parameter)), BL_ALL_AXES, false), BL_F64);
}

static void record(model *m)
{
    bl_tensor *loss = squares(m->graph, bl_params_find(m->params, "head.bias"));
    loss = bl_add(loss, squares(m->graph, bl_params_find(m->params, "head.weight")));
    loss = bl_add(loss, squares(m->graph, bl_params_find(m->params, "embedding.weight")));
    m->program = bl_compile(context, bl_minimize(m->adam, loss));
}

static void add_things(model *m)
{
    bl_training_state *s = m->state = bl_training_state_new(context);
    bl_training_state_add_params(s, "model", m->params);
    bl_training_state_add_optimizer(s, "adam", m->adam);
    bl_training_state_add_rng(s, "rng", m->rng);
    bl_training_state_add_i64(s, "numbers", m->numbers, 3);
    bl_training_state_add_f64(s, "reals", m->reals, 2);
    bl_training_state_add_bytes(s, "bytes", m->bytes, 4);
    bl_training_state_add_text(s, "text", m->text, sizeof(m->text));
    bl_training_state_add_i64(s, "nothing", NULL, 0);
    cr_assert_eq(bl_training_state_error(s)->code, BL_OK, "%s", error_text(bl_training_state_error(s)));
}

static bl_parameter *add_weight(model *m, const char *name)
{
    return bl_params_add(m->params, name, BL_F32, BL_SHAPE(3, 2), bl_init_normal(0, 1), m->rng);
}

/* Ties by a second name, so that the head's is canonical; nothing has been recorded. */
static void make_model(model *m, bool tied, uint64_t seed)
{
    *m = (model){
        .params = bl_params_new(context), .graph = bl_graph_new(context), .adam = bl_adam(context, NULL)};
    m->rng = bl_rng_new(context, seed);
    bl_parameter *head = add_weight(m, "head.weight");
    bl_params_add(m->params, "head.bias", BL_F64, BL_SHAPE(2), bl_init_ones(), NULL);
    bl_params_add_buffer(m->params, "seen", BL_BOOL, BL_SHAPE(2));
    if (tied)
        bl_params_register(m->params, "embedding.weight", head);
    else
        add_weight(m, "embedding.weight");
    add_things(m);
}

static void fill_values(model *m)
{
    const double bias[] = {0.5, -(double)INFINITY};
    const bool seen[] = {true, false};
    m->numbers[0] = INT64_MIN;
    m->numbers[2] = 7;
    m->reals[0] = (double)NAN;
    m->reals[1] = -0.0;
    memcpy(m->bytes, "\x00\xff\x80\x01", 4);
    memcpy(m->text, "epoch 3", 8);
    bl_parameter_write(bl_params_find(m->params, "head.bias"), bias, sizeof(bias));
    bl_parameter_write(bl_params_find(m->params, "seen"), seen, sizeof(seen));
}

static void close_model(model *m)
{
    bl_training_state_free(m->state);
    bl_program_free(m->program);
    bl_optimizer_free(m->adam);
    bl_graph_free(m->graph);
    bl_rng_free(m->rng);
    bl_params_free(m->params);
}

/* A trained model's file. */
static void save_model(bool tied)
{
    model m;
    make_model(&m, tied, 1);
    record(&m);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(bl_run(m.program), BL_OK);
    fill_values(&m);
    cr_assert_eq(bl_training_state_save(m.state, path), BL_OK, "%s", error_text(bl_context_error(context)));
    close_model(&m);
}

/* ---- what stands in the file ---- */

static void expect_tensor(const bl_tensor_file *file, const char *name, bl_stored_dtype dtype, bl_shape shape)
{
    bl_stored_tensor stored;
    cr_assert(bl_tensor_file_find(file, name, &stored), "%s", name);
    cr_expect(stored.dtype == dtype && bl_shape_equal(stored.shape, shape), "%s", name);
}

static void expect_metadata(const bl_tensor_file *file, const char *key, const char *value)
{
    const char *found = bl_tensor_file_metadata(file, key);
    cr_expect(found && strcmp(found, value) == 0, "%s: %s", key, found ? found : "NULL");
}

Test(training_state, the_file)
{
    save_model(true);
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    cr_assert_not_null(file);
    bl_shape matrix = BL_SHAPE(3, 2), pair = BL_SHAPE(2);
    expect_tensor(file, "model/head.weight", BL_STORED_F32, matrix);
    expect_tensor(file, "model/head.bias", BL_STORED_F64, pair);
    expect_tensor(file, "model/seen", BL_STORED_BOOL, pair);
    expect_tensor(file, "adam/lr", BL_STORED_F64, BL_SCALAR);
    expect_tensor(file, "adam/step", BL_STORED_I64, BL_SCALAR);
    expect_tensor(file, "adam/m/model/head.weight", BL_STORED_F32, matrix);
    expect_tensor(file, "adam/v/model/head.weight", BL_STORED_F32, matrix);
    expect_tensor(file, "adam/count/model/head.weight", BL_STORED_I64, BL_SCALAR);
    expect_tensor(file, "adam/m/model/head.bias", BL_STORED_F64, pair);
    expect_tensor(file, "adam/v/model/head.bias", BL_STORED_F64, pair);
    expect_tensor(file, "adam/count/model/head.bias", BL_STORED_I64, BL_SCALAR);
    expect_tensor(file, "rng", BL_STORED_U8, BL_SHAPE(BL_RNG_STATE_BYTES));
    expect_tensor(file, "numbers", BL_STORED_I64, BL_SHAPE(3));
    expect_tensor(file, "reals", BL_STORED_F64, pair);
    expect_tensor(file, "bytes", BL_STORED_U8, BL_SHAPE(4));
    expect_tensor(file, "text", BL_STORED_U8, BL_SHAPE(7));
    expect_tensor(file, "nothing", BL_STORED_I64, BL_SHAPE(0));
    cr_expect_eq(bl_tensor_file_count(file), 17, "the tied weight and its moments stand there once");
    expect_metadata(file, "bowline.training_state", "1");
    expect_metadata(file, "bowline.entry.model", "params");
    expect_metadata(file, "bowline.entry.adam", "optimizer adam");
    expect_metadata(file, "model/embedding.weight", "model/head.weight");
    bl_tensor_file_close(file);
}

/* The model alone, by the ordinary loader. */
Test(training_state, the_model_of_a_file)
{
    save_model(true);
    model m;
    make_model(&m, true, 2);
    bl_load_options options = bl_load_defaults();
    options.prefix = "model/";
    cr_assert_eq(bl_params_load(m.params, path, &options), BL_OK, "%s",
                 error_text(bl_context_error(context)));
    cr_expect_eq(((const double *)bl_parameter_data(bl_params_find(m.params, "head.bias")))[0], 0.5);
    close_model(&m);
}

/* ---- there and back ---- */

/* Everything that a load can change, as the bytes of a file. */
static unsigned char *everything(model *m, size_t *size)
{
    const char *copy = folder_path("everything");
    cr_assert_eq(bl_training_state_save(m->state, copy), BL_OK, "%s", error_text(bl_context_error(context)));
    unsigned char *bytes = folder_read(copy, size);
    remove(copy);
    return bytes;
}

/* Whether a model is what the file says. */
static bool is_like_file(model *m)
{
    size_t sizes[2];
    unsigned char *now = everything(m, &sizes[0]), *saved = folder_read(path, &sizes[1]);
    bool same = sizes[0] == sizes[1] && memcmp(now, saved, sizes[0]) == 0;
    free(now);
    free(saved);
    return same;
}

Test(training_state, comes_back)
{
    for (int tied = 0; tied < 2; tied++) {
        save_model(tied);
        for (int recorded = 0; recorded < 2; recorded++) {
            model m;
            make_model(&m, tied, 2);
            if (recorded)
                record(&m);
            memcpy(m.text, "longer text", 12);
            cr_assert_eq(bl_training_state_load(m.state, path, NULL), BL_OK, "%s",
                         error_text(bl_training_state_error(m.state)));
            cr_expect_str_eq(m.text, "epoch 3");
            cr_expect(m.numbers[0] == INT64_MIN && m.numbers[2] == 7);
            cr_expect(isnan(m.reals[0]) && signbit(m.reals[1]));
            cr_expect(is_like_file(&m), "tied %d, recorded %d", tied, recorded);
            close_model(&m);
        }
    }
}

/* A directory of shards, by its index. */
Test(training_state, shards)
{
    model m;
    save_model(true);
    make_model(&m, true, 2);
    cr_assert_eq(bl_training_state_load(m.state, path, NULL), BL_OK);
    const char *index = folder_path("run.safetensors.index.json");
    cr_assert_eq(bl_training_state_save(m.state, index), BL_OK, "%s", error_text(bl_context_error(context)));
    model other;
    make_model(&other, true, 3);
    cr_assert_eq(bl_training_state_load(other.state, index, NULL), BL_OK, "%s",
                 error_text(bl_training_state_error(other.state)));
    cr_expect(is_like_file(&other));
    close_model(&m);
    close_model(&other);
}

/* A state goes back in its own run too, and what the optimizer has begun to keep since begins anew. */
Test(training_state, goes_back)
{
    model m;
    make_model(&m, false, 1);
    bl_parameter_set_trainable(bl_params_find(m.params, "head.bias"), false);
    record(&m);
    cr_assert_eq(bl_run(m.program), BL_OK);
    cr_assert_eq(bl_training_state_save(m.state, path), BL_OK);
    bl_program_free(m.program);
    bl_graph_reset(m.graph);
    bl_parameter *bias = bl_params_find(m.params, "head.bias");
    bl_parameter_set_trainable(bias, true);
    record(&m);
    cr_assert_eq(bl_run(m.program), BL_OK);
    cr_assert_eq(bl_run(m.program), BL_OK);
    bl_parameter *moment = bl_optimizer_state_find(m.adam, bias, "m");
    cr_assert_neq(((const double *)bl_parameter_data(moment))[0], 0);
    cr_assert_eq(bl_training_state_load(m.state, path, NULL), BL_OK, "%s",
                 error_text(bl_training_state_error(m.state)));
    cr_expect_eq(((const double *)bl_parameter_data(moment))[0], 0);
    cr_expect_eq(*(const int64_t *)bl_parameter_data(bl_optimizer_state_find(m.adam, bias, "count")), 0);
    cr_expect_eq(*(const int64_t *)bl_parameter_data(bl_optimizer_step(m.adam)), 1);
    close_model(&m);
}

/* Whichever of the names is canonical, and whichever registry is the first. */
Test(training_state, ties_by_any_name)
{
    save_model(true);
    model m;
    make_model(&m, false, 2);
    bl_params_tie(m.params, "head.weight", "embedding.weight");
    cr_assert_str_eq(bl_parameter_name(bl_params_find(m.params, "head.weight")), "embedding.weight");
    record(&m);
    cr_assert_eq(bl_training_state_load(m.state, path, NULL), BL_OK, "%s",
                 error_text(bl_training_state_error(m.state)));
    model again;
    make_model(&again, true, 3);
    cr_assert_eq(bl_training_state_save(m.state, path), BL_OK);
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    cr_expect(bl_tensor_file_find(file, "adam/m/model/embedding.weight", NULL));
    bl_tensor_file_close(file);
    cr_assert_eq(bl_training_state_load(again.state, path, NULL), BL_OK, "%s",
                 error_text(bl_training_state_error(again.state)));
    close_model(&m);
    close_model(&again);
}

Test(training_state, registries_that_share)
{
    for (int i = 0; i < 2; i++) {
        bl_params *a = bl_params_new(context), *b = bl_params_new(context);
        bl_parameter *w = bl_params_add(a, "w", BL_F32, BL_SHAPE(2), bl_init_constant(1 + i), NULL);
        bl_params_register(b, "v", w);
        bl_params_add(b, "w", BL_F32, BL_SHAPE(2), bl_init_constant(3 + i), NULL); /* the other w */
        bl_optimizer *adam = bl_adam(context, NULL);
        bl_training_state *state = bl_training_state_new(context);
        bl_training_state_add_optimizer(state, "adam", adam);
        bl_training_state_add_params(state, "a", a);
        bl_training_state_add_params(state, "b", b);
        bl_optimizer_prepare(adam, w);
        bl_optimizer_prepare(adam, bl_params_find(b, "w"));
        if (i == 0)
            cr_assert_eq(bl_training_state_save(state, path), BL_OK, "%s",
                         error_text(bl_context_error(context)));
        cr_assert_eq(bl_training_state_load(state, path, NULL), BL_OK, "%s",
                     error_text(bl_context_error(context)));
        cr_expect_eq(*(const float *)bl_parameter_data(w), 1);
        cr_expect_eq(*(const float *)bl_parameter_data(bl_params_find(b, "w")), 3);
        bl_training_state_free(state);
        bl_optimizer_free(adam);
        bl_params_free(a);
        bl_params_free(b);
    }
}

/* ---- what is refused ---- */

/* The problems of a load, one after the other. */
typedef struct told {
    int count;
    bl_status first;
    char text[4000];
} told;

static void take_problem(void *user, const bl_training_problem *problem)
{
    told *t = user;
    t->first = t->count++ == 0 ? problem->code : t->first;
    cr_assert(problem->name && strlen(t->text) + strlen(problem->message) + 2 < sizeof(t->text));
    strcat(strcat(t->text, problem->message), "\n");
}

/* The load fails, tells exactly `count` problems, of which the first has the code, and has changed nothing.
 */
static void expect_refused(model *m, int count, bl_status code, told *t)
{
    size_t sizes[2];
    unsigned char *before = everything(m, &sizes[0]);
    bl_training_load_options options = {.report = take_problem, .user = t};
    *t = (told){.count = 0};
    bl_training_state_clear_error(m->state);
    bl_status status = bl_training_state_load(m->state, path, &options);
    cr_expect_eq(status, code, "%s", error_text(bl_training_state_error(m->state)));
    cr_expect_eq(bl_training_state_error(m->state)->code, code);
    cr_expect_eq(t->count, count, "%s", t->text);
    cr_expect(count == 0 || t->first == code);
    unsigned char *after = everything(m, &sizes[1]);
    cr_expect(sizes[0] == sizes[1] && memcmp(before, after, sizes[0]) == 0, "something has changed");
    free(before);
    free(after);
}

#define EXPECT_SAID(m, ...)                                                                              \
    cr_expect(error_says(bl_training_state_error((m)->state), bl_training_state_error((m)->state)->code, \
                         __VA_ARGS__, NULL),                                                             \
              "%s", error_text(bl_training_state_error((m)->state)))
#define EXPECT_TOLD(t, part) cr_expect(strstr((t).text, part), "%s", (t).text)

/* Ties that differ, each way; then what the message says to do is done. */
Test(training_state, other_ties)
{
    told t;
    model m;
    save_model(true);
    make_model(&m, false, 2);
    expect_refused(&m, 1, BL_ERR_STATE, &t);
    EXPECT_SAID(&m,
                "bl_training_state_load: model/embedding.weight shares a tensor of the file with head.weight",
                "bl_params_tie");
    cr_assert_eq(bl_params_tie(m.params, "embedding.weight", "head.weight"), BL_OK,
                 "what the optimizer was made to keep must be gone: %s",
                 error_text(bl_context_error(context)));
    cr_expect_eq(bl_training_state_load(m.state, path, NULL), BL_OK);
    close_model(&m);
    save_model(false);
    make_model(&m, true, 2);
    expect_refused(&m, 4, BL_ERR_STATE, &t); /* and the moments of the other weight */
    EXPECT_SAID(&m, "model/embedding.weight shares its parameter", "bl_params_untie", "and 3 more");
    EXPECT_TOLD(t, "adam/count/model/embedding.weight of the file is not here");
    cr_assert_eq(bl_params_untie(m.params, "embedding.weight"), BL_OK);
    cr_expect_eq(bl_training_state_load(m.state, path, NULL), BL_OK);
    close_model(&m);
}

/* Another model: every difference is told. */
Test(training_state, other_models)
{
    told t;
    model m;
    save_model(true);
    make_model(&m, true, 2);
    bl_params_free(m.params);
    m.params = bl_params_new(context);
    bl_params_add(m.params, "head.weight", BL_F32, BL_SHAPE(2, 3), bl_init_ones(), NULL);
    bl_params_add(m.params, "head.bias", BL_F32, BL_SHAPE(2), bl_init_ones(), NULL);
    bl_params_add(m.params, "tail.weight", BL_F32, BL_SHAPE(2), bl_init_ones(), NULL);
    bl_training_state_free(m.state);
    add_things(&m);
    expect_refused(&m, 8 + 1, BL_ERR_SHAPE, &t);
    EXPECT_SAID(&m,
                "model/head.weight is [2,3], in the file [3,2]; model/head.bias is F32, in the file F64; "
                "model/tail.weight is not in the file",
                "more");
    EXPECT_TOLD(t, "adam/m/model/head.weight is [2,3], in the file [3,2]\n");
    EXPECT_TOLD(t, "adam/v/model/head.bias is F32, in the file F64\n");
    EXPECT_TOLD(t, "model/seen of the file is not here\n");
    EXPECT_TOLD(t, "model/embedding.weight, a name of model/head.weight in the file, is not here\n");
    close_model(&m);
}

/* Other things than the file's, and things of other kinds. */
Test(training_state, other_things)
{
    told t;
    model m;
    save_model(true);
    make_model(&m, true, 2);
    bl_optimizer *sgd = bl_sgd(context, NULL);
    bl_training_state_free(m.state);
    m.state = bl_training_state_new(context);
    bl_training_state_add_params(m.state, "model", m.params);
    bl_training_state_add_optimizer(m.state, "adam", sgd);
    bl_training_state_add_rng(m.state, "generator", m.rng);
    bl_training_state_add_f64(m.state, "numbers", m.reals, 2);
    bl_training_state_add_i64(m.state, "reals", m.numbers, 2);
    bl_training_state_add_bytes(m.state, "bytes", m.bytes, 3);
    bl_training_state_add_text(m.state, "text", m.text, 7);
    bl_training_state_add_i64(m.state, "nothing", NULL, 0);
    told *p = &t;
    bl_training_load_options options = {.report = take_problem, .user = p};
    t = (told){.count = 0};
    cr_assert_eq(bl_training_state_load(m.state, path, &options), BL_ERR_ARGUMENT);
    EXPECT_SAID(&m, "\"adam\" is optimizer sgd here, in the file optimizer adam");
    EXPECT_TOLD(t, "\"generator\" (rng mt19937) is not in the file\n");
    EXPECT_TOLD(t, "\"rng\" (rng mt19937) of the file was not added\n");
    EXPECT_TOLD(t, "\"numbers\" is f64 here, in the file i64\n");
    EXPECT_TOLD(t, "numbers is F64, in the file I64\n");
    EXPECT_TOLD(t, "reals is I64, in the file F64\n");
    EXPECT_TOLD(t, "bytes is [3], in the file [4]\n");
    EXPECT_TOLD(t, "text has room for 6 bytes and a 0, in the file [7]\n");
    EXPECT_TOLD(t, "adam/m/model/head.weight of the file is not here\n");
    bl_optimizer_free(sgd);
    close_model(&m);
}

/* ---- other files ---- */

/* Writes the file anew with other metadata under `key` (NULL: without it), without the tensor `without`, and
 * with the bytes of `instead`, if it is not NULL, in the tensor `of`. */
static void change_file(const char *key, const char *value, const char *without, const char *of,
                        const void *instead)
{
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    bl_stored_tensor tensors[40];
    bl_metadata metadata[40];
    bl_tensor_file_options options = bl_tensor_file_defaults();
    size_t count = 0;
    for (size_t i = 0; bl_tensor_file_at(file, i, &tensors[count]); i++) {
        if (of && strcmp(tensors[count].name, of) == 0)
            tensors[count].data = instead;
        count += !without || strcmp(tensors[count].name, without) != 0;
    }
    options.metadata = metadata;
    for (size_t i = 0; bl_tensor_file_metadata_at(file, i, &metadata[options.metadata_count]); i++) {
        bool changed = key && strcmp(metadata[options.metadata_count].key, key) == 0;
        if (changed)
            metadata[options.metadata_count].value = value;
        options.metadata_count += !changed || value;
    }
    cr_assert_eq(bl_tensor_file_write(context, path, tensors, count, &options), BL_OK, "%s",
                 error_text(bl_context_error(context)));
    bl_tensor_file_close(file);
}

Test(training_state, other_versions_and_no_states)
{
    told t;
    model m;
    save_model(true);
    make_model(&m, true, 2);
    change_file("bowline.training_state", "2", NULL, NULL, NULL);
    expect_refused(&m, 0, BL_ERR_UNSUPPORTED, &t);
    EXPECT_SAID(&m, "run.safetensors", "version 2 of the format", "reads version 1");
    change_file("bowline.training_state", NULL, NULL, NULL, NULL);
    expect_refused(&m, 0, BL_ERR_FORMAT, &t);
    EXPECT_SAID(&m, "run.safetensors\" is no training state");
    remove(path);
    expect_refused(&m, 0, BL_ERR_IO, &t);
    EXPECT_SAID(&m, "bl_training_state_load", "run.safetensors");
    close_model(&m);
}

/* Cut off anywhere. */
Test(training_state, truncated_files)
{
    told t;
    model m;
    save_model(true);
    make_model(&m, true, 2);
    size_t size;
    unsigned char *bytes = folder_read(path, &size);
    for (size_t left = 0; left < size; left += left < 64 ? 7 : 997) {
        folder_write(path, bytes, left);
        expect_refused(&m, 0, BL_ERR_FORMAT, &t);
    }
    folder_write(path, bytes, size);
    cr_expect_eq(bl_training_state_load(m.state, path, NULL), BL_OK);
    free(bytes);
    close_model(&m);
}

/* Values that none can have, and tensors that are missing. */
Test(training_state, bad_values)
{
    static const unsigned char zeros[BL_RNG_STATE_BYTES];
    told t;
    model m;
    make_model(&m, true, 2);
    save_model(true);
    change_file(NULL, NULL, NULL, "rng", zeros);
    expect_refused(&m, 1, BL_ERR_FORMAT, &t);
    EXPECT_SAID(&m, "rng is no state of a generator");
    save_model(true);
    size_t size;
    unsigned char *bytes = folder_read(path, &size);
    cr_assert(bytes[size - 2] == 1 && bytes[size - 1] == 0, "bools stand at the end");
    bytes[size - 1] = 2;
    folder_write(path, bytes, size);
    free(bytes);
    expect_refused(&m, 1, BL_ERR_FORMAT, &t);
    EXPECT_SAID(&m, "model/seen has a bool");
    save_model(true);
    change_file(NULL, NULL, NULL, "text", "ep\0ch 3");
    expect_refused(&m, 1, BL_ERR_FORMAT, &t);
    EXPECT_SAID(&m, "the text text has a 0");
    save_model(true);
    change_file(NULL, NULL, "adam/v/model/head.bias", NULL, NULL);
    expect_refused(&m, 1, BL_ERR_NOT_FOUND, &t);
    EXPECT_SAID(&m, "adam/v/model/head.bias is not in the file");
    save_model(true);
    change_file(NULL, NULL, "numbers", NULL, NULL);
    expect_refused(&m, 1, BL_ERR_NOT_FOUND, &t);
    EXPECT_SAID(&m, "numbers is not in the file");
    close_model(&m);
}

/* ---- groups ---- */

/* Adam, and SGD with momentum for what matches. */
static void make_grouped(model *m, const char *pattern)
{
    make_model(m, false, 1);
    bl_sgd_options options = bl_sgd_defaults();
    options.momentum = 0.5;
    options.lr = 0.25;
    if (pattern)
        cr_assert_eq(bl_optimizer_add_group(m->adam, m->params, pattern, bl_sgd(context, &options)), BL_OK);
}

Test(training_state, groups)
{
    told t;
    model m;
    make_grouped(&m, "head.*");
    record(&m);
    cr_assert_eq(bl_run(m.program), BL_OK);
    bl_optimizer_set_lr(bl_optimizer_group_at(m.adam, 0, NULL), 0.125);
    cr_assert_eq(bl_training_state_save(m.state, path), BL_OK);
    close_model(&m);
    bl_tensor_file *file = bl_tensor_file_open(context, path);
    expect_metadata(file, "bowline.entry.adam/group.0", "optimizer sgd");
    expect_tensor(file, "adam/group.0/lr", BL_STORED_F64, BL_SCALAR);
    expect_tensor(file, "adam/m/model/embedding.weight", BL_STORED_F32, BL_SHAPE(3, 2));
    cr_expect(!bl_tensor_file_find(file, "adam/m/model/head.weight", NULL));
    bl_tensor_file_close(file);
    make_grouped(&m, "head.*");
    cr_assert_eq(bl_training_state_load(m.state, path, NULL), BL_OK, "%s",
                 error_text(bl_training_state_error(m.state)));
    cr_expect_eq(*(const double *)bl_parameter_data(bl_optimizer_lr(bl_optimizer_group_at(m.adam, 0, NULL))),
                 0.125);
    cr_expect(is_like_file(&m));
    close_model(&m);
    make_grouped(&m, "*.bias"); /* the head's weight is Adam's now */
    cr_assert_eq(bl_training_state_load(m.state, path, &(bl_training_load_options){take_problem, &t}),
                 BL_ERR_NOT_FOUND);
    EXPECT_SAID(&m, "adam/m/model/head.weight is not in the file");
    close_model(&m);
    t = (told){.count = 0};
    make_grouped(&m, NULL);
    cr_assert_eq(bl_training_state_load(m.state, path, &(bl_training_load_options){take_problem, &t}),
                 BL_ERR_NOT_FOUND);
    EXPECT_SAID(&m, "\"adam/group.0\" (optimizer sgd) of the file was not added");
    close_model(&m);
}

/* ---- adding, saving ---- */

Test(training_state, what_cannot_be_added)
{
    model m;
    make_model(&m, false, 1);
    bl_context *other = bl_context_new(NULL);
    bl_params *strange = bl_params_new(other), *more = bl_params_new(context);
    bl_training_state *s = m.state;
    cr_expect_eq(bl_training_state_add_params(s, "other", strange), BL_ERR_ARGUMENT);
    EXPECT_SAID(&m, "bl_training_state_add_params", "\"other\": it belongs to another context");
    bl_training_state_clear_error(s);
    cr_expect_eq(bl_training_state_add_params(s, "numbers", more), BL_ERR_EXISTS);
    EXPECT_SAID(&m, "something of that name was added already");
    cr_expect_eq(bl_training_state_add_params(s, "again", m.params), BL_ERR_EXISTS);
    cr_expect_eq(bl_training_state_add_params(s, "", more), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_add_params(s, NULL, more), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_add_params(s, "a/b", more), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_add_params(s, "null", NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_add_optimizer(s, "null", NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_add_rng(s, "null", NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_add_f64(s, "null", NULL, 1), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_add_text(s, "null", m.text, 0), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_add_i64(NULL, "null", m.numbers, 1), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_save(NULL, path), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_load(NULL, path, NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_error(NULL)->code, BL_ERR_ARGUMENT);
    cr_expect_null(bl_training_state_new(NULL));
    bl_training_state_free(NULL);
    bl_params_free(strange);
    bl_params_free(more);
    bl_context_free(other);
    close_model(&m);
}

Test(training_state, what_cannot_be_saved)
{
    model m;
    save_model(true);
    make_model(&m, true, 1);
    bl_parameter *own = bl_params_add(params, "elsewhere", BL_F32, BL_SHAPE(2), bl_init_ones(), NULL);
    bl_optimizer_prepare(m.adam, own);
    cr_expect_eq(bl_training_state_save(m.state, path), BL_ERR_NOT_FOUND);
    EXPECT_SAID(&m, "bl_training_state_save: \"adam\" keeps state for elsewhere, which no registry");
    bl_training_state_clear_error(m.state);
    cr_expect_eq(bl_training_state_load(m.state, path, NULL), BL_ERR_NOT_FOUND);
    EXPECT_SAID(&m, "\"adam\" keeps state for elsewhere");
    bl_training_state_clear_error(m.state);
    bl_training_state_add_params(m.state, "more", params);
    memset(m.text, 'x', sizeof(m.text));
    cr_expect_eq(bl_training_state_save(m.state, path), BL_ERR_ARGUMENT);
    EXPECT_SAID(&m, "the text \"text\" does not end within its 12 bytes");
    m.text[3] = '\0';
    bl_training_state_clear_error(m.state);
    cr_expect_eq(bl_training_state_save(m.state, folder_path("no/where")), BL_ERR_IO);
    EXPECT_SAID(&m, "bl_training_state_save");
    cr_expect_eq(bl_training_state_save(m.state, NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_load(m.state, NULL, NULL), BL_ERR_ARGUMENT);
    cr_expect_eq(bl_training_state_save(m.state, path), BL_OK);
    close_model(&m);
}

/* A run has a parameter: neither is done, and everything is let go of again. */
Test(training_state, parameters_in_use)
{
    model m;
    save_model(false);
    make_model(&m, false, 2);
    bl_parameter *bias = bl_params_find(m.params, "head.bias");
    cr_assert(bl__parameter_enter(bias, false));
    cr_expect_eq(bl_training_state_save(m.state, folder_path("other")), BL_OK, "it is only read");
    cr_expect_eq(bl_training_state_load(m.state, path, NULL), BL_ERR_BUSY);
    EXPECT_SAID(&m, "a run uses head.bias");
    bl__parameter_leave(bias, false);
    cr_assert(bl__parameter_enter(bias, true));
    bl_training_state_clear_error(m.state);
    cr_expect_eq(bl_training_state_save(m.state, path), BL_ERR_BUSY);
    EXPECT_SAID(&m, "a run writes head.bias");
    bl__parameter_leave(bias, true);
    cr_expect_eq(bl_training_state_load(m.state, path, NULL), BL_OK);
    cr_expect_eq(bl_training_state_save(m.state, path), BL_OK);
    close_model(&m);
}

/* ---- memory ---- */

/* Saves or loads with the k-th allocation failing; whether it failed. The object that it began with is as
 * good as before. */
static bool try_with_failure(long k, bool load)
{
    failing_allocator memory;
    char text[200];
    model m;
    bl_context *before = context;
    failing_allocator_init(&memory);
    context = failing_allocator_context(&memory);
    make_model(&m, true, 2);
    if (!load)
        record(&m);
    failing_allocator_fail(&memory, k, false);
    bl_status status = load ? bl_training_state_load(m.state, path, NULL)
                            : bl_training_state_save(m.state, folder_path("other"));
    bool failed = failing_allocator_has_failed(&memory);
    failing_allocator_relent(&memory);
    cr_assert_eq(status, failed ? BL_ERR_MEMORY : BL_OK, "allocation %ld: %s", k,
                 error_text(bl_training_state_error(m.state)));
    cr_assert(!failed || !load || bl_optimizer_state_count(m.adam) == 0, "what was made is left");
    cr_assert_eq(bl_optimizer_error(m.adam)->code, BL_OK);
    status = load ? bl_training_state_load(m.state, path, NULL)
                  : bl_training_state_save(m.state, folder_path("other"));
    cr_assert_eq(status, BL_OK, "afterwards");
    close_model(&m);
    bl_context_free(context);
    context = before;
    cr_assert(failing_allocator_clean(&memory, text, sizeof(text)), "allocation %ld: %s", k, text);
    return failed;
}

Test(training_state, out_of_memory)
{
    long counts[2] = {0, 0};
    save_model(true);
    for (int load = 0; load < 2; load++) {
        while (try_with_failure(counts[load] + 1, load))
            counts[load]++;
        cr_expect_gt(counts[load], 10);
    }
}
