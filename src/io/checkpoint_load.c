/* Loading parameters: every parameter is matched with its tensor, all that does not fit is told, and only
 * when everything does are values copied. */
#include "graph/text.h"
#include "io/checkpoint.h"

#include <string.h>

#define NO_SOURCE SIZE_MAX

/* What a load knows before it changes anything. */
typedef struct plan {
    bl_params *params;
    bl__caller caller;
    const bl_load_options *options;
    const bl_tensor_file *file;
    bl__joined joined;
    size_t count;    /* of the registry's parameters */
    size_t *sources; /* a parameter's tensor in the file, or NO_SOURCE */
    size_t *users;   /* a tensor's parameter and 1, or 0 */
    size_t tensors;  /* in the file */
    size_t entered;  /* parameters that are held for writing */
    bool out_of_memory;
    bl_status status; /* of the first problem that is refused */
    size_t refused;
    size_t shown; /* of those, in the text */
    char text[192];
} plan;

/* ---- problems ---- */

static bl_status problem_status(bl_load_problem_kind kind, bl_status value)
{
    switch (kind) {
    case BL_LOAD_MISSING:
    case BL_LOAD_UNEXPECTED:
        return BL_ERR_NOT_FOUND;
    case BL_LOAD_SHAPE:
        return BL_ERR_SHAPE;
    case BL_LOAD_DTYPE:
        return BL_ERR_DTYPE;
    case BL_LOAD_VALUE:
        return value;
    default:
        return BL_ERR_STATE;
    }
}

/* Notes a problem and tells it. The error's text takes what it has room for, the first one in any case. */
static void add_problem(plan *p, bl_load_problem problem, bl_status status)
{
    bool lenient =
        !p->options->strict && (problem.kind == BL_LOAD_MISSING || problem.kind == BL_LOAD_UNEXPECTED ||
                                problem.kind == BL_LOAD_UNTIED);
    problem.refused = !lenient;
    if (p->options->report)
        p->options->report(p->options->user, &problem);
    if (lenient)
        return;
    if (p->status == BL_OK)
        p->status = status;
    p->refused++;
    size_t used = strlen(p->text), length = strlen(problem.message) + (used > 0 ? 2 : 0);
    if (p->shown + 1 < p->refused || (used > 0 && used + length >= sizeof(p->text)))
        return;
    bl__text_add(&(bl__text){p->text, sizeof(p->text), used}, used > 0 ? "; %s" : "%s", problem.message);
    p->shown++;
}

static void BL_PRINTF(5, 6)
    tell(plan *p, bl_load_problem_kind kind, const char *name, const char *other, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    bl__text_add_list(&(bl__text){message, sizeof(message), 0}, format, arguments);
    va_end(arguments);
    add_problem(p, (bl_load_problem){kind, false, name, other, message}, problem_status(kind, BL_OK));
}

/* ---- matching ---- */

/* The tensor that a name leads to, itself or through the metadata. */
static size_t source_of(plan *p, const char *name)
{
    const char *whole = bl__join(&p->joined, name);
    if (!whole) {
        p->out_of_memory = true;
        return NO_SOURCE;
    }
    size_t source = bl__tensor_file_index(p->file, whole);
    const char *kept = source == NO_SOURCE ? bl_tensor_file_metadata(p->file, whole) : NULL;
    return kept ? bl__tensor_file_index(p->file, kept) : source;
}

static bl_stored_tensor tensor_at(const plan *p, size_t index)
{
    bl_stored_tensor tensor;
    bl_tensor_file_at(p->file, index, &tensor);
    return tensor;
}

static bool equal(const bl_stored_tensor *a, const bl_stored_tensor *b)
{
    size_t bytes = bl_stored_bytes(a);
    return a->dtype == b->dtype && bl_shape_equal(a->shape, b->shape) &&
           (bytes == 0 || memcmp(a->data, b->data, bytes) == 0);
}

/* Notes that parameter `index` takes a tensor: besides another one that it takes already, or that another
 * parameter takes, there may be a problem. */
static void take_source(plan *p, size_t index, const char *name, size_t source)
{
    size_t before = p->sources[index], user = p->users[source];
    bl_stored_tensor tensor = tensor_at(p, source);
    if (user > 0 && user != index + 1) {
        const char *other = bl__stored_name(p->params, bl_params_at(p->params, user - 1));
        tell(
            p, BL_LOAD_UNTIED, name, other,
            "%s and %s are two parameters, but one tensor of the file, %s: tie them (bl_params_tie), or turn "
            "strict off to fill both",
            name, other, tensor.name);
    }
    if (user == 0)
        p->users[source] = index + 1;
    if (before == NO_SOURCE) {
        p->sources[index] = source;
    } else if (before != source) {
        bl_stored_tensor first = tensor_at(p, before);
        if (!equal(&first, &tensor))
            tell(p, BL_LOAD_UNEQUAL, first.name, tensor.name,
                 "%s and %s are one parameter, but differ in the file", first.name, tensor.name);
    }
}

/* Finds the tensor of a parameter: the name under which it would be stored comes first. */
static void match(plan *p, size_t index)
{
    const bl_parameter *parameter = bl_params_at(p->params, index);
    const char *stored = bl__stored_name(p->params, parameter);
    p->sources[index] = NO_SOURCE;
    if (!stored)
        return;
    size_t source = source_of(p, stored);
    if (source != NO_SOURCE)
        take_source(p, index, stored, source);
    for (const bl__name *one = parameter->names; one; one = one->next) {
        const char *name = bl__name_below(p->params, one);
        source = name && name != stored ? source_of(p, name) : NO_SOURCE;
        if (source != NO_SOURCE)
            take_source(p, index, name, source);
    }
    if (p->sources[index] == NO_SOURCE && !p->out_of_memory)
        tell(p, BL_LOAD_MISSING, stored, NULL, "%s %s %s is missing", stored, bl_dtype_name(parameter->dtype),
             BL__SHAPE_TEXT(parameter->shape));
}

/* Whether the tensor fits the parameter. */
static void check(plan *p, size_t index)
{
    const bl_parameter *parameter = bl_params_at(p->params, index);
    if (p->sources[index] == NO_SOURCE)
        return;
    const char *name = bl__stored_name(p->params, parameter);
    bl_stored_tensor tensor = tensor_at(p, p->sources[index]);
    bl_stored_dtype to = bl_stored_dtype_of(parameter->dtype);
    if (!bl_shape_equal(tensor.shape, parameter->shape))
        tell(p, BL_LOAD_SHAPE, name, NULL, "%s is %s in the file, not %s", name, BL__SHAPE_TEXT(tensor.shape),
             BL__SHAPE_TEXT(parameter->shape));
    if (tensor.dtype != to && !(p->options->convert && bl__stored_convertible(tensor.dtype, to))) {
        tell(p, BL_LOAD_DTYPE, name, NULL,
             p->options->convert ? "%s is %s in the file, which does not become %s"
                                 : "%s is %s in the file, not %s",
             name, bl_stored_dtype_name(tensor.dtype), bl_dtype_name(parameter->dtype));
        return;
    }
    bl__stored_misfit misfit = {0, 0, false};
    size_t count = (size_t)bl_shape_count(tensor.shape);
    if (!bl__stored_convert(tensor.dtype, tensor.data, to, NULL, count, &misfit)) {
        char message[256];
        bl_status status = bl__stored_describe(name, to, &misfit, message, sizeof(message));
        add_problem(p, (bl_load_problem){BL_LOAD_VALUE, false, name, NULL, message}, status);
    }
}

/* Tensors that nobody takes. */
static void check_unexpected(plan *p)
{
    size_t length = strlen(p->options->prefix);
    for (size_t i = 0; i < p->tensors; i++) {
        if (p->users[i] > 0)
            continue;
        bl_stored_tensor tensor = tensor_at(p, i);
        const char *name = tensor.name + length;
        if (strncmp(tensor.name, p->options->prefix, length) == 0)
            tell(p, BL_LOAD_UNEXPECTED, name, NULL, "%s %s %s is unexpected", name,
                 bl_stored_dtype_name(tensor.dtype), BL__SHAPE_TEXT(tensor.shape));
    }
}

static bl_status check_all(plan *p)
{
    for (size_t i = 0; i < p->count; i++)
        match(p, i);
    for (size_t i = 0; i < p->count; i++)
        check(p, i);
    check_unexpected(p);
    if (p->out_of_memory)
        return bl__caller_fail(&p->caller, BL_ERR_MEMORY, "no memory for a name");
    return p->status;
}

/* ---- the load ---- */

/* Reports the problems in one error. */
static bl_status refuse(plan *p, const char *path)
{
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    size_t more = p->refused - p->shown;
    if (more == 0)
        return bl__caller_fail(&p->caller, p->status, "%.64s does not fit: %s", file, p->text);
    return bl__caller_fail(&p->caller, p->status, "%.64s does not fit: %s; and %zu more", file, p->text,
                           more);
}

/* Copies everything. Nothing can fail but that a run has a parameter, and that is seen first. */
static bl_status commit(plan *p)
{
    bl_status status = BL_OK;
    for (; p->entered < p->count; p->entered++) {
        bl_parameter *parameter = bl_params_at(p->params, p->entered);
        if (p->sources[p->entered] != NO_SOURCE && !bl__parameter_enter(parameter, true)) {
            status = bl__caller_fail(&p->caller, BL_ERR_BUSY, "%s is in use by a run", parameter->name);
            break;
        }
    }
    for (size_t i = 0; i < p->entered; i++) {
        bl_parameter *parameter = bl_params_at(p->params, i);
        if (p->sources[i] == NO_SOURCE)
            continue;
        bl_stored_tensor tensor = tensor_at(p, p->sources[i]);
        bl__stored_misfit misfit;
        if (status == BL_OK)
            bl__stored_convert(tensor.dtype, tensor.data, bl_stored_dtype_of(parameter->dtype),
                               parameter->data, (size_t)parameter->count, &misfit);
        bl__parameter_leave(parameter, true);
    }
    return status;
}

static bl_status load(plan *p, const char *path)
{
    const bl_allocator *allocator = &p->params->context->allocator;
    p->count = p->params->parameters.count;
    p->tensors = bl_tensor_file_count(p->file);
    p->sources = bl__allocate(allocator, p->count, sizeof(*p->sources));
    p->users = bl__allocate(allocator, p->tensors, sizeof(*p->users));
    bl_status status;
    if ((p->count > 0 && !p->sources) || (p->tensors > 0 && !p->users))
        status = bl__caller_fail(&p->caller, BL_ERR_MEMORY, "no memory to load %s", bl__path_end(path));
    else
        status = check_all(p);
    if (p->refused > 0 && !p->out_of_memory)
        status = refuse(p, path);
    if (status == BL_OK)
        status = commit(p);
    bl__release(allocator, p->sources, p->count, sizeof(*p->sources));
    bl__release(allocator, p->users, p->tensors, sizeof(*p->users));
    bl__joined_free(&p->joined);
    return status;
}

bl_load_options bl_load_defaults(void)
{
    return (bl_load_options){.prefix = "", .strict = true};
}

bl_status bl_params_load(bl_params *params, const char *path, const bl_load_options *options)
{
    if (!params)
        return BL_ERR_ARGUMENT;
    bl_load_options chosen = options ? *options : bl_load_defaults();
    plan p = {.params = params,
              .caller = {params->context, &params->error, "params_load"},
              .options = &chosen,
              .joined = {.allocator = &params->context->allocator, .prefix = chosen.prefix}};
    if (!chosen.prefix)
        return bl__caller_fail(&p.caller, BL_ERR_ARGUMENT, "the prefix is NULL");
    bl_tensor_file *file = bl__tensor_file_open(&p.caller, path);
    if (!file)
        return params->context->error.code;
    p.file = file;
    bl_status status = load(&p, path);
    bl_tensor_file_close(file);
    return status;
}
