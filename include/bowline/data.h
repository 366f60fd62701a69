/* Data for training: batches in an order that can be saved and resumed, files of tokens, and small sets from
 * CSV and IDX files. Everything is read on the host into the caller's arrays, which bl_set_input copies or
 * bl_bind_input binds. */
#ifndef BOWLINE_DATA_H
#define BOWLINE_DATA_H

#include "context.h"
#include "tensor.h"

BL_BEGIN_DECLS

/* ---- order ---- */

typedef enum bl_order {
    BL_ORDER_SEQUENTIAL, /* 0, 1, 2, .. */
    BL_ORDER_SHUFFLED,   /* another permutation in each epoch */
    BL_ORDER_STREAMS /* place b of the batch goes through part b of the examples, for state that is carried on
                      */
} bl_order;

/* Where in the data a training run is. These numbers are all there is: saved and put back, the run goes on
 * with the batch that would have come. */
typedef struct bl_cursor {
    uint64_t seed;
    int64_t epoch;
    int64_t position; /* examples taken in this epoch */
} bl_cursor;

/* The beginning of the first epoch. Returns: the cursor. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_cursor bl_cursor_start(uint64_t seed);

/* The examples of the next batch, of `count` that there are, and moves on. An epoch ends when fewer than a
 * batch are left: those are dropped. Returns: BL_OK or an error, and then the cursor has not moved. Errors:
 * BL_ERR_ARGUMENT (NULL, batch < 1, count < batch, or numbers that no cursor has). Ownership: the array, of
 * `batch` elements, stays the caller's. Threads: one at a time. */
BL_API bl_status bl_cursor_next(bl_cursor *cursor, int64_t count, int64_t batch, bl_order order,
                                int64_t *examples);

/* Where a permutation of 0 .. count - 1 takes `index`: for each seed and epoch another one, that needs no
 * memory. Returns: the index, -1 when it is not in 0 .. count - 1. Errors: none. Ownership: none. Threads:
 * any. Source: Luby and Rackoff 1988 (a Feistel network); Black and Rogaway 2002, "Ciphers with Arbitrary
 * Finite Domains" (walking along the cycle). */
BL_API int64_t bl_shuffled(uint64_t seed, int64_t epoch, int64_t count, int64_t index);

/* ---- files of tokens ---- */

/* A file of u16 or u32 tokens, mapped into memory and read where it is asked for. Numbers are little-endian.
 * With a header, of 32 bytes: "BLTOKENS", u32 version 1, u32 bytes a token (2 or 4), u64 vocabulary (0:
 * unknown), u64 count; then the tokens. Raw, the tokens alone. A file must not be cut short while it is open.
 */
typedef struct bl_tokens bl_tokens;

typedef struct bl_tokens_options {
    int raw_bytes;      /* of a token in a raw file, 2 or 4; default 0: the file has a header */
    int64_t vocabulary; /* tokens are below it; default 0: what the header says, for raw files not known */
} bl_tokens_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_tokens_options bl_tokens_defaults(void);

/* Opens a file of tokens and checks its header and size; its tokens are checked when they are read. `options`
 * NULL: the defaults. Returns: the file, or NULL (then bl_context_error tells). Errors: BL_ERR_ARGUMENT
 * (NULL, options out of range), BL_ERR_IO (it cannot be read, has no or a bad header, a size that does not
 * fit it, or a larger vocabulary than the options'), BL_ERR_MEMORY. Ownership: the caller's, until
 * bl_tokens_free. Threads: the context's. */
BL_API bl_tokens *bl_tokens_open(bl_context *context, const char *path, const bl_tokens_options *options);

/* Closes a file of tokens; NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `tokens`. Threads: the context's. */
BL_API void bl_tokens_free(bl_tokens *tokens);

/* The number of tokens. Returns: the count, 0 for NULL. Errors: none. Ownership: none. Threads: any. */
BL_API int64_t bl_tokens_count(const bl_tokens *tokens);

/* What all tokens are below; 0 when it is not known. Returns: the size. Errors: none. Ownership: none.
 * Threads: any. */
BL_API int64_t bl_tokens_vocabulary(const bl_tokens *tokens);

/* Copies tokens start .. start + count - 1.
 * Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT (NULL, or not all of them are there), BL_ERR_INDEX (one
 * is not in the vocabulary: the message says where). Ownership: the array stays the caller's. Threads: the
 * context's. */
BL_API bl_status bl_tokens_read(const bl_tokens *tokens, int64_t start, int64_t count, int64_t *values);

/* Looks at all tokens of the file. Returns: BL_OK or an error. Errors: BL_ERR_ARGUMENT (NULL), BL_ERR_INDEX
 * (one is not in the vocabulary: the message says where). Ownership: none. Threads: the context's. */
BL_API bl_status bl_tokens_check(const bl_tokens *tokens);

/* Which sequences of tokens make a batch. */
typedef struct bl_sequences {
    int64_t batch;  /* sequences at once */
    int64_t length; /* tokens in each, and as many targets, one further on */
    int64_t stride; /* from the beginning of one to that of the next; 0: the length */
    bl_order order; /* of the sequences; streams go on where they stopped when the stride is the length */
} bl_sequences;

/* The number of sequences in a file. Returns: the count, 0 when something makes no sense. Errors: none.
 * Ownership: none. Threads: any. */
BL_API int64_t bl_sequences_count(const bl_tokens *tokens, const bl_sequences *sequences);

/* The next batch: inputs [batch, length] and targets [batch, length], i64, where targets[b, i] follows
 * inputs[b, i] in the file; and moves the cursor on. `targets` may be NULL. Returns: BL_OK or an error, and
 * then the cursor has not moved. Errors: BL_ERR_ARGUMENT (NULL, sizes below 1, fewer sequences than a batch,
 * a bad cursor), BL_ERR_INDEX (a token is not in the vocabulary: the message says where). Ownership: the
 * arrays stay the caller's. Threads: the context's. */
BL_API bl_status bl_tokens_next(const bl_tokens *tokens, const bl_sequences *sequences, bl_cursor *cursor,
                                int64_t *inputs, int64_t *targets);

/* Writes a file of tokens with a header, of u16 where the vocabulary (0: the tokens) allows it, else of u32.
 * A file that is there is replaced. Returns: BL_OK or an error; a file that was not written to its end is
 * refused when it is opened. Errors: BL_ERR_ARGUMENT (NULL, a size out of range), BL_ERR_INDEX (a token is
 * negative, not in the vocabulary or not in u32: nothing is written), BL_ERR_IO. Ownership: the array stays
 * the caller's. Threads: the context's. */
BL_API bl_status bl_tokens_write(bl_context *context, const char *path, const int64_t *values, int64_t count,
                                 int64_t vocabulary);

/* ---- CSV ---- */

/* A table of numbers. */
typedef struct bl_csv bl_csv;

typedef struct bl_csv_options {
    char separator;    /* default ',' */
    bool header;       /* the first line has names; default true */
    bool empty_is_nan; /* an empty field is NaN, not an error; default false */
} bl_csv_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_csv_options bl_csv_defaults(void);

/* Reads a CSV file of numbers, as RFC 4180 says, with LF or CRLF; fields may be quoted, numbers may have
 * blanks around them, lines without any character are skipped, and so is a byte order mark. Numbers are
 * decimal with '.' whatever the locale, or nan, inf and infinity in any case. `options` NULL: the defaults.
 * Returns: the table, or NULL (then bl_context_error tells). Errors: BL_ERR_ARGUMENT (NULL, a separator that
 * is a quote, a line's end or part of a number), BL_ERR_IO (it cannot be read; or a field that is no number
 * or too large, an open quote, text behind a closed one, a line with more or fewer fields than the first: the
 * message begins with FILE:LINE:COLUMN, in bytes from 1), BL_ERR_MEMORY. Ownership: the caller's, until
 * bl_csv_free. Threads: the context's.
 */
BL_API bl_csv *bl_csv_read(bl_context *context, const char *path, const bl_csv_options *options);

/* Frees a table; NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `csv`. Threads: the context's. */
BL_API void bl_csv_free(bl_csv *csv);

/* The number of lines of numbers. Returns: the count, 0 for NULL. Errors: none. Ownership: none. Threads:
 * any. */
BL_API int64_t bl_csv_rows(const bl_csv *csv);

/* The number of columns. Returns: the count, 0 for NULL. Errors: none. Ownership: none. Threads: any. */
BL_API int64_t bl_csv_columns(const bl_csv *csv);

/* The name of a column. Returns: the name; NULL without a header or past the end. Errors: none. Ownership:
 * the table's. Threads: any. */
BL_API const char *bl_csv_name(const bl_csv *csv, int64_t column);

/* The first column of a name. Returns: its index, -1 when there is none. Errors: none. Ownership: none.
 * Threads: any. */
BL_API int64_t bl_csv_find(const bl_csv *csv, const char *name);

/* The numbers, row by row. Returns: rows * columns of them, NULL when there are none. Errors: none.
 * Ownership: the table's. Threads: any. */
BL_API const double *bl_csv_values(const bl_csv *csv);

/* ---- IDX, the format of MNIST ---- */

/* A file in IDX format, mapped into memory. It must not be cut short while it is open. */
typedef struct bl_idx bl_idx;

/* What its elements are, by the format's own codes. */
typedef enum bl_idx_type {
    BL_IDX_U8 = 0x08,
    BL_IDX_I8 = 0x09,
    BL_IDX_I16 = 0x0b,
    BL_IDX_I32 = 0x0c,
    BL_IDX_F32 = 0x0d,
    BL_IDX_F64 = 0x0e
} bl_idx_type;

/* Opens an IDX file, which must have exactly the size that its header asks for. Returns: the file, or NULL
 * (then bl_context_error tells). Errors: BL_ERR_ARGUMENT (NULL), BL_ERR_IO (it cannot be read, is compressed,
 * has no or a bad header, another type, not 1 to 8 axes, or another size), BL_ERR_MEMORY. Ownership: the
 * caller's, until bl_idx_free. Threads: the context's. Source: LeCun et al., "The MNIST database". */
BL_API bl_idx *bl_idx_open(bl_context *context, const char *path);

/* Closes an IDX file; NULL is allowed.
 * Returns: nothing. Errors: none. Ownership: takes `idx`. Threads: the context's. */
BL_API void bl_idx_free(bl_idx *idx);

/* Its shape: [examples, ..]. Returns: the shape; rank -1 for NULL. Errors: none. Ownership: a value. Threads:
 * any. */
BL_API bl_shape bl_idx_shape(const bl_idx *idx);

/* Its type. Returns: the type, 0 for NULL. Errors: none. Ownership: none. Threads: any. */
BL_API bl_idx_type bl_idx_type_of(const bl_idx *idx);

/* Copies the examples of a list, one after the other, each with all that is in it, into f32, f64, i32 or i64;
 * what an f32 cannot hold is rounded. `examples` NULL: the first `count`. Shapes: values [count, ..]; `bytes`
 * is their size. Returns: BL_OK or an error, and then nothing is written. Errors: BL_ERR_ARGUMENT (NULL, or
 * another number of bytes), BL_ERR_DTYPE (another dtype, or floats into integers), BL_ERR_INDEX (an example
 * that is not there). Ownership: the arrays stay the caller's. Threads: the context's. */
BL_API bl_status bl_idx_take(const bl_idx *idx, const int64_t *examples, int64_t count, bl_dtype dtype,
                             void *values, size_t bytes);

BL_END_DECLS

#endif
