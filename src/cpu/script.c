/* Running scripts: see script.h. */
#include "cpu/script.h"

/* The steps over cells of type T; the arithmetic is that of the tile functions. */
#define DEFINE(name, T)                                                                          \
    static void take_steps_##name(const bl__script *script, T *cell)                             \
    {                                                                                            \
        const bl__script_step *step = script->steps, *end = step + script->step_count;           \
        for (; step < end; step++) {                                                             \
            switch ((bl__script_code)step->code) {                                               \
            case BL__SCRIPT_ADD:                                                                 \
                cell[step->out] = cell[step->a] + cell[step->b];                                 \
                break;                                                                           \
            case BL__SCRIPT_SUB:                                                                 \
                cell[step->out] = cell[step->a] - cell[step->b];                                 \
                break;                                                                           \
            case BL__SCRIPT_MUL:                                                                 \
                cell[step->out] = cell[step->a] * cell[step->b];                                 \
                break;                                                                           \
            case BL__SCRIPT_DIV:                                                                 \
                cell[step->out] = cell[step->a] / cell[step->b];                                 \
                break;                                                                           \
            case BL__SCRIPT_NEG:                                                                 \
                cell[step->out] = -cell[step->a];                                                \
                break;                                                                           \
            case BL__SCRIPT_CALL: {                                                              \
                const bl__script_call *call = &script->calls[step->a];                           \
                const void *in[] = {&cell[call->in[0]], &cell[call->in[1]], &cell[call->in[2]]}; \
                call->tile(1, &cell[step->out], in, call->attributes);                           \
            }                                                                                    \
            }                                                                                    \
        }                                                                                        \
    }                                                                                            \
    static void run_##name(const bl__call *call, const bl__script *script)                       \
    {                                                                                            \
        T *cell = call->outputs[0]->data;                                                        \
        for (uint32_t i = 0; i < call->input_count; i++)                                         \
            cell[script->input_cells[i]] = *(const T *)call->inputs[i]->data;                    \
        take_steps_##name(script, cell);                                                         \
        for (uint32_t i = 1; i < call->output_count; i++)                                        \
            *(T *)call->outputs[i]->data = cell[script->output_cells[i - 1]];                    \
    }

DEFINE(f32, float)
DEFINE(f64, double)

static bl_status run(const bl__call *call)
{
    (call->outputs[0]->dtype == BL_F32 ? run_f32 : run_f64)(call, call->attributes);
    return BL_OK;
}

static int64_t flops(const bl__call *call)
{
    return (int64_t)((const bl__script *)call->attributes)->step_count;
}

const bl__kernel bl__kernel_script = {BL__STRIDED, NULL, run, flops};
