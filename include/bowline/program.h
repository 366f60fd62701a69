/* Programs: what a graph is compiled to, and its runs. */
#ifndef BOWLINE_PROGRAM_H
#define BOWLINE_PROGRAM_H

#include "parameters.h"

BL_BEGIN_DECLS

typedef struct bl_program bl_program;

/* The precision of a program's floats. */
typedef enum bl_precision {
    BL_PRECISION_RECORDED, /* as recorded */
    BL_PRECISION_F64 /* f32 values become f64, on private copies of parameters; inputs are given as f64 */
} bl_precision;

/* What stops a run that would make it, or be given it: see check.h. */
typedef enum bl_check {
    BL_CHECK_NOTHING, /* runs go through whatever comes */
    BL_CHECK_NAN,     /* NaN */
    BL_CHECK_FINITE   /* NaN, and infinities that are not made from infinite constants */
} bl_check;

enum {
    BL_THREADS_OF_CONTEXT = -1 /* as many as bl_context_options.threads says */
};

#define BL_MEMORY_UNLIMITED SIZE_MAX /* no budget */

typedef struct bl_compile_options {
    bl_precision precision; /* default BL_PRECISION_RECORDED */
    bool fuse; /* element-wise ops run in groups, with the same bits as alone, and products are computed into
                  what they are added to, in another order than alone; default true */
    bool rewrite; /* what is spelled out and one op computes at once, is computed by that op, the same
                     within rounding (docs/design.md); default true */
    int threads;  /* that a run may use, 1 or more; default BL_THREADS_OF_CONTEXT */
    bl_instruction_set instruction_set; /* default BL_ISA_DEFAULT: the context's */
    bl_check check; /* every value of a run is looked at: the same bits, slower, and in more memory, since
                       element-wise ops run alone and new states wait for the commit; default
                       BL_CHECK_NOTHING, which costs nothing */
    size_t memory_budget; /* bytes that bl_program_workspace_bytes may come to: all values at their places,
                             outputs included, and the scratch; not parameters, constants, copies of inputs,
                             and what describes the program. Where the plan takes more, values that are not
                             used for a while are dropped and computed again before they are, with the same
                             bits, those first that save most bytes for their time; effects and ops of the
                             user's are not repeated. Where that does not do, compile fails with
                             BL_ERR_BUDGET, and the message says how many bytes would; default
                             BL_MEMORY_UNLIMITED */
} bl_compile_options;

/* How many of one kind there are, and what they hold. */
typedef struct bl_state_count {
    size_t count;
    int64_t elements;
    size_t bytes;
} bl_state_count;

/* One step of a run: what it is called, where it was recorded, and its work. The texts are the program's.
 *
 * FLOPs: a sum, difference, product, quotient, comparison, root, power or function (exp) of one element
 * counts 1, in every dtype. So an element-wise op counts 1 an element of its output, in a group as alone; a
 * reduction 1 an element of its input (var, logsumexp 4, norm 2); a matrix product 2 m n k; a convolution as
 * the products it is, padding included; softmax 5; an op of the user's 1 an element of its first output. What
 * moves, chooses or sorts elements counts nothing. */
typedef struct bl_instruction_info {
    const char *op;     /* "matmul"; of a group its first ops, "mul+add" */
    const char *label;  /* bl_label's, of a group that of its last op; NULL for none */
    const char *scope;  /* likewise */
    const char *file;   /* NULL where the place is not known */
    int line;           /* in it */
    int64_t flops;      /* INT64_MAX where there are more */
    int64_t bytes_read; /* of its inputs: an element that stands for many by broadcasting is read once, of a
                           table only as many elements as are looked up */
    int64_t bytes_written;
    bool again; /* repeats another instruction of the run, to fit bl_compile_options.memory_budget */
} bl_instruction_info;

/* What a program is and what a run of it takes, known before it runs. */
typedef struct bl_program_info {
    size_t instructions;
    size_t side_by_side;    /* of them: small ones that run at the same time as others; 0 on one thread */
    size_t repeated;        /* of them those that repeat others, for bl_compile_options.memory_budget */
    size_t effects;         /* writes to states when a run commits, counts of random states included */
    size_t workspace_bytes; /* the peak: all values at their places, outputs included, and the scratch */
    size_t workspace_bound; /* what no plan for the same order can go below: see bl_program_workspace_bound */
    size_t scratch_bytes;   /* of the two above: what the instructions share for their own use */
    int64_t flops, bytes_read, bytes_written; /* of a run: the sums over its instructions and its commit */
    bl_state_count parameters;                /* that it reads or writes, each once */
    bl_state_count parameters_by_name; /* each as often as registries have names for it, but at least once */
    bl_state_count trained;            /* of the parameters those that a run writes, each once */
    bl_state_count buffers, buffers_by_name;
} bl_program_info;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any.
 */
BL_API bl_compile_options bl_compile_defaults(void);

/* Compiles what the outputs need: values to be read and effects to be committed. A NULL output is an error;
 * `options` NULL: the defaults. The program does not need the graph any more; its tensors stay the handles of
 * inputs and outputs, and so do those of the same recording repeated.
 *
 * A program that was freed and would come out the same is given again instead of a new one: the same ops,
 * attributes, dtypes, shapes, parameters, names of inputs, options, order of outputs, and places in messages,
 * whatever else is on the tape. It is as good as new: inputs have not been set, there has been no run, and
 * constants have the values of this recording. Programs that are in the caller's hands are never given twice.
 * Returns: the program, or the context's invalid program, whose run gives the error back (NULL only for a
 * NULL context). Errors: the graph's error, BL_ERR_ARGUMENT, BL_ERR_STATE (two writes to one state),
 * BL_ERR_OVERFLOW, BL_ERR_MEMORY, BL_ERR_UNSUPPORTED (an instruction set that does not run here),
 * BL_ERR_BUDGET (the workspace does not fit into memory_budget). Ownership: the caller's, until
 * bl_program_free. Threads: the context's. */
BL_API bl_program *bl_compile_list(bl_context *context, bl_tensor *const *outputs, size_t count,
                                   const bl_compile_options *options);

/* Frees a program. The context keeps it for the next compile of the same, within the limits of
 * bl_context_options, but not the parameters it used; a program from more than 16384 nodes is not kept. NULL
 * is allowed, and the invalid program is freed as often as it was given; from inside its own run a program is
 * left as it is. Returns: nothing. Errors: none. Ownership: takes `program`. Threads: the context's. */
BL_API void bl_program_free(bl_program *program);

/* The program's last error, from compile or run; code BL_OK when there was none.
 * Returns: a record, never NULL. Errors: none. Ownership: the program's. Threads: the context's. */
BL_API const bl_error *bl_program_error(const bl_program *program);

/* Runs the program once. A run that fails has changed nothing: no parameter, no buffer.
 * Returns: BL_OK or the error. Errors: BL_ERR_STATE (an input was never set), BL_ERR_INDEX, BL_ERR_STALE (a
 * tie changed), BL_ERR_BUSY (another run uses the same state, and one of the two writes it), whatever an op
 * of the user's reports; BL_ERR_NOT_FINITE where the options have a check; whatever compile reported.
 * Ownership: unchanged. Threads: the context's. */
BL_API bl_status bl_run(bl_program *program);

/* Copies values, row by row, into an input.
 * Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT (not an input of the program, data NULL, or `bytes` is
 * not its size). Ownership: data stays the caller's. Threads: the context's. */
BL_API bl_status bl_set_input(bl_program *program, const bl_tensor *input, const void *data, size_t bytes);

/* Lets an input read the caller's memory, row by row and aligned for its dtype, at every run from now on.
 * Returns, Errors: as bl_set_input, and BL_ERR_ARGUMENT when misaligned. Ownership: data stays the caller's
 * and must live until the input is set or bound again or the program is freed. Threads: the context's. */
BL_API bl_status bl_bind_input(bl_program *program, const bl_tensor *input, const void *data, size_t bytes);

/* Copies an output's values of the last run out, row by row, in the program's precision.
 * Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT (not an output, or `bytes` is not its size),
 * BL_ERR_STATE (the last run failed on its way, or there was none). Ownership: data stays the caller's.
 * Threads: the context's. */
BL_API bl_status bl_read(bl_program *program, const bl_tensor *output, void *data, size_t bytes);

/* The values of an output, row by row, until the next run.
 * Returns: the values, or NULL with the program's error set. Errors: as bl_read. Ownership: the program's.
 * Threads: the context's. */
BL_API const void *bl_output_data(bl_program *program, const bl_tensor *output);

/* The value of an output of one element, of any dtype, as a double.
 * Returns: the value, or NaN with the program's error set. Errors: as bl_read; BL_ERR_SHAPE when it has not
 * one element. Ownership: none. Threads: the context's. */
BL_API double bl_item(bl_program *program, const bl_tensor *output);

/* One element of an output, by its index along each axis, as a double.
 * Returns: the value, or NaN with the program's error set. Errors: as bl_read; BL_ERR_INDEX, BL_ERR_ARGUMENT
 * (rank differs). Ownership: none. Threads: the context's. */
BL_API double bl_item_at(bl_program *program, const bl_tensor *output, bl_shape index);

/* Compiles and runs what one tensor needs and copies it out: for a look at a value whose graph has no inputs.
 * Returns: BL_OK or the error. Errors: as bl_compile_list, bl_run and bl_read. Ownership: data stays the
 * caller's. Threads: the context's. */
BL_API bl_status bl_eval(bl_tensor *tensor, void *data, size_t bytes);

/* The instruction set that the program's kernels use, never BL_ISA_DEFAULT unless the program is invalid.
 * Returns: the set. Errors: none. Ownership: none. Threads: the context's. */
BL_API bl_instruction_set bl_program_instruction_set(const bl_program *program);

/* Instructions of the program. Returns: the count. Errors: none. Ownership: none. Threads: the context's. */
BL_API size_t bl_program_instruction_count(const bl_program *program);

/* Bytes of the planned workspace, outputs included; parameters, constants and inputs are not in it.
 * Returns: the bytes. Errors: none. Ownership: none. Threads: the context's. */
BL_API size_t bl_program_workspace_bytes(const bl_program *program);

/* The largest sum over the instructions of the bytes alive at one, each value rounded up to 64: what no plan
 * for the same order can go below. Returns: the bytes. Errors: none. Ownership: none. Threads: the context's.
 */
BL_API size_t bl_program_workspace_bound(const bl_program *program);

/* What the program is and what a run of it takes.
 * Returns: the record, all 0 for NULL and the invalid program. Errors: none. Ownership: a value. Threads: the
 * context's. */
BL_API bl_program_info bl_program_describe(const bl_program *program);

/* Instruction `index` of a run, in their order; the one behind the last is the commit of the effects,
 * "commit", without those that an instruction writes to the state itself. Element-wise ops of one program for
 * several tensors are one, "mul+add x 20" for 20. Returns: the record; op is NULL beyond that. Errors: none.
 * Ownership: the texts are the program's. Threads: the context's. */
BL_API bl_instruction_info bl_program_instruction(const bl_program *program, size_t index);

/* Writes the list of instructions with shapes, offsets and labels, a line each, into text, terminated when
 * size > 0. Returns: the length that the whole text needs. Errors: none. Ownership: the caller's buffer.
 * Threads: the context's. */
BL_API size_t bl_program_format(const bl_program *program, char *text, size_t size);

BL_END_DECLS

/* bl_compile(context, loss, update): bl_compile_list of the tensors given, with the default options. */
#ifdef __cplusplus
template <typename... bl_tensors> inline bl_program *bl_compile(bl_context *context, bl_tensors... outputs)
{
    bl_tensor *const list[] = {outputs...};
    return bl_compile_list(context, list, sizeof...(outputs), nullptr);
}
#else
#define bl_compile(context, ...)                                  \
    bl_compile_list((context), (bl_tensor *const[]){__VA_ARGS__}, \
                    sizeof((bl_tensor *const[]){__VA_ARGS__}) / sizeof(bl_tensor *), NULL)
#endif

#endif
