/* The tables of the CPU's kernels: which sets of instructions there are, and the kernels of a set by op. */
#include "cpu/kernel_set.h"
#include "cpu/kernels.h"

#include <stddef.h>

/* ---- sets ---- */

extern const bl__kernel_set bl__kernel_set_plain;
#ifdef BL__X86_SETS
extern const bl__kernel_set bl__kernel_set_sse2, bl__kernel_set_avx2, bl__kernel_set_avx512;

/* Whether the processor, and the system under which it runs, have what the compiler may use in a set. */
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

const bl__kernel_set *bl__kernel_set_of(bl_instruction_set instructions)
{
    bool any = instructions == BL_ISA_DEFAULT;
#ifdef BL__X86_SETS
    if ((any || instructions == BL_ISA_AVX512) && has_avx512())
        return &bl__kernel_set_avx512;
    if ((any || instructions == BL_ISA_AVX2) && has_avx2())
        return &bl__kernel_set_avx2;
    if (any || instructions == BL_ISA_SSE2)
        return &bl__kernel_set_sse2;
#endif
    return any || instructions == BL_ISA_PLAIN ? &bl__kernel_set_plain : NULL;
}

bool bl__kernel_set_is_built(bl_instruction_set instructions)
{
#ifdef BL__X86_SETS
    return instructions <= BL_ISA_AVX512;
#else
    return instructions <= BL_ISA_PLAIN;
#endif
}

/* ---- ops ---- */

const bl__kernel *bl__cpu_kernel(const bl__kernel_set *set, int key)
{
    static const bl__kernel *const shared[BL__KEY_COUNT] = {
#define ROW(op) [BL__KEY_##op] = &bl__kernel_##op,
        BL__SHARED_KERNELS(ROW)
#undef ROW
            [BL__KEY_COPY] = &bl__kernel_copy,
    };
    if (key <= BL__KEY_NONE || key >= BL__KEY_COUNT)
        return NULL;
    return set->kernels[key] ? set->kernels[key] : shared[key];
}

bl__tile bl__tile_find(const bl__kernel_set *set, int key, bl_dtype last_input, bl_dtype output)
{
    if (key <= BL__KEY_NONE || key >= BL__KEY_COUNT || (unsigned)last_input >= BL_DTYPE_COUNT ||
        (unsigned)output >= BL_DTYPE_COUNT)
        return NULL;
    if (key == BL__KEY_cast)
        return set->casts[last_input][output];
    return set->tiles[key] ? set->tiles[key][last_input] : NULL;
}
