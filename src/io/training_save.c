/* Saving a training state: the tensors and the metadata of its file. */
#include "graph/text.h"
#include "io/training_state.h"

#include <string.h>

/* What is written, as it grows. */
typedef struct saving {
    bl__training_call call;
    const bl_allocator *allocator;
    bl__outgoing *tensors;
    size_t count, capacity;
    bl_metadata *metadata;
    size_t metadata_count, metadata_capacity;
    bl_parameter **held; /* that no run may write meanwhile */
    size_t held_count, held_capacity;
    bl_status status; /* the first failure, reported */
} saving;

static void fail(saving *s, bl_status status, const char *message)
{
    if (s->status == BL_OK)
        s->status = bl__caller_fail(&s->call.caller, status, "%s", message);
}

/* Adds a tensor; a name that is NULL is one there was no memory for. */
static void put(saving *s, const char *name, bl_stored_dtype dtype, bl_shape shape, const void *data)
{
    if (!name || (s->count == s->capacity &&
                  !bl__grow(s->allocator, &s->tensors, &s->capacity, sizeof(*s->tensors)))) {
        s->call.has_memory = false;
        return;
    }
    bl_stored_tensor tensor = {.name = name, .dtype = dtype, .shape = shape, .data = data};
    s->tensors[s->count++] = (bl__outgoing){.tensor = tensor, .from = dtype};
}

static void put_parameter(saving *s, const char *name, bl_parameter *parameter)
{
    char message[160];
    if (s->held_count == s->held_capacity &&
        !bl__grow(s->allocator, &s->held, &s->held_capacity, sizeof(bl_parameter *))) {
        s->call.has_memory = false;
        return;
    }
    if (!bl__parameter_enter(parameter, false)) {
        bl__text_add(&(bl__text){message, sizeof(message), 0}, "a run writes %.100s", parameter->name);
        fail(s, BL_ERR_BUSY, message);
        return;
    }
    s->held[s->held_count++] = parameter;
    put(s, name, bl_stored_dtype_of(parameter->dtype), parameter->shape, parameter->data);
}

static void put_metadata(saving *s, const char *key, const char *value)
{
    if (!key || !value ||
        (s->metadata_count == s->metadata_capacity &&
         !bl__grow(s->allocator, &s->metadata, &s->metadata_capacity, sizeof(*s->metadata)))) {
        s->call.has_memory = false;
        return;
    }
    s->metadata[s->metadata_count++] = (bl_metadata){key, value};
}

/* ---- parameters ---- */

/* The name of a parameter's own in a registry: the canonical one, or the first it has there. */
static const char *own_name(const bl_params *params, const bl_parameter *parameter)
{
    const char *first = NULL;
    for (const bl__name *name = parameter->names; name; name = name->next) {
        if (name->params != params)
            continue;
        if (strcmp(name->text, parameter->name) == 0)
            return name->text;
        first = first ? first : name->text;
    }
    return first;
}

/* Puts a parameter that no registry before this one has. */
static void put_new(saving *s, const bl__training_entry *entry, bl_parameter *parameter)
{
    bl__training_call *call = &s->call;
    const char *tensor = bl__training_join(call, entry->name, "/", own_name(entry->object, parameter), NULL);
    union {
        const char *name;
        void *value;
    } kept = {.name = tensor};
    if (tensor && !bl__table_insert(&call->tensors, &parameter->id, sizeof(parameter->id), kept.value))
        call->has_memory = false;
    put_parameter(s, tensor, parameter);
}

static void put_params(saving *s, const bl__training_entry *entry)
{
    const bl_params *params = entry->object;
    bl__training_call *call = &s->call;
    for (size_t i = 0; i < bl_params_count(params); i++) {
        bl_parameter *parameter = bl_params_at(params, i);
        if (!bl__table_find(&call->tensors, &parameter->id, sizeof(parameter->id)))
            put_new(s, entry, parameter);
    }
    for (size_t i = 0; i < bl_params_name_count(params) && call->has_memory; i++) {
        bl_parameter *parameter;
        const char *name = bl_params_name_at(params, i, &parameter);
        const char *tensor = bl__table_find(&call->tensors, &parameter->id, sizeof(parameter->id));
        const char *alias = bl__training_join(call, entry->name, "/", name, NULL);
        if (alias && tensor && strcmp(alias, tensor) != 0)
            put_metadata(s, alias, tensor);
    }
}

/* ---- optimizers ---- */

static void put_slot(saving *s, const bl__training_entry *entry, const bl_optimizer_state *kept,
                     const char *prefix)
{
    const bl_parameter *parameter = kept->parameter;
    const char *tensor = bl__table_find(&s->call.tensors, &parameter->id, sizeof(parameter->id));
    char message[256];
    if (tensor) {
        const char *place = bl__training_join(&s->call, prefix, "/", kept->slot, "/");
        put_parameter(s, place ? bl__training_join(&s->call, place, tensor, NULL, NULL) : NULL, kept->buffer);
        return;
    }
    bl__text_add(&(bl__text){message, sizeof(message), 0},
                 "\"%.80s\" keeps state for %.100s, which no registry of the training state has", entry->name,
                 parameter->name);
    fail(s, BL_ERR_NOT_FOUND, message);
}

/* The optimizer and its groups, each with what it keeps. */
static void put_optimizer(saving *s, const bl__training_entry *entry)
{
    const char *prefix;
    bl_optimizer *part;
    for (size_t i = 0; (part = bl__training_part(&s->call, entry, i, &prefix)) && prefix; i++) {
        put_parameter(s, bl__training_join(&s->call, prefix, "/lr", NULL, NULL), part->lr);
        put_parameter(s, bl__training_join(&s->call, prefix, "/step", NULL, NULL), part->step);
        if (i > 0)
            put_metadata(s, bl__training_join(&s->call, BL__TRAINING_ENTRY_KEY, prefix, NULL, NULL),
                         bl__training_join(&s->call, "optimizer ", bl_optimizer_name(part), NULL, NULL));
        for (size_t k = 0; k < bl_optimizer_state_count(entry->object) && s->call.has_memory; k++) {
            bl_optimizer_state kept = bl_optimizer_state_at(entry->object, k);
            if (kept.optimizer == part)
                put_slot(s, entry, &kept, prefix);
        }
    }
}

/* ---- values ---- */

static void put_rng(saving *s, const bl__training_entry *entry)
{
    void *bytes = bl__arena_take(&s->call.arena, BL_RNG_STATE_BYTES);
    if (bytes)
        bl_rng_get_state(entry->object, bytes, BL_RNG_STATE_BYTES);
    put(s, bytes ? entry->name : NULL, BL_STORED_U8, BL_SHAPE(BL_RNG_STATE_BYTES), bytes);
}

static void put_text(saving *s, const bl__training_entry *entry)
{
    const char *text = entry->object, *end = memchr(text, '\0', entry->count);
    char message[160];
    if (end) {
        put(s, entry->name, BL_STORED_U8, BL_SHAPE(end - text), text);
        return;
    }
    bl__text_add(&(bl__text){message, sizeof(message), 0},
                 "the text \"%.80s\" does not end within its %zu bytes", entry->name, entry->count);
    fail(s, BL_ERR_ARGUMENT, message);
}

static void put_entry(saving *s, const bl__training_entry *entry)
{
    bl_shape shape = BL_SHAPE((int64_t)entry->count);
    put_metadata(s, bl__training_join(&s->call, BL__TRAINING_ENTRY_KEY, entry->name, NULL, NULL),
                 bl__training_kind_of(&s->call, entry));
    switch (entry->kind) {
    case BL__TRAINING_PARAMS: /* all of them stand there before the first optimizer looks for one */
        return;
    case BL__TRAINING_OPTIMIZER:
        put_optimizer(s, entry);
        return;
    case BL__TRAINING_RNG:
        put_rng(s, entry);
        return;
    case BL__TRAINING_TEXT:
        put_text(s, entry);
        return;
    case BL__TRAINING_I64:
        put(s, entry->name, BL_STORED_I64, shape, entry->object);
        return;
    case BL__TRAINING_F64:
        put(s, entry->name, BL_STORED_F64, shape, entry->object);
        return;
    case BL__TRAINING_BYTES:
        put(s, entry->name, BL_STORED_U8, shape, entry->object);
        return;
    }
}

/* ---- saving ---- */

static void collect(saving *s)
{
    const bl_training_state *state = s->call.state;
    put_metadata(s, BL__TRAINING_VERSION_KEY, BL__TRAINING_VERSION);
    put_metadata(s, "format", "pt"); /* as loaders of other libraries ask for */
    for (size_t i = 0; i < state->entry_count; i++) {
        if (state->entries[i].kind == BL__TRAINING_PARAMS)
            put_params(s, &state->entries[i]);
    }
    for (size_t i = 0; i < state->entry_count; i++)
        put_entry(s, &state->entries[i]);
    if (!s->call.has_memory)
        fail(s, BL_ERR_MEMORY, "no memory for the list of tensors");
}

static void let_go(saving *s)
{
    while (s->held_count > 0)
        bl__parameter_leave(s->held[--s->held_count], false);
    bl__release(s->allocator, s->held, s->held_capacity, sizeof(bl_parameter *));
    bl__release(s->allocator, s->tensors, s->capacity, sizeof(*s->tensors));
    bl__release(s->allocator, s->metadata, s->metadata_capacity, sizeof(*s->metadata));
    bl__training_end(&s->call);
}

bl_status bl_training_state_save(bl_training_state *state, const char *path)
{
    if (!state)
        return BL_ERR_ARGUMENT;
    saving s = {.allocator = &state->context->allocator};
    bl__training_begin(&s.call, state, "training_state_save");
    collect(&s);
    if (s.status == BL_OK) {
        bl_tensor_file_options options = bl_tensor_file_defaults();
        options.metadata = s.metadata;
        options.metadata_count = s.metadata_count;
        s.status = bl__tensor_file_write(&s.call.caller, path, s.tensors, s.count, &options);
    }
    let_go(&s);
    return s.status;
}
