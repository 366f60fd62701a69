/* What each use of the tied weight gives to its gradient: bl_parameter_uses gives the parts, as plain
 * tensors. */
#include "explain.h"

#include <stdio.h>
#include <string.h>

enum {
    USES = 2 /* the lookup and the output layer */
};

/* What is printed, as tensors of one program. */
typedef struct parts {
    bl_uses uses;
    bl_tensor *norm[USES];
    bl_tensor *total; /* the norm of their sum, which is the gradient */
    bl_tensor *cosine;
} parts;

static bl_program *compile_parts(const experiment *made, bl_parameter *shared, parts *found)
{
    bl_tensor *loss = made->models[TIED].loss;
    found->uses = bl_parameter_uses(loss, shared);
    if (found->uses.count != USES)
        return NULL;
    for (int i = 0; i < USES; i++)
        found->norm[i] = bl_global_norm(&found->uses.at[i].gradient, 1, 2);
    bl_tensor *lookup = found->uses.at[0].gradient, *head = found->uses.at[1].gradient,
              *sum = bl_add(lookup, head);
    found->total = bl_global_norm(&sum, 1, 2);
    found->cosine = bl_gradient_cosine(lookup, head);
    return bl_compile(made->context, found->norm[0], found->norm[1], found->total, found->cosine);
}

/* The names of the shared weight, the canonical one first. */
static void print_names(const bl_params *params, const bl_parameter *shared)
{
    bl_parameter *parameter = NULL;
    const char *name = NULL;
    printf("%s", bl_parameter_name(shared));
    for (size_t i = 0; (name = bl_params_name_at(params, i, &parameter)); i++) {
        if (parameter == shared && strcmp(name, bl_parameter_name(shared)) != 0)
            printf(" = %s", name);
    }
}

bl_status explain(const experiment *made, const char *when)
{
    const model *tied = &made->models[TIED];
    bl_parameter *shared = bl_params_find(tied->params, "head.weight");
    parts found;
    bl_program *program = compile_parts(made, shared, &found);
    bl_status status = program ? bl_run(program) : BL_ERR_ARGUMENT;
    if (status == BL_OK) {
        printf("Gradient of ");
        print_names(tied->params, shared);
        printf(" %s\n", when);
        for (int i = 0; i < USES; i++) {
            const bl_parameter_use *use = &found.uses.at[i];
            printf("  through %-10s norm %.6g  (%s)\n", use->op, bl_item(program, found.norm[i]),
                   use->label ? use->label
                   : i == 0   ? "the lookup"
                              : "the output layer");
        }
        printf("  together           norm %.6g, cosine between the two %+.4f\n\n",
               bl_item(program, found.total), bl_item(program, found.cosine));
    }
    bl_program_free(program);
    return status;
}
