/* Writes files for peer.py to check, or checks those that it wrote: interchange write|check FOLDER. */
#include "bowline/bowline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bl_context *context;

static void stop(const char *what)
{
    char text[512];
    bl_error_format(bl_context_error(context), text, sizeof(text));
    fprintf(stderr, "interchange: %s: %s\n", what, text);
    exit(1);
}

static void expect(bool good, const char *what)
{
    if (!good)
        stop(what);
}

static const char *in(const char *folder, const char *name)
{
    static char path[1024];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* ---- values, as peer.py makes them ---- */

enum {
    RAW = 16,
    MOST = 256
};

static const bl_stored_tensor raw[RAW] = {
    {"bool", BL_STORED_BOOL, {2, {3, 5}}, NULL},
    {"u8", BL_STORED_U8, {1, {7}}, NULL},
    {"i8", BL_STORED_I8, {2, {2, 3}}, NULL},
    {"i16", BL_STORED_I16, {1, {5}}, NULL},
    {"u16", BL_STORED_U16, {2, {3, 1}}, NULL},
    {"f16", BL_STORED_F16, {2, {4, 3}}, NULL},
    {"bf16", BL_STORED_BF16, {2, {3, 4}}, NULL},
    {"i32", BL_STORED_I32, {2, {2, 2}}, NULL},
    {"u32", BL_STORED_U32, {1, {9}}, NULL},
    {"f32", BL_STORED_F32, {1, {11}}, NULL},
    {"f64", BL_STORED_F64, {3, {2, 1, 3}}, NULL},
    {"i64", BL_STORED_I64, {1, {5}}, NULL},
    {"u64", BL_STORED_U64, {1, {3}}, NULL},
    {"scalar", BL_STORED_F32, {0, {0}}, NULL},
    {"empty", BL_STORED_F32, {2, {0, 4}}, NULL},
    {"empty \"quoted\" \xc3\xa9\xf0\x9f\x98\x80", BL_STORED_BOOL, {2, {2, 0}}, NULL},
};

static const bl_metadata notes[] = {{"note", "\xe2\x82\xac \"quoted\"\n"}, {"", ""}};

static void bits(const bl_stored_tensor *tensor, unsigned char *bytes)
{
    unsigned seed = 0;
    for (const unsigned char *c = (const unsigned char *)tensor->name; *c; c++)
        seed += 31u * *c;
    for (unsigned i = 0; i < bl_stored_bytes(tensor); i++) {
        bytes[i] = (unsigned char)(seed + 11 * i + i / 7 * 3);
        bytes[i] &= tensor->dtype == BL_STORED_BOOL ? 1 : 255;
    }
}

static float number(int seed, int i)
{
    double whole = (i * 37 + seed) % 101 - 50 + (i * 13 + seed) % 1021 / 1024.0;
    return (float)ldexp(whole, (i * 7 + seed) % 30 - 20);
}

static void numbers(bl_parameter *parameter, int seed)
{
    float f32[MOST];
    double f64[MOST];
    bool wide = bl_parameter_dtype(parameter) == BL_F64;
    int64_t count = bl_shape_count(bl_parameter_shape(parameter));
    for (int i = 0; i < count; i++) {
        f32[i] = number(seed, i);
        f64[i] = (double)f32[i];
    }
    expect(bl_parameter_write(parameter, wide ? (void *)f64 : (void *)f32, (size_t)count * (wide ? 8 : 4)) ==
               BL_OK,
           "writing a parameter");
}

/* The model: tied, with the buffers only where they are asked for. */
static bl_params *model(bool buffers)
{
    bl_params *p = bl_params_new(context);
    bl_parameter *weight = bl_params_add(p, "head.weight", BL_F32, BL_SHAPE(10, 3), bl_init_zeros(), NULL);
    bl_params_add(p, "head.bias", BL_F32, BL_SHAPE(10), bl_init_zeros(), NULL);
    bl_params_register(p, "embedding.weight", weight);
    if (buffers) {
        bl_params_add_buffer(p, "mean", BL_F64, BL_SHAPE(4));
        bl_params_add_buffer(p, "nothing", BL_F32, BL_SHAPE(0, 3));
        bl_params_add_random(p, "random", 7);
    }
    expect(bl_params_error(p)->code == BL_OK, "the model");
    return p;
}

/* ---- write ---- */

static void write_raw(const char *folder)
{
    unsigned char bytes[RAW][MOST];
    bl_stored_tensor tensors[RAW];
    bl_tensor_file_options options = bl_tensor_file_defaults();
    options.metadata = notes;
    options.metadata_count = 2;
    for (int i = 0; i < RAW; i++) {
        tensors[i] = raw[i];
        bits(&raw[i], bytes[i]);
        tensors[i].data = bytes[i];
    }
    expect(bl_tensor_file_write(context, in(folder, "raw.safetensors"), tensors, RAW, &options) == BL_OK,
           "raw.safetensors");
}

static void write_all(const char *folder)
{
    bl_params *p = model(true);
    bl_save_options options = bl_save_defaults();
    numbers(bl_params_find(p, "head.weight"), 1);
    numbers(bl_params_find(p, "head.bias"), 2);
    numbers(bl_params_find(p, "mean"), 3);
    write_raw(folder);
    expect(bl_params_save(p, in(folder, "tied.safetensors"), NULL) == BL_OK, "tied.safetensors");
    options.floats = BL_F16;
    expect(bl_params_save(p, in(folder, "f16.safetensors"), &options) == BL_OK, "f16.safetensors");
    options.floats = BL_BF16;
    expect(bl_params_save(p, in(folder, "bf16.safetensors"), &options) == BL_OK, "bf16.safetensors");
    options = bl_save_defaults();
    options.file.max_shard_bytes = 100;
    expect(bl_params_save(p, in(folder, "sharded.safetensors.index.json"), &options) == BL_OK, "sharded");
    bl_params_free(p);
}

/* ---- check ---- */

static void check_raw(const char *folder)
{
    bl_tensor_file *file = bl_tensor_file_open(context, in(folder, "raw.safetensors"));
    expect(file && bl_tensor_file_count(file) == RAW, "raw.safetensors");
    for (int i = 0; i < RAW; i++) {
        unsigned char bytes[MOST];
        bl_stored_tensor found;
        bits(&raw[i], bytes);
        expect(bl_tensor_file_find(file, raw[i].name, &found) && found.dtype == raw[i].dtype &&
                   bl_shape_equal(found.shape, raw[i].shape) &&
                   memcmp(found.data, bytes, bl_stored_bytes(&found)) == 0,
               raw[i].name);
    }
    for (int i = 0; i < 2; i++) {
        const char *value = bl_tensor_file_metadata(file, notes[i].key);
        expect(value && strcmp(value, notes[i].value) == 0, "metadata");
    }
    bl_tensor_file_close(file);
}

/* What a half holds of a value: half of the last place off. */
static void expect_close(const bl_parameter *parameter, int seed, double relative, double absolute)
{
    const float *data = bl_parameter_data(parameter);
    for (int i = 0; i < bl_shape_count(bl_parameter_shape(parameter)); i++) {
        double wanted = (double)number(seed, i);
        expect(fabs((double)data[i] - wanted) <= relative * fabs(wanted) + absolute,
               bl_parameter_name(parameter));
    }
}

static void check_model(const char *folder, const char *name, double relative, double absolute)
{
    bl_params *p = model(false);
    bl_load_options options = bl_load_defaults();
    options.convert = relative > 0;
    expect(bl_params_load(p, in(folder, name), &options) == BL_OK, name);
    expect(bl_params_find(p, "head.weight") == bl_params_find(p, "embedding.weight"), "the tie");
    expect_close(bl_params_find(p, "head.weight"), 1, relative, absolute);
    expect_close(bl_params_find(p, "head.bias"), 2, relative, absolute);
    bl_params_free(p);
}

static void check_all(const char *folder)
{
    check_raw(folder);
    check_model(folder, "canonical.safetensors", 0, 0);
    check_model(folder, "alias.safetensors", 0, 0);
    check_model(folder, "both.safetensors", 0, 0);
    check_model(folder, "sharded.safetensors.index.json", 0, 0);
    check_model(folder, "f16.safetensors", 0x1p-11, 0x1p-25);
    check_model(folder, "bf16.safetensors", 0x1p-8, 0);
    puts("check: as it should be");
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    context = bl_context_new(NULL);
    if (strcmp(arguments[1], "write") == 0)
        write_all(arguments[2]);
    else
        check_all(arguments[2]);
    bl_context_free(context);
    return 0;
}
