/* Instruction sets: which there are, and which a program uses. */
#include "exec/program.h"

const char *bl_instruction_set_name(bl_instruction_set set)
{
    static const char *const names[BL_ISA_COUNT] = {[BL_ISA_DEFAULT] = "default",
                                                    [BL_ISA_PLAIN] = "plain",
                                                    [BL_ISA_SSE2] = "sse2",
                                                    [BL_ISA_AVX2] = "avx2",
                                                    [BL_ISA_AVX512] = "avx512"};
    return (unsigned)set < BL_ISA_COUNT ? names[set] : "unknown";
}

bool bl_instruction_set_runs(bl_instruction_set set)
{
    return bl__kernel_set_of(set) != NULL;
}

bl_instruction_set bl_program_instruction_set(const bl_program *program)
{
    return program && program->head.valid ? program->environment.kernels->instructions : BL_ISA_DEFAULT;
}
