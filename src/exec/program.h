/* Private. A compiled program: a flat list of instructions over storages. */
#ifndef BOWLINE_EXEC_PROGRAM_H
#define BOWLINE_EXEC_PROGRAM_H

#include "bowline/check.h"
#include "cpu/kernel_set.h"
#include "exec/profile.h"
#include "graph/graph.h"
#include "graph/parameter.h"

/* Where the bytes of a storage are. */
typedef enum bl__location {
    BL__WORKSPACE, /* at an offset of the program's one block, shared over time */
    BL__CONSTANT,  /* in the program's arena */
    BL__STATE,     /* in a parameter, or in the program's private copy of it */
    BL__INPUT      /* in the caller's memory, or in the program's copy of it */
} bl__location;

/* A run of bytes that values live in. Several values share one when they are views of each other, or when one
 * is computed in place of another: then `root` is the storage whose bytes they are. */
typedef struct bl__storage {
    union {
        size_t offset; /* in the workspace, once planned */
        size_t owner;  /* index among the states or inputs */
        void *data;    /* of a constant */
    };
    uint32_t root;                   /* an index; its own when it stands alone */
    uint8_t place;                   /* a bl__location */
    bool is_wanted, is_wanted_twice; /* after the run: by an output or effect, by more than one */
    /* In programs that are checked: */
    bool is_checked;      /* its values are looked at when they are there */
    bool may_be_infinite; /* for its op was recorded with an infinite number */
    bool is_not_finite;   /* in the run that goes on: some of its values, as they may be */
    bl__device device;
} bl__storage;

/* What messages say of an instruction; those made at one place by one op mostly share a record. */
typedef struct bl__instruction_name {
    const char *op;
    const char *label;
    const char *scope;
    const char *file;
    int32_t line;
    bool is_again; /* of an instruction that repeats another, to fit a budget */
} bl__instruction_name;

/* The parts of a product that is added to something, in a program that is checked: the instruction's
 * attributes, which its kernel does not look at. */
typedef struct bl__product_and_sum {
    const bl__instruction_name *product, *sum;
    const bl__operand *value; /* the instruction's output in the shape of the sum */
} bl__product_and_sum;

/* One step. Its operands stand one after the other in the program's array: inputs, then outputs. */
typedef struct bl__instruction {
    const bl__kernel *kernel;
    bl__call call;
    const bl__instruction_name *name;
    uint32_t scratch;   /* that its kernel needs, in units of BL__ALIGNMENT */
    bool shares;        /* its kernel shares its work out among threads */
    bool has_succeeded; /* it fails for nothing, once those before it have not: see bl__find_failures */
    bool is_beside;     /* it runs side by side with others: strand.h */
} bl__instruction;

/* Instructions that run side by side: see strand.h. */
typedef struct bl__band bl__band;

/* A parameter or buffer that the program reads or writes. `copy` is a private f64 copy, where it has one. */
typedef struct bl__state {
    bl_parameter *parameter;
    unsigned generation;
    bool read, written;
    bool drawn;     /* a random state: a run that commits adds 1 to its second element */
    size_t storage; /* when read */
    double *copy;
    size_t copy_bytes;
} bl__state;

typedef struct bl__input {
    int64_t ordinal;
    const char *name;
    bl_dtype dtype;
    bl_shape shape;
    size_t bytes;
    void *copy;       /* the program's own block, made at the first bl_set_input */
    const void *data; /* what runs read; NULL when never set */
    bool set;
} bl__input;

typedef struct bl__output {
    int64_t node;
    int index;
    bl_dtype dtype;
    bl_shape shape;
    size_t bytes;
    const bl__operand *value;
} bl__output;

/* A write to a state, done after every instruction: `rows` runs of `run` elements, `stride` apart in the
 * state. */
typedef struct bl__effect {
    size_t state;
    const bl__operand *value;
    int64_t rows, run, stride, start;
    bool is_written;                  /* the instruction itself writes to the state: see overwrite.h */
    const bl__instruction_name *name; /* in a program that is checked */
} bl__effect;

/* Where the values of a leaf are, in a program that is frozen or checked. */
typedef struct bl__leaf {
    int64_t node;
    const bl__operand *value;
    const bl__instruction_name *name;
    bool is_number; /* bl_full's */
} bl__leaf;

struct bl_program {
    bl__program_head head; /* first: see context.h */
    struct bl__pattern
        *pattern; /* what it was compiled from, in its arena; NULL when it is not for the cache */
    bl__arena arena;
    bl_precision precision;
    bl__device device; /* whose kernels run it: those of environment.kernels */
    bl__instruction *instructions;
    bl__operand **operands; /* of all instructions, each one's together; values of the arena's */
    bl__storage *storages;
    bl__state *states;
    bl__input *inputs;
    bl__output *outputs;
    bl__effect *effects;
    bl__leaf *leaves;
    bl__band *bands; /* in the order of the instructions */
    size_t instruction_count, operand_count, storage_count, state_count, input_count, output_count,
        effect_count, leaf_count, band_count;
    size_t instruction_capacity, operand_capacity, storage_capacity, state_capacity, input_capacity,
        output_capacity, effect_capacity, leaf_capacity, band_capacity;
    unsigned char *workspace; /* the planned part, then the scratch that all instructions share */
    size_t planned_bytes, scratch_bytes, bound_bytes;
    bl__profile profile;
    bl_check check;
    bl_not_finite finding; /* of the last run, but for the name, ... */
    size_t finding_owner;  /* ... which is that of an input or a state */
    bool resolved;         /* operands point at their data */
    bool frozen;           /* private copies are left as they are between runs */
    bool running;
    bool ran;
    bl__environment environment;     /* of all instructions */
    char message[BL__MESSAGE_BYTES]; /* what the failing instruction says */
};

/* Frees a program that is not in the cache or anyone's hands, without a look at the context's count. */
void bl__program_destroy(bl_program *program);

/* bl_compile_list, and every float leaf in a private f64 copy that `frozen` runs leave alone. */
bl_program *bl__compile_frozen(bl_context *context, bl_tensor *const *outputs, size_t count);

/* Gives back what a profile has. */
void bl__profile_free(bl_program *program);

/* Where a value's bytes are; inputs that were never set give NULL. */
void *bl__value_data(const bl_program *program, const bl__operand *value);

/* Element `index` of values of a dtype, as a double. */
double bl__element_as_double(bl_dtype dtype, const void *data, int64_t index);

/* The private values of a leaf in a frozen program; NULL when the program does not use it, or when it is an
 * input that was not set. */
double *bl__frozen_values(bl_program *program, const bl_tensor *leaf);

/* Whether a frozen program uses a leaf. */
bool bl__frozen_has(const bl_program *program, const bl_tensor *leaf);

/* Sets the program's error and the context's, replacing the program's last one. */
bl_status bl__program_fail(bl_program *program, bl_status status, const char *op, const char *format, ...)
    BL_PRINTF(4, 5);

#endif
