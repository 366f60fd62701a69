// consumer.c from C++17: the same program, through the templates that stand for C's compound literals.
#include <bowline/bowline.h>

#include <array>
#include <iostream>

int main()
{
    const std::array<float, 6> values{1, 2, 3, 4, 5, 6};
    std::array<float, 6> found{};
    bl_context *context = bl_context_new(nullptr);
    bl_graph *graph = bl_graph_new(context);
    bl_tensor *x = bl_constant(graph, BL_F32, BL_SHAPE(2, 3), values.data());
    bl_tensor *loss = bl_sum(bl_sum(bl_square(x), BL_AXES(0, -1), false), BL_ALL_AXES, false);
    bl_tensor *gradient = bl_gradient(loss, x);
    bl_program *program = bl_compile(context, loss, gradient);
    bl_run(program);
    bl_read(program, gradient, found.data(), sizeof found);

    bool right = bl_item(program, loss) == 91.0;
    for (std::size_t i = 0; i < values.size(); i++)
        right = right && found[i] == 2 * values[i];
    std::cout << "bowline " << bl_version() << ": loss " << bl_item(program, loss) << '\n';
    bl_program_free(program);
    bl_graph_free(graph);
    bl_context_free(context);
    return right ? 0 : 1;
}
