/* Loading a training state: everything is looked at first, in what order ever; then nothing can fail. */
#include "graph/text.h"
#include "io/training_state.h"
#include "random/rng.h"

#include <string.h>

/* Where the values of one tensor go. */
typedef struct filling {
    const bl__training_entry *entry; /* of a value; NULL where it is a parameter */
    bl_parameter *parameter;
    const bl_rule_slot *slot; /* of an optimizer, whose values are not in the file: as at first */
    const void *data;         /* in the file */
    size_t bytes;
} filling;

/* How many states an optimizer or a group had before the load made more. */
typedef struct made_states {
    bl_optimizer *optimizer;
    size_t before;
    bl_error error;
} made_states;

typedef struct loading {
    bl__training_call call;
    const bl_training_load_options *options;
    const bl_allocator *allocator;
    const char *path;
    bl_tensor_file *file;
    bl__table owners; /* the name of a tensor -> the parameter that it is */
    bl__table used;   /* names of tensors and keys of metadata that something of the state's is */
    filling *fillings;
    size_t count, capacity;
    bl_parameter **held; /* parameters that this load writes, each once */
    size_t held_count, held_capacity;
    bl__table holds; /* their ids */
    made_states *made;
    size_t made_count, made_capacity;
    bl_status status; /* of the first problem */
    char text[224];   /* as many of them as fit */
    bl__text message;
    size_t problems, told;
} loading;

/* ---- problems ---- */

static void problem(loading *l, bl_status code, const char *name, const char *format, ...) BL_PRINTF(4, 5);

/* Notes one thing that differs. */
static void problem(loading *l, bl_status code, const char *name, const char *format, ...)
{
    char text[512];
    bl__text words = {text, sizeof(text), 0};
    va_list arguments;
    va_start(arguments, format);
    bl__text_add_list(&words, format, arguments);
    va_end(arguments);
    l->status = l->problems++ == 0 ? code : l->status;
    if (l->options->report)
        l->options->report(l->options->user, &(bl_training_problem){code, name, text});
    size_t room = sizeof(l->text) - l->message.length;
    if (l->told + 1 < l->problems || (l->told > 0 && words.length + 2 >= room))
        return; /* one after it might fit, but the list is in order */
    bl__text_add(&l->message, "%s%.200s", l->told > 0 ? "; " : "", text);
    l->told++;
}

/* The error that all problems make. */
static bl_status report_problems(loading *l)
{
    if (!l->call.has_memory)
        return bl__caller_fail(&l->call.caller, BL_ERR_MEMORY, "no memory to look at \"%s\"",
                               bl__path_end(l->path));
    if (l->problems == 0)
        return BL_OK;
    char more[40] = "";
    if (l->problems > l->told)
        bl__text_add(&(bl__text){more, sizeof(more), 0}, "; and %zu more", l->problems - l->told);
    return bl__caller_fail(&l->call.caller, l->status, "%s%s", l->text, more);
}

/* ---- names ---- */

static void insert(loading *l, bl__table *table, const void *key, size_t bytes, const void *value)
{
    union {
        const void *from;
        void *to;
    } kept = {.from = value};
    if (!bl__table_find(table, key, bytes) && !bl__table_insert(table, key, bytes, kept.to))
        l->call.has_memory = false;
}

static void use(loading *l, const char *name)
{
    if (name)
        insert(l, &l->used, name, strlen(name), name);
}

static bool is_used(const loading *l, const char *name)
{
    return bl__table_find(&l->used, name, strlen(name)) != NULL;
}

/* The name of the tensor that a name in the file stands for; NULL when the file does not know it. */
static const char *resolve(const loading *l, const char *name)
{
    const char *tensor = bl_tensor_file_metadata(l->file, name);
    if (bl_tensor_file_find(l->file, name, NULL))
        return name;
    return tensor && bl_tensor_file_find(l->file, tensor, NULL) ? tensor : NULL;
}

/* ---- things ---- */

static void compare_kind(loading *l, const char *key, const char *name, const char *kind)
{
    const char *stored = key ? bl_tensor_file_metadata(l->file, key) : NULL;
    use(l, key);
    if (!key || !kind)
        return;
    if (!stored)
        problem(l, BL_ERR_NOT_FOUND, name, "\"%s\" (%s) is not in the file", name, kind);
    else if (strcmp(stored, kind) != 0)
        problem(l, BL_ERR_ARGUMENT, name, "\"%s\" is %s here, in the file %s", name, kind, stored);
}

/* Whether the thing that a key of the metadata speaks of is here. */
static void expect_entry(loading *l, const char *key)
{
    const char *name = key + strlen(BL__TRAINING_ENTRY_KEY);
    if (!is_used(l, key))
        problem(l, BL_ERR_NOT_FOUND, name, "\"%s\" (%s) of the file was not added", name,
                bl_tensor_file_metadata(l->file, key));
}

/* What there is of things and their kinds, groups among them. */
static void compare_entries(loading *l)
{
    const bl_training_state *state = l->call.state;
    for (size_t i = 0; i < state->entry_count; i++) {
        const bl__training_entry *entry = &state->entries[i];
        const char *prefix;
        bl_optimizer *part;
        compare_kind(l, bl__training_join(&l->call, BL__TRAINING_ENTRY_KEY, entry->name, NULL, NULL),
                     entry->name, bl__training_kind_of(&l->call, entry));
        for (size_t k = 1; entry->kind == BL__TRAINING_OPTIMIZER &&
                           (part = bl__training_part(&l->call, entry, k, &prefix)) && prefix;
             k++)
            compare_kind(l, bl__training_join(&l->call, BL__TRAINING_ENTRY_KEY, prefix, NULL, NULL), prefix,
                         bl__training_kind_of_optimizer(&l->call, part));
    }
    bl_metadata entry;
    for (size_t i = 0; bl_tensor_file_metadata_at(l->file, i, &entry); i++) {
        if (strncmp(entry.key, BL__TRAINING_ENTRY_KEY, strlen(BL__TRAINING_ENTRY_KEY)) == 0)
            expect_entry(l, entry.key);
    }
}

/* ---- what is to be filled ---- */

static void add_filling(loading *l, filling one)
{
    if (l->count == l->capacity && !bl__grow(l->allocator, &l->fillings, &l->capacity, sizeof(*l->fillings)))
        l->call.has_memory = false;
    else
        l->fillings[l->count++] = one;
}

/* Whether bool values are what bools can be. */
static bool are_bools(const unsigned char *data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (data[i] > 1)
            return false;
    }
    return true;
}

/* Fills a parameter or buffer from a tensor of the file, if that is there and like it. */
static void fill_parameter(loading *l, bl_parameter *parameter, const char *name)
{
    bl_stored_tensor stored;
    bl_stored_dtype wanted = bl_stored_dtype_of(parameter->dtype);
    if (!name)
        return;
    use(l, name);
    if (!bl_tensor_file_find(l->file, name, &stored))
        problem(l, BL_ERR_NOT_FOUND, name, "%s is not in the file", name);
    else if (stored.dtype != wanted)
        problem(l, BL_ERR_DTYPE, name, "%s is %s, in the file %s", name, bl_stored_dtype_name(wanted),
                bl_stored_dtype_name(stored.dtype));
    else if (!bl_shape_equal(stored.shape, parameter->shape))
        problem(l, BL_ERR_SHAPE, name, "%s is %s, in the file %s", name, BL__SHAPE_TEXT(parameter->shape),
                BL__SHAPE_TEXT(stored.shape));
    else if (parameter->dtype == BL_BOOL && !are_bools(stored.data, parameter->bytes))
        problem(l, BL_ERR_FORMAT, name, "%s has a bool that is neither 0 nor 1", name);
    else
        add_filling(l, (filling){.parameter = parameter, .data = stored.data, .bytes = parameter->bytes});
}

/* ---- parameters ---- */

/* Notes which tensor a parameter is, and that no other one is it. */
static void own(loading *l, bl_parameter *parameter, const char *name, const char *tensor)
{
    const bl_parameter *owner = bl__table_find(&l->owners, tensor, strlen(tensor));
    if (owner && owner != parameter) {
        problem(l, BL_ERR_STATE, name,
                "%s shares a tensor of the file with %s, here they are two: tie them (bl_params_tie) before "
                "the load",
                name, owner->name);
        return;
    }
    insert(l, &l->owners, tensor, strlen(tensor), parameter);
    insert(l, &l->call.tensors, &parameter->id, sizeof(parameter->id), tensor);
    fill_parameter(l, parameter, tensor);
}

/* One name of a parameter, of which `l->call.tensors` may know the tensor by an earlier one. */
static void find_name(loading *l, bl_parameter *parameter, const char *name)
{
    const char *known = bl__table_find(&l->call.tensors, &parameter->id, sizeof(parameter->id));
    const char *tensor = resolve(l, name);
    use(l, name);
    if (!tensor)
        problem(l, BL_ERR_NOT_FOUND, name, "%s is not in the file", name);
    else if (!known)
        own(l, parameter, name, tensor);
    else if (strcmp(known, tensor) != 0)
        problem(l, BL_ERR_STATE, name,
                "%s shares its parameter with another name, in the file %s and %s are two: untie it "
                "(bl_params_untie) before the load",
                name, tensor, known);
}

static void look_at_params(loading *l, const bl__training_entry *entry)
{
    const bl_params *params = entry->object;
    for (size_t i = 0; i < bl_params_name_count(params) && l->call.has_memory; i++) {
        bl_parameter *parameter;
        const char *name = bl_params_name_at(params, i, &parameter);
        name = bl__training_join(&l->call, entry->name, "/", name, NULL);
        if (name)
            find_name(l, parameter, name);
    }
}

/* ---- optimizers ---- */

/* Remembers how many states an optimizer has, and its error. */
static bool note_states(loading *l, const bl__training_entry *entry)
{
    const char *prefix;
    bl_optimizer *part;
    for (size_t i = 0; (part = bl__training_part(&l->call, entry, i, &prefix)) && prefix; i++) {
        if (l->made_count == l->made_capacity &&
            !bl__grow(l->allocator, &l->made, &l->made_capacity, sizeof(*l->made))) {
            l->call.has_memory = false;
            return false;
        }
        l->made[l->made_count++] = (made_states){part, part->states.count, part->error};
    }
    return l->call.has_memory;
}

/* Gives the optimizers their errors back, and takes back what was made in vain. */
static void settle_states(loading *l, bl_status status)
{
    for (size_t i = 0; i < l->made_count; i++) {
        if (status != BL_OK)
            bl__optimizer_forget(l->made[i].optimizer, l->made[i].before);
        l->made[i].optimizer->error = l->made[i].error;
    }
}

/* The part behind `prefix` and a '/'; NULL for a text that does not begin so. */
static const char *behind(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 && text[length] == '/' ? text + length + 1 : NULL;
}

/* The parameter for which a tensor of the file is a slot of an optimizer or a group; NULL for another tensor.
 */
static bl_parameter *parameter_of_slot(const loading *l, const bl__training_entry *entry, const char *name)
{
    const char *rest = behind(name, entry->name);
    if (rest && strncmp(rest, "group.", strlen("group.")) == 0)
        rest = strchr(rest, '/') ? strchr(rest, '/') + 1 : NULL;
    const char *slash = rest ? strchr(rest, '/') : NULL;
    return slash ? bl__table_find(&l->owners, slash + 1, strlen(slash + 1)) : NULL;
}

/* Has the optimizer keep something for each parameter for which the file has something; notes those in
 * `saved`. */
static void make_states(loading *l, const bl__training_entry *entry, bl__table *saved)
{
    bl_optimizer *optimizer = entry->object;
    bl_stored_tensor stored;
    for (size_t i = 0; bl_tensor_file_at(l->file, i, &stored) && l->call.has_memory; i++) {
        bl_parameter *parameter = parameter_of_slot(l, entry, stored.name);
        if (!parameter || bl__table_find(saved, &parameter->id, sizeof(parameter->id)))
            continue;
        insert(l, saved, &parameter->id, sizeof(parameter->id), parameter);
        optimizer->error = (bl_error){.code = BL_OK};
        bl_status status = bl_optimizer_prepare(optimizer, parameter);
        if (status == BL_ERR_MEMORY)
            l->call.has_memory = false;
        else if (status != BL_OK)
            problem(l, status, stored.name, "%s", optimizer->error.message);
    }
}

/* The slot of a name; for the count, which is none of the rule's, one whose first value is 0. */
static const bl_rule_slot *slot_of(const bl_optimizer *optimizer, const char *name)
{
    for (int i = 0; i < BL_RULE_SLOTS && optimizer->rule.slots[i].name; i++) {
        if (strcmp(optimizer->rule.slots[i].name, name) == 0)
            return &optimizer->rule.slots[i];
    }
    static const bl_rule_slot count = {.name = "count"};
    return &count;
}

static void look_at_slot(loading *l, const bl__training_entry *entry, const bl_optimizer_state *kept,
                         const char *prefix, const bl__table *saved)
{
    const bl_parameter *parameter = kept->parameter;
    const char *tensor = bl__table_find(&l->call.tensors, &parameter->id, sizeof(parameter->id));
    if (!tensor) {
        problem(l, BL_ERR_NOT_FOUND, entry->name, "\"%s\" keeps state for %s, which is not in the file",
                entry->name, parameter->name);
        return;
    }
    if (!bl__table_find(saved, &parameter->id, sizeof(parameter->id))) {
        add_filling(l, (filling){.parameter = kept->buffer, .slot = slot_of(kept->optimizer, kept->slot)});
        return;
    }
    const char *place = bl__training_join(&l->call, prefix, "/", kept->slot, "/");
    if (place)
        fill_parameter(l, kept->buffer, bl__training_join(&l->call, place, tensor, NULL, NULL));
}

static void look_at_optimizer(loading *l, const bl__training_entry *entry)
{
    bl__table saved; /* ids of the parameters for which the file has something */
    const char *prefix;
    bl_optimizer *part;
    if (!note_states(l, entry))
        return;
    bl__table_init(&saved, l->allocator);
    make_states(l, entry, &saved);
    for (size_t i = 0; (part = bl__training_part(&l->call, entry, i, &prefix)) && prefix; i++) {
        fill_parameter(l, part->lr, bl__training_join(&l->call, prefix, "/lr", NULL, NULL));
        fill_parameter(l, part->step, bl__training_join(&l->call, prefix, "/step", NULL, NULL));
        for (size_t k = 0; k < bl_optimizer_state_count(entry->object) && l->call.has_memory; k++) {
            bl_optimizer_state kept;
            if (bl__training_kept(&l->call, entry, part, k, &kept))
                look_at_slot(l, entry, &kept, prefix, &saved);
        }
    }
    bl__table_free(&saved);
}

/* ---- values ---- */

static bl_stored_dtype dtype_of(bl__training_kind kind)
{
    return kind == BL__TRAINING_I64 ? BL_STORED_I64 : kind == BL__TRAINING_F64 ? BL_STORED_F64 : BL_STORED_U8;
}

static void look_at_value(loading *l, const bl__training_entry *entry)
{
    bl_stored_tensor stored;
    bl_rng tried;
    bl_stored_dtype wanted = dtype_of(entry->kind);
    use(l, entry->name);
    if (!bl_tensor_file_find(l->file, entry->name, &stored)) {
        problem(l, BL_ERR_NOT_FOUND, entry->name, "%s is not in the file", entry->name);
        return;
    }
    size_t bytes = bl_stored_bytes(&stored);
    bool is_text = entry->kind == BL__TRAINING_TEXT;
    if (stored.dtype != wanted)
        problem(l, BL_ERR_DTYPE, entry->name, "%s is %s, in the file %s", entry->name,
                bl_stored_dtype_name(wanted), bl_stored_dtype_name(stored.dtype));
    else if (is_text ? stored.shape.rank != 1 || bytes >= entry->count
                     : !bl_shape_equal(stored.shape, BL_SHAPE((int64_t)entry->count)))
        problem(l, BL_ERR_SHAPE, entry->name,
                is_text ? "%s has room for %zu bytes and a 0, in the file %s" : "%s is [%zu], in the file %s",
                entry->name, entry->count - (size_t)is_text, BL__SHAPE_TEXT(stored.shape));
    else if (is_text && bytes > 0 && memchr(stored.data, '\0', bytes))
        problem(l, BL_ERR_FORMAT, entry->name, "the text %s has a 0 before its end", entry->name);
    else if (entry->kind == BL__TRAINING_RNG && !bl__rng_take_state(&tried, stored.data))
        problem(l, BL_ERR_FORMAT, entry->name, "%s is no state of a generator", entry->name);
    else
        add_filling(l, (filling){.entry = entry, .data = stored.data, .bytes = bytes});
}

/* ---- the file ---- */

/* What nothing of the state's is. */
static void look_for_others(loading *l)
{
    bl_stored_tensor stored;
    bl_metadata entry;
    for (size_t i = 0; bl_tensor_file_at(l->file, i, &stored); i++) {
        if (!is_used(l, stored.name))
            problem(l, BL_ERR_NOT_FOUND, stored.name, "%s of the file is not here", stored.name);
    }
    for (size_t i = 0; bl_tensor_file_metadata_at(l->file, i, &entry); i++) {
        if (strchr(entry.key, '/') && strncmp(entry.key, "bowline.", strlen("bowline.")) != 0 &&
            !is_used(l, entry.key))
            problem(l, BL_ERR_NOT_FOUND, entry.key, "%s, a name of %s in the file, is not here", entry.key,
                    entry.value);
    }
}

static bl_status check_version(const loading *l)
{
    const bl__caller *caller = &l->call.caller;
    const char *version = bl_tensor_file_metadata(l->file, BL__TRAINING_VERSION_KEY);
    if (!version)
        return bl__caller_fail(caller, BL_ERR_FORMAT, "\"%s\" is no training state", bl__path_end(l->path));
    if (strcmp(version, BL__TRAINING_VERSION) != 0)
        return bl__caller_fail(caller, BL_ERR_UNSUPPORTED,
                               "\"%s\" has version %.20s of the format, this library reads version %s",
                               bl__path_end(l->path), version, BL__TRAINING_VERSION);
    return BL_OK;
}

/* Compares the file with the state, and finds what is to be filled. */
static bl_status look_at_all(loading *l)
{
    const bl_training_state *state = l->call.state;
    bl_status status = check_version(l);
    if (status != BL_OK)
        return status;
    compare_entries(l);
    for (size_t i = 0; i < state->entry_count; i++) {
        if (state->entries[i].kind == BL__TRAINING_PARAMS)
            look_at_params(l, &state->entries[i]);
    }
    for (size_t i = 0; i < state->entry_count; i++) {
        const bl__training_entry *entry = &state->entries[i];
        if (entry->kind == BL__TRAINING_OPTIMIZER)
            look_at_optimizer(l, entry);
        else if (entry->kind != BL__TRAINING_PARAMS)
            look_at_value(l, entry);
    }
    if (l->call.has_memory)
        look_for_others(l);
    return report_problems(l);
}

/* ---- filling ---- */

/* Keeps runs off a parameter; *status says why not, reported, when one is at work or without memory. */
static void hold(loading *l, bl_parameter *parameter, bl_status *status)
{
    if (bl__table_find(&l->holds, &parameter->id, sizeof(parameter->id)))
        return;
    insert(l, &l->holds, &parameter->id, sizeof(parameter->id), parameter);
    if (!l->call.has_memory || (l->held_count == l->held_capacity &&
                                !bl__grow(l->allocator, &l->held, &l->held_capacity, sizeof(bl_parameter *))))
        *status = bl__caller_fail(&l->call.caller, BL_ERR_MEMORY, "no memory for the list of parameters");
    else if (!bl__parameter_enter(parameter, true))
        *status = bl__caller_fail(&l->call.caller, BL_ERR_BUSY, "a run uses %s", parameter->name);
    else
        l->held[l->held_count++] = parameter;
}

static void fill(const filling *f)
{
    if (f->slot)
        bl__optimizer_fill(f->parameter, f->slot->initial);
    else if (f->entry && f->entry->kind == BL__TRAINING_RNG)
        bl_rng_set_state(f->entry->object, f->data, f->bytes); /* looked at already */
    else if (f->bytes > 0)
        memcpy(f->entry ? f->entry->object : f->parameter->data, f->data, f->bytes);
    if (f->entry && f->entry->kind == BL__TRAINING_TEXT)
        ((char *)f->entry->object)[f->bytes] = '\0';
}

static bl_status fill_all(loading *l)
{
    bl_status status = BL_OK;
    for (size_t i = 0; i < l->count && status == BL_OK; i++) {
        if (l->fillings[i].parameter)
            hold(l, l->fillings[i].parameter, &status);
    }
    for (size_t i = 0; i < l->count && status == BL_OK; i++)
        fill(&l->fillings[i]);
    while (l->held_count > 0) /* before what was made in vain goes */
        bl__parameter_leave(l->held[--l->held_count], true);
    return status;
}

/* ---- loading ---- */

static void let_go(loading *l)
{
    bl__release(l->allocator, l->held, l->held_capacity, sizeof(bl_parameter *));
    bl__release(l->allocator, l->fillings, l->capacity, sizeof(*l->fillings));
    bl__release(l->allocator, l->made, l->made_capacity, sizeof(*l->made));
    bl__table_free(&l->holds);
    bl__table_free(&l->used);
    bl__table_free(&l->owners);
    bl_tensor_file_close(l->file);
    bl__training_end(&l->call);
}

bl_status bl_training_state_load(bl_training_state *state, const char *path,
                                 const bl_training_load_options *options)
{
    const bl_training_load_options defaults = bl_training_load_defaults();
    if (!state)
        return BL_ERR_ARGUMENT;
    loading l = {
        .options = options ? options : &defaults, .allocator = &state->context->allocator, .path = path};
    bl__training_begin(&l.call, state, "training_state_load");
    bl__table_init(&l.owners, l.allocator);
    bl__table_init(&l.used, l.allocator);
    bl__table_init(&l.holds, l.allocator);
    l.message = (bl__text){l.text, sizeof(l.text), 0};
    l.file = bl__tensor_file_open(&l.call.caller, path);
    bl_status status = l.file ? look_at_all(&l) : bl_context_error(state->context)->code;
    if (status == BL_OK)
        status = fill_all(&l);
    settle_states(&l, status);
    let_go(&l);
    return status;
}
