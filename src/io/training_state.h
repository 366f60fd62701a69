/* Private. A training state: what was added, and how each tensor of its file is called. */
#ifndef BOWLINE_IO_TRAINING_STATE_H
#define BOWLINE_IO_TRAINING_STATE_H

#include "bowline/training_state.h"
#include "graph/params.h"
#include "graph/table.h"
#include "io/tensor_file.h"
#include "optim/optimizer.h"

#define BL__TRAINING_VERSION     "1"
#define BL__TRAINING_VERSION_KEY "bowline.training_state"
#define BL__TRAINING_ENTRY_KEY   "bowline.entry."

typedef enum bl__training_kind {
    BL__TRAINING_PARAMS,
    BL__TRAINING_OPTIMIZER,
    BL__TRAINING_RNG,
    BL__TRAINING_I64,
    BL__TRAINING_F64,
    BL__TRAINING_BYTES,
    BL__TRAINING_TEXT
} bl__training_kind;

/* One thing that was added. */
typedef struct bl__training_entry {
    const char *name; /* in the state's arena */
    bl__training_kind kind;
    void *object; /* a registry, optimizer or generator, or the caller's values */
    size_t count; /* of values, or bytes */
} bl__training_entry;

struct bl_training_state {
    bl_context *context;
    bl__arena arena;
    bl__training_entry *entries;
    size_t entry_count, entry_capacity;
    bl_error error;
};

/* What one save or load has in hand: memory that goes with it, and which tensor of the file each parameter
 * is.
 */
typedef struct bl__training_call {
    bl_training_state *state;
    bl__caller caller;
    bl__arena arena;
    bl__table tensors; /* a parameter's id -> the name of its tensor */
    bool has_memory;   /* false as soon as there was none */
} bl__training_call;

void bl__training_begin(bl__training_call *call, bl_training_state *state, const char *op);
void bl__training_end(bl__training_call *call);

/* The parts one after the other, up to the first NULL, in the call's arena; NULL without memory, noted. */
const char *bl__training_join(bl__training_call *call, const char *a, const char *b, const char *c,
                              const char *d);

/* The thing's kind as the file has it: "params", "optimizer adam". NULL without memory, noted. */
const char *bl__training_kind_of(bl__training_call *call, const bl__training_entry *entry);

/* The optimizer and then its groups: number `index`, NULL past the end, and what the names of its tensors
 * begin with: "NAME", "NAME/group.0". */
bl_optimizer *bl__training_part(bl__training_call *call, const bl__training_entry *entry, size_t index,
                                const char **prefix);

#endif
