/* Private. Scripts: long sequences of element-wise ops on single numbers, as one instruction. An op on one
 * number is done in less time than an instruction takes, or a call; so a script's steps are a few words
 * each, and most of them one turn of a loop.
 *
 * Its values are numbers of one dtype in cells, which stand side by side in the instruction's first output.
 * The inputs are taken into cells before the first step, the other outputs from cells after the last. */
#ifndef BOWLINE_CPU_SCRIPT_H
#define BOWLINE_CPU_SCRIPT_H

#include "cpu/kernel.h"
#include "cpu/tile.h"

typedef enum bl__script_code {
    BL__SCRIPT_ADD,
    BL__SCRIPT_SUB,
    BL__SCRIPT_MUL,
    BL__SCRIPT_DIV,
    BL__SCRIPT_NEG,
    BL__SCRIPT_CALL /* a tile function: `a` is the index of the call */
} bl__script_code;

/* One op: a bl__script_code, and cells. */
typedef struct bl__script_step {
    uint32_t code, out, a, b;
} bl__script_step;

/* A step that has no code of its own. */
typedef struct bl__script_call {
    bl__tile tile;
    const void *attributes;
    uint32_t in[BL__TILE_INPUTS]; /* cells; 0 beyond the inputs */
} bl__script_call;

/* The attributes of the instruction. */
typedef struct bl__script {
    const bl__script_step *steps;
    const bl__script_call *calls;
    size_t step_count;
    const uint32_t *input_cells, *output_cells; /* the latter of the outputs behind the first */
} bl__script;

/* The code of an op, BL__SCRIPT_CALL for most. */
static inline bl__script_code bl__script_code_of(int key)
{
    switch (key) {
    case BL__KEY_add:
        return BL__SCRIPT_ADD;
    case BL__KEY_sub:
        return BL__SCRIPT_SUB;
    case BL__KEY_mul:
        return BL__SCRIPT_MUL;
    case BL__KEY_div:
        return BL__SCRIPT_DIV;
    case BL__KEY_neg:
        return BL__SCRIPT_NEG;
    default:
        return BL__SCRIPT_CALL;
    }
}

extern const bl__kernel bl__kernel_script;

#endif
