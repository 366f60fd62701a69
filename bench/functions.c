/* What element-wise functions cost on each instruction set that runs here: nanoseconds an element, in f32 and
 * f64, of values that stay in the cache, on one thread; the least of some runs.
 *
 * usage: functions [--repeat N] */
#include "timing.h"

#include <bowline/bowline.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_REPEATS = 100000,
    COUNT = 1 << 14
};

typedef bl_tensor *unary(bl_tensor *x);

static bl_tensor *softplus(bl_tensor *x)
{
    return bl_softplus(x, 1, 20);
}

static bl_tensor *cube_root(bl_tensor *x)
{
    return bl_pow_scalar(x, 1.0 / 3);
}

static bl_tensor *softmax(bl_tensor *x)
{
    return bl_softmax(bl_reshape(x, BL_SHAPE(COUNT / 128, 128)), -1);
}

static bl_tensor *sum(bl_tensor *x)
{
    return bl_sum(x, BL_ALL_AXES, false);
}

/* Times x. */
static bl_tensor *gelu_slope(bl_tensor *x)
{
    bl_tensor *y = bl_gelu(x), *slope;
    bl_grad(&y, 1, &x, &x, 1, &slope);
    return slope;
}

static const struct function {
    const char *name;
    unary *record;
    double least, most; /* of its arguments */
} functions[] = {{"square", bl_square, -3, 3},
                 {"sqrt", bl_sqrt, 0, 100},
                 {"exp", bl_exp, -8, 8},
                 {"log", bl_log, 0.01, 100},
                 {"tanh", bl_tanh, -4, 4},
                 {"erf", bl_erf, -3, 3},
                 {"sin", bl_sin, -10, 10},
                 {"cos", bl_cos, -10, 10},
                 {"pow 1/3", cube_root, 0, 100},
                 {"sigmoid", bl_sigmoid, -8, 8},
                 {"silu", bl_silu, -8, 8},
                 {"gelu", bl_gelu, -4, 4},
                 {"gelu slope", gelu_slope, -4, 4},
                 {"erfc", bl_erfc, -3, 3},
                 {"gelu_tanh", bl_gelu_tanh, -4, 4},
                 {"softplus", softplus, -4, 4},
                 {"mish", bl_mish, -4, 4},
                 {"softmax", softmax, -4, 4},
                 {"sum", sum, -4, 4}};

/* Numbers from `least` to `most`, in an order that is no order. */
static void fill(bl_dtype dtype, void *values, double least, double most)
{
    unsigned state = 1;
    for (int i = 0; i < COUNT; i++) {
        state = state * 1664525U + 1013904223U;
        double value = least + (most - least) * (double)(state >> 8) / (double)(1 << 24);
        if (dtype == BL_F32)
            ((float *)values)[i] = (float)value;
        else
            ((double *)values)[i] = value;
    }
}

/* Nanoseconds an element; negative when a run fails. */
static double time_function(bl_context *context, const struct function *f, bl_dtype dtype,
                            bl_instruction_set set, long repeats)
{
    static double values[COUNT];
    bl_compile_options options = bl_compile_defaults();
    bl_graph *graph = bl_graph_new(context);
    bl_tensor *x = bl_input(graph, "x", dtype, BL_SHAPE(COUNT)), *y = f->record(x);
    options.instruction_set = set;
    options.threads = 1;
    bl_program *program = bl_compile_list(context, &y, 1, &options);
    fill(dtype, values, f->least, f->most);
    bl_bind_input(program, x, values, COUNT * bl_dtype_size(dtype));
    double least = -1;
    for (long i = 0; i <= repeats; i++) { /* the first warms up */
        double begun = seconds_now();
        if (bl_run(program) != BL_OK)
            return -1;
        double took = seconds_now() - begun;
        least = i > 0 && (least < 0 || took < least) ? took : least;
    }
    bl_program_free(program);
    bl_graph_free(graph);
    return 1e9 * least / COUNT;
}

static void print_table(bl_context *context, bl_dtype dtype, long repeats)
{
    printf("%-11s", bl_dtype_name(dtype));
    for (int set = BL_ISA_PLAIN; set < BL_ISA_COUNT; set++)
        printf(" %8s", bl_instruction_set_name((bl_instruction_set)set));
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        printf("\n%-11s", functions[i].name);
        for (int set = BL_ISA_PLAIN; set < BL_ISA_COUNT; set++)
            if (bl_instruction_set_runs((bl_instruction_set)set))
                printf(" %8.3f",
                       time_function(context, &functions[i], dtype, (bl_instruction_set)set, repeats));
            else
                printf(" %8s", "-");
    }
    printf("\n");
}

int main(int count, char **arguments)
{
    long repeats = 200;
    if (count > 1) {
        repeats =
            count == 3 && strcmp(arguments[1], "--repeat") == 0 ? positive(arguments[2], MOST_REPEATS) : 0;
        if (repeats == 0) {
            fprintf(stderr, "usage: functions [--repeat 1..%d]\n", MOST_REPEATS);
            return 2;
        }
    }
    bl_context *context = bl_context_new(NULL);
    if (!context)
        return 1;
    print_table(context, BL_F32, repeats);
    print_table(context, BL_F64, repeats);
    bl_context_free(context);
    return 0;
}
