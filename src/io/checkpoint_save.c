/* Saving parameters: each once, with its other names in the metadata. */
#include "io/checkpoint.h"

#include <string.h>

/* A file in the making. Names with a prefix are copied into the arena. */
typedef struct outgoing_file {
    bl_params *params;
    bl__caller caller;
    const bl_save_options *options;
    bl__arena arena;
    bl__outgoing *tensors;
    bl_parameter **parameters; /* of the tensors */
    size_t count;
    size_t entered; /* parameters that are held for reading */
    bl_metadata *metadata;
    size_t metadata_count;
    size_t given_count; /* of metadata: the caller's, which come first */
} outgoing_file;

static bl_status no_memory(const outgoing_file *file, const char *path)
{
    return bl__caller_fail(&file->caller, BL_ERR_MEMORY, "no memory to save to %s", bl__path_end(path));
}

/* prefix + name for as long as the arena lives; NULL without memory. */
static const char *whole_name(outgoing_file *file, const char *name)
{
    size_t head = strlen(file->options->prefix), tail = strlen(name) + 1;
    if (head == 0)
        return name;
    char *whole = bl__arena_take(&file->arena, head + tail);
    if (whole) {
        memcpy(whole, file->options->prefix, head);
        memcpy(whole + head, name, tail);
    }
    return whole;
}

static bl_stored_dtype stored_as(const outgoing_file *file, const bl_parameter *parameter)
{
    bool is_float = parameter->dtype == BL_F32 || parameter->dtype == BL_F64;
    bool other = is_float && file->options->floats != BL_DTYPE_COUNT;
    return bl_stored_dtype_of(other ? file->options->floats : parameter->dtype);
}

/* Whether a key is free among the metadata; if the caller took it for something else, that is an error. */
static bl_status add_metadatum(outgoing_file *file, const char *key, const char *value)
{
    for (size_t i = 0; i < file->given_count; i++) {
        if (strcmp(file->metadata[i].key, key) == 0)
            return bl__caller_fail(&file->caller, BL_ERR_EXISTS,
                                   "%s is a key of the metadata, and a second name of %s", key, value);
    }
    file->metadata[file->metadata_count++] = (bl_metadata){key, value};
    return BL_OK;
}

/* Adds a parameter, if it has a name below the scope, and its other names. */
static bl_status add_parameter(outgoing_file *file, bl_parameter *parameter, const char *path)
{
    const char *kept = bl__stored_name(file->params, parameter);
    if (!kept)
        return BL_OK;
    const char *stored = whole_name(file, kept);
    if (!stored)
        return no_memory(file, path);
    file->parameters[file->count] = parameter;
    file->tensors[file->count++] =
        (bl__outgoing){{stored, stored_as(file, parameter), parameter->shape, parameter->data},
                       bl_stored_dtype_of(parameter->dtype)};
    for (const bl__name *name = parameter->names; name; name = name->next) {
        const char *alias = bl__name_below(file->params, name);
        if (!alias || alias == kept)
            continue;
        alias = whole_name(file, alias);
        if (!alias)
            return no_memory(file, path);
        bl_status status = add_metadatum(file, alias, stored);
        if (status != BL_OK)
            return status;
    }
    return BL_OK;
}

/* The format, unless the caller or a parameter has taken that key. */
static void add_format(outgoing_file *file)
{
    for (size_t i = 0; i < file->metadata_count; i++) {
        if (strcmp(file->metadata[i].key, "format") == 0)
            return;
    }
    file->metadata[file->metadata_count++] = (bl_metadata){"format", "pt"};
}

static bl_status collect(outgoing_file *file, const char *path)
{
    const bl_tensor_file_options *given = &file->options->file;
    size_t most = file->params->parameters.count, names = file->params->names.count;
    file->tensors = bl__arena_take(&file->arena, most * sizeof(*file->tensors));
    file->parameters = bl__arena_take(&file->arena, most * sizeof(bl_parameter *));
    file->metadata =
        bl__arena_take(&file->arena, (given->metadata_count + names + 1) * sizeof(*file->metadata));
    if (!file->tensors || !file->parameters || !file->metadata)
        return no_memory(file, path);
    for (size_t i = 0; i < given->metadata_count; i++) {
        if (!given->metadata || !given->metadata[i].key)
            return bl__caller_fail(&file->caller, BL_ERR_ARGUMENT, "the metadata or a key of them are NULL");
        file->metadata[file->metadata_count++] = given->metadata[i];
    }
    file->given_count = file->metadata_count;
    for (size_t i = 0; i < most; i++) {
        bl_status status = add_parameter(file, bl_params_at(file->params, i), path);
        if (status != BL_OK)
            return status;
    }
    add_format(file);
    return BL_OK;
}

static bl_status enter_all(outgoing_file *file)
{
    for (; file->entered < file->count; file->entered++) {
        if (!bl__parameter_enter(file->parameters[file->entered], false))
            return bl__caller_fail(&file->caller, BL_ERR_BUSY, "%s is in use by a run",
                                   file->parameters[file->entered]->name);
    }
    return BL_OK;
}

bl_save_options bl_save_defaults(void)
{
    return (bl_save_options){.prefix = "", .floats = BL_DTYPE_COUNT, .file = bl_tensor_file_defaults()};
}

bl_status bl_params_save(bl_params *params, const char *path, const bl_save_options *options)
{
    if (!params)
        return BL_ERR_ARGUMENT;
    bl_save_options chosen = options ? *options : bl_save_defaults();
    outgoing_file file = {
        .params = params, .caller = {params->context, &params->error, "params_save"}, .options = &chosen};
    if (!path || !path[0] || !chosen.prefix)
        return bl__caller_fail(&file.caller, BL_ERR_ARGUMENT,
                               "the path or the prefix is NULL, or the path empty");
    if (chosen.floats != BL_DTYPE_COUNT && chosen.floats != BL_F32 && chosen.floats != BL_F64 &&
        chosen.floats != BL_F16 && chosen.floats != BL_BF16)
        return bl__caller_fail(&file.caller, BL_ERR_DTYPE, "floats cannot be stored as %s",
                               bl_dtype_name(chosen.floats));
    bl__arena_init(&file.arena, &params->context->allocator);
    bl_status status = collect(&file, path);
    if (status == BL_OK)
        status = enter_all(&file);
    if (status == BL_OK) {
        bl_tensor_file_options written = chosen.file;
        written.metadata = file.metadata;
        written.metadata_count = file.metadata_count;
        status = bl__tensor_file_write(&file.caller, path, file.tensors, file.count, &written);
    }
    while (file.entered > 0)
        bl__parameter_leave(file.parameters[--file.entered], false);
    bl__arena_free(&file.arena);
    return status;
}
