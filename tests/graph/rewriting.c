#include "graph/rewriting.h"
#include "support/errors.h"
#include "support/fixture.h"
#include "support/numbers.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bl_program *compile_rewriting(bl_tensor *output, bool rewriting)
{
    bl_compile_options options = bl_compile_defaults();
    options.rewrite = rewriting;
    bl_program *program = bl_compile_list(context, &output, 1, &options);
    cr_assert_eq(bl_run(program), BL_OK, "%s", error_text(bl_program_error(program)));
    return program;
}

int instructions_with(bl_tensor *output, const char *name, bool rewriting)
{
    static char text[1 << 16];
    char word[64];
    bl_program *program = compile_rewriting(output, rewriting);
    int count = (int)bl_program_instruction_count(program);
    bl_program_format(program, text, sizeof(text));
    bl_program_free(program);
    snprintf(word, sizeof(word), " %s ", name);
    return strstr(text, word) ? count : -1;
}

static double *values_of(bl_tensor *output, bool rewriting)
{
    size_t count = (size_t)bl_tensor_count(output);
    double *values = malloc((count + 1) * sizeof(*values));
    bl_program *program = compile_rewriting(output, rewriting);
    to_doubles(bl_tensor_dtype(output), bl_output_data(program, output), count, values);
    bl_program_free(program);
    return values;
}

void expect_alike(bl_tensor *a, bl_tensor *b, bool rewriting, tolerance within, const char *what, int way)
{
    double *x = values_of(a, rewriting), *y = values_of(b, false);
    for (int64_t i = 0; i < bl_tensor_count(a); i++)
        cr_assert(fabs(x[i] - y[i]) <= fmax(within.absolute, within.relative * fabs(y[i])) || x[i] == y[i] ||
                      (isnan(x[i]) && isnan(y[i])),
                  "%s, way %d, element %lld: %.17g is not %.17g", what, way, (long long)i, x[i], y[i]);
    free(x);
    free(y);
}
