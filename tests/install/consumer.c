/* A program outside the tree: with x = (1, 2, 3), the gradient of sum(x^2) must be 2x. */
#include <bowline/bowline.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    const float values[] = {1, 2, 3}, expected[] = {2, 4, 6};
    float found[3] = {0};
    bl_context *context = bl_context_new(NULL);
    bl_graph *graph = bl_graph_new(context);
    bl_tensor *x = bl_constant(graph, BL_F32, BL_SHAPE(3), values);
    bl_tensor *gradient = bl_gradient(bl_sum(bl_square(x), BL_ALL_AXES, false), x);
    bl_program *program = bl_compile(context, gradient);
    bl_run(program);
    bl_read(program, gradient, found, sizeof found);

    char text[512];
    if (bl_error_format(bl_context_error(context), text, sizeof text) > 0)
        printf("%s\n", text);
    printf("bowline %s: gradient %g %g %g\n", bl_version(), (double)found[0], (double)found[1],
           (double)found[2]);
    bl_program_free(program);
    bl_graph_free(graph);
    bl_context_free(context);
    return memcmp(found, expected, sizeof found) == 0 ? 0 : 1;
}
