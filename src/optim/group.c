/* Groups: optimizers that update the parameters whose names match a pattern, for another optimizer. */
#include "graph/glob.h"
#include "graph/text.h"
#include "optim/optimizer.h"

#include <string.h>

/* ---- who updates what ---- */

/* The first group from `index` on that claims a parameter by its names; the number of groups when none does.
 */
static size_t next_claim(const bl_optimizer *optimizer, const bl_parameter *parameter, size_t index)
{
    while (index < optimizer->group_count &&
           !bl__name_pattern_matches(&optimizer->groups[index].pattern, parameter))
        index++;
    return index;
}

static void add_pattern(bl__text *text, const bl_optimizer *group, const bl__name_pattern *pattern)
{
    bl__text_add(text, "%s \"%s\"", group->rule.name, pattern->prefix);
}

/* Says that two groups claim a parameter, by which patterns, and all of its names. */
static void add_conflict(bl__text *text, const bl_parameter *parameter, const bl__group *a,
                         const bl__group *b)
{
    bool first = true;
    bl__text_add(text, "two groups claim one parameter, ");
    add_pattern(text, a->optimizer, &a->pattern);
    bl__text_add(text, " and ");
    add_pattern(text, b->optimizer, &b->pattern);
    bl__text_add(text, ": it is named ");
    for (const bl__name *name = parameter->names; name; name = name->next, first = false)
        bl__text_add(text, "%s%s", first ? "" : ", ", name->text);
}

/* The group that claimed a parameter when it last had a name in the group's registry; NULL when none did, or
 * when it has one. */
static bl_optimizer *claimed_before(const bl_optimizer *optimizer, const bl_parameter *parameter)
{
    bl_optimizer *known = bl__table_find(&optimizer->claims, &parameter->id, sizeof(parameter->id));
    if (!known)
        return NULL;
    size_t at = 0;
    while (optimizer->groups[at].optimizer != known)
        at++;
    for (const bl__name *name = parameter->names; name; name = name->next) {
        if (name->params->id == optimizer->groups[at].pattern.registry)
            return NULL;
    }
    return known;
}

/* Notes which group claims a parameter, for the time when it has no name left. */
static bool remember(bl_optimizer *optimizer, const bl_parameter *parameter, bl_optimizer *group)
{
    const bl_optimizer *known = bl__table_find(&optimizer->claims, &parameter->id, sizeof(parameter->id));
    if (known == group)
        return true;
    if (known)
        bl__table_remove(&optimizer->claims, &parameter->id, sizeof(parameter->id));
    return !group || bl__table_insert(&optimizer->claims, &parameter->id, sizeof(parameter->id), group);
}

bl_optimizer *bl__optimizer_for(bl_optimizer *optimizer, const bl_parameter *parameter, bl_status *status,
                                char *why, size_t size)
{
    if (optimizer->group_count == 0)
        return optimizer;
    bl__text text = {why, size, 0};
    size_t first = next_claim(optimizer, parameter, 0);
    size_t second = first < optimizer->group_count ? next_claim(optimizer, parameter, first + 1) : first;
    if (second < optimizer->group_count) {
        *status = BL_ERR_ARGUMENT;
        add_conflict(&text, parameter, &optimizer->groups[first], &optimizer->groups[second]);
        return NULL;
    }
    bl_optimizer *group = first < optimizer->group_count ? optimizer->groups[first].optimizer
                                                         : claimed_before(optimizer, parameter);
    if (!remember(optimizer, parameter, group)) {
        *status = BL_ERR_MEMORY;
        bl__text_add(&text, "no memory for the group of %s", parameter->name);
        return NULL;
    }
    return group ? group : optimizer;
}

/* ---- adding ---- */

static bl_status fail(bl_optimizer *optimizer, bl_status status, const char *text)
{
    return bl__report(optimizer->context, &optimizer->error, status, "optimizer_add_group", NULL, "%s", text);
}

/* What is wrong with the arguments; NULL when nothing is. */
static const char *complaint(const bl_optimizer *optimizer, const bl_params *params, const char *pattern,
                             const bl_optimizer *group)
{
    if (!group || !params)
        return group ? "the registry is NULL" : "the group is NULL";
    if (group == optimizer)
        return "an optimizer cannot be a group of itself";
    if (group->owner)
        return "the group belongs to an optimizer already";
    if (optimizer->owner || group->group_count > 0)
        return "a group cannot have groups";
    if (group->context != optimizer->context || params->context != optimizer->context)
        return group->context != optimizer->context ? "the group belongs to another context"
                                                    : "the registry belongs to another context";
    return bl__glob_complaint(pattern);
}

/* Checks which parameters the last of the groups claims: some, and none that another does too. */
static bl_status claim(bl_optimizer *optimizer, const bl_params *params)
{
    const bl__group *group = &optimizer->groups[optimizer->group_count - 1];
    char why[sizeof(optimizer->error.message)];
    size_t found = 0;
    for (size_t i = 0; i < params->parameters.count; i++) {
        const bl_parameter *parameter = bl__table_at(&params->parameters, i, NULL);
        bl_status status;
        if (parameter->buffer || !bl__name_pattern_matches(&group->pattern, parameter))
            continue;
        if (!bl__optimizer_for(optimizer, parameter, &status, why, sizeof(why)))
            return fail(optimizer, status, why);
        found++;
    }
    if (found > 0)
        return BL_OK;
    bl__text text = {why, sizeof(why), 0};
    bl__text_add(&text, "no parameter's name matches ");
    add_pattern(&text, group->optimizer, &group->pattern);
    return fail(optimizer, BL_ERR_NOT_FOUND, why);
}

/* Makes the pattern's texts a copy, the prefix followed by the pattern; false without memory. */
static bool copy_texts(bl_context *context, bl__name_pattern *pattern)
{
    size_t length = pattern->prefix_length + strlen(pattern->pattern);
    char *copy = bl__allocate(&context->allocator, length + 1, 1);
    if (!copy)
        return false;
    if (pattern->prefix_length > 0)
        memcpy(copy, pattern->prefix, pattern->prefix_length);
    memcpy(copy + pattern->prefix_length, pattern->pattern, length + 1 - pattern->prefix_length);
    pattern->prefix = copy;
    pattern->pattern = copy + pattern->prefix_length;
    return true;
}

static void release_texts(bl_context *context, const bl__name_pattern *pattern)
{
    bl__release(&context->allocator, (char *)pattern->prefix, strlen(pattern->prefix) + 1, 1);
}

/* Puts a group at the end of the list; false without memory. */
static bool append(bl_optimizer *optimizer, const bl_params *params, const char *pattern, bl_optimizer *group)
{
    bl_context *context = optimizer->context;
    bl__name_pattern wanted = bl__name_pattern_of(params, pattern);
    if (optimizer->group_count == optimizer->group_capacity &&
        !bl__grow(&context->allocator, &optimizer->groups, &optimizer->group_capacity,
                  sizeof(*optimizer->groups)))
        return false;
    if (!copy_texts(context, &wanted))
        return false;
    optimizer->groups[optimizer->group_count++] = (bl__group){group, wanted};
    return true;
}

/* Takes the last group out of the list, and what it claimed. */
static void take_back(bl_optimizer *optimizer)
{
    const bl__group *group = &optimizer->groups[--optimizer->group_count];
    for (size_t i = optimizer->claims.count; i-- > 0;) {
        const char *key;
        if (bl__table_at(&optimizer->claims, i, &key) == group->optimizer)
            bl__table_remove(&optimizer->claims, key, sizeof(uint64_t));
    }
    release_texts(optimizer->context, &group->pattern);
}

/* Adds the group, which stays the caller's when that fails. */
static bl_status add(bl_optimizer *optimizer, const bl_params *params, const char *pattern,
                     bl_optimizer *group)
{
    const char *wrong = complaint(optimizer, params, pattern, group);
    if (wrong)
        return fail(optimizer, BL_ERR_ARGUMENT, wrong);
    if (!append(optimizer, params, pattern, group))
        return fail(optimizer, BL_ERR_MEMORY, "no memory for a group");
    bl_status status = claim(optimizer, params);
    if (status == BL_OK)
        group->owner = optimizer;
    else
        take_back(optimizer);
    return status;
}

bl_status bl_optimizer_add_group(bl_optimizer *optimizer, const bl_params *params, const char *pattern,
                                 bl_optimizer *group)
{
    bl_status status = optimizer ? add(optimizer, params, pattern, group) : BL_ERR_ARGUMENT;
    if (status != BL_OK && group != optimizer)
        bl_optimizer_free(group);
    return status;
}

void bl__groups_free(bl_optimizer *optimizer)
{
    for (size_t i = 0; i < optimizer->group_count; i++) {
        bl__group *group = &optimizer->groups[i];
        group->optimizer->owner = NULL;
        bl_optimizer_free(group->optimizer);
        release_texts(optimizer->context, &group->pattern);
    }
    bl__table_free(&optimizer->claims);
    bl__release(&optimizer->context->allocator, optimizer->groups, optimizer->group_capacity,
                sizeof(*optimizer->groups));
}

/* ---- what can be asked ---- */

size_t bl_optimizer_group_count(const bl_optimizer *optimizer)
{
    return optimizer ? optimizer->group_count : 0;
}

bl_optimizer *bl_optimizer_group_at(const bl_optimizer *optimizer, size_t index, const char **pattern)
{
    const bl__group *group = index < bl_optimizer_group_count(optimizer) ? &optimizer->groups[index] : NULL;
    if (pattern)
        *pattern = group ? group->pattern.prefix : NULL;
    return group ? group->optimizer : NULL;
}
