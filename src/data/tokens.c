/* Files of tokens: opening, reading, batches, and writing. */
#include "bowline/data.h"
#include "data/mapping.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    HEADER = 32,
    VERSION = 1
};

static const char magic[8] = {'B', 'L', 'T', 'O', 'K', 'E', 'N', 'S'};

struct bl_tokens {
    bl_context *context;
    bl__mapping file;
    const unsigned char *first; /* of `count` tokens of `bytes` each */
    int64_t count;
    int bytes;
    int64_t vocabulary; /* 0: not known */
};

bl_tokens_options bl_tokens_defaults(void)
{
    return (bl_tokens_options){0};
}

/* ---- opening ---- */

static bl_status open_raw(bl_tokens *tokens, const char *path)
{
    tokens->first = tokens->file.bytes;
    tokens->count = (int64_t)(tokens->file.size / (size_t)tokens->bytes);
    if (tokens->file.size % (size_t)tokens->bytes == 0)
        return BL_OK;
    return bl__report(tokens->context, NULL, BL_ERR_IO, "tokens_open", NULL,
                      "%s has %zu bytes, which is no number of tokens of %d", path, tokens->file.size,
                      tokens->bytes);
}

static bl_status open_with_header(bl_tokens *tokens, const char *path)
{
    const char *op = "tokens_open";
    const unsigned char *head = tokens->file.bytes;
    bl_context *context = tokens->context;
    if (tokens->file.size < HEADER || memcmp(head, magic, sizeof(magic)) != 0)
        return bl__report(
            context, NULL, BL_ERR_IO, op, NULL,
            "%s does not begin with the header of a file of tokens (raw_bytes opens one without)", path);
    uint64_t version = bl__little_endian(head + 8, 4), bytes = bl__little_endian(head + 12, 4);
    uint64_t vocabulary = bl__little_endian(head + 16, 8), count = bl__little_endian(head + 24, 8);
    if (version != VERSION)
        return bl__report(context, NULL, BL_ERR_IO, op, NULL, "%s is of version %" PRIu64 ", not %d", path,
                          version, VERSION);
    if ((bytes != 2 && bytes != 4) || vocabulary > UINT64_C(1) << 32)
        return bl__report(context, NULL, BL_ERR_IO, op, NULL,
                          "the header of %s names tokens of %" PRIu64 " bytes and a vocabulary of %" PRIu64,
                          path, bytes, vocabulary);
    if (count != (tokens->file.size - HEADER) / bytes || (tokens->file.size - HEADER) % bytes != 0)
        return bl__report(context, NULL, BL_ERR_IO, op, NULL,
                          "%s has %zu bytes, not those of its %" PRIu64 " tokens of %" PRIu64, path,
                          tokens->file.size, count, bytes);
    if (tokens->vocabulary > 0 && vocabulary > (uint64_t)tokens->vocabulary)
        return bl__report(context, NULL, BL_ERR_IO, op, NULL,
                          "%s has a vocabulary of %" PRIu64 ", more than %" PRId64, path, vocabulary,
                          tokens->vocabulary);
    tokens->first = head + HEADER;
    tokens->count = (int64_t)count;
    tokens->bytes = (int)bytes;
    if (tokens->vocabulary == 0)
        tokens->vocabulary = (int64_t)vocabulary;
    return BL_OK;
}

bl_tokens *bl_tokens_open(bl_context *context, const char *path, const bl_tokens_options *options)
{
    const char *op = "tokens_open";
    bl_tokens_options chosen = options ? *options : bl_tokens_defaults();
    if (!context)
        return NULL;
    if (!path || (chosen.raw_bytes != 0 && chosen.raw_bytes != 2 && chosen.raw_bytes != 4) ||
        chosen.vocabulary < 0) {
        bl__report(context, NULL, BL_ERR_ARGUMENT, op, NULL,
                   "the path is NULL, raw_bytes is not 0, 2 or 4, or the vocabulary is negative");
        return NULL;
    }
    bl_tokens *tokens = bl__allocate(&context->allocator, 1, sizeof(*tokens));
    if (!tokens) {
        bl__report(context, NULL, BL_ERR_MEMORY, op, NULL, "no memory to open %s", path);
        return NULL;
    }
    tokens->context = bl__context_retain(context);
    tokens->bytes = chosen.raw_bytes;
    tokens->vocabulary = chosen.vocabulary;
    bl_status status = bl__map(context, op, path, &tokens->file);
    if (status == BL_OK)
        status = tokens->bytes ? open_raw(tokens, path) : open_with_header(tokens, path);
    if (status == BL_OK)
        return tokens;
    bl_tokens_free(tokens);
    return NULL;
}

void bl_tokens_free(bl_tokens *tokens)
{
    if (!tokens)
        return;
    bl_context *context = tokens->context;
    bl__unmap(&tokens->file);
    bl__release(&context->allocator, tokens, 1, sizeof(*tokens));
    bl__context_release(context);
}

int64_t bl_tokens_count(const bl_tokens *tokens)
{
    return tokens ? tokens->count : 0;
}

int64_t bl_tokens_vocabulary(const bl_tokens *tokens)
{
    return tokens ? tokens->vocabulary : 0;
}

/* ---- reading ---- */

static int64_t token_at(const bl_tokens *tokens, int64_t index)
{
    return (int64_t)bl__little_endian(tokens->first + index * tokens->bytes, tokens->bytes);
}

/* Copies tokens that are there; `values` NULL: only looks at them. */
static bl_status read_tokens(const bl_tokens *tokens, const char *op, int64_t start, int64_t count,
                             int64_t *values)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t token = token_at(tokens, start + i);
        if (tokens->vocabulary > 0 && token >= tokens->vocabulary)
            return bl__report(tokens->context, NULL, BL_ERR_INDEX, op, NULL,
                              "token %" PRId64 " is %" PRId64 ", not below the vocabulary of %" PRId64,
                              start + i, token, tokens->vocabulary);
        if (values)
            values[i] = token;
    }
    return BL_OK;
}

bl_status bl_tokens_read(const bl_tokens *tokens, int64_t start, int64_t count, int64_t *values)
{
    const char *op = "tokens_read";
    if (!tokens)
        return BL_ERR_ARGUMENT;
    if (start < 0 || count < 0 || start > tokens->count || count > tokens->count - start ||
        (!values && count > 0))
        return bl__report(tokens->context, NULL, BL_ERR_ARGUMENT, op, NULL,
                          "%" PRId64 " tokens from %" PRId64 " on are not among the %" PRId64
                          " of the file, or there is no array for them",
                          count, start, tokens->count);
    return read_tokens(tokens, op, start, count, values);
}

bl_status bl_tokens_check(const bl_tokens *tokens)
{
    return tokens ? read_tokens(tokens, "tokens_check", 0, tokens->count, NULL) : BL_ERR_ARGUMENT;
}

/* ---- batches ---- */

static int64_t stride_of(const bl_sequences *sequences)
{
    return sequences->stride > 0 ? sequences->stride : sequences->length;
}

int64_t bl_sequences_count(const bl_tokens *tokens, const bl_sequences *sequences)
{
    if (!tokens || !sequences || sequences->length < 1 || sequences->stride < 0 ||
        tokens->count <= sequences->length)
        return 0;
    return (tokens->count - 1 - sequences->length) / stride_of(sequences) + 1;
}

bl_status bl_tokens_next(const bl_tokens *tokens, const bl_sequences *sequences, bl_cursor *cursor,
                         int64_t *inputs, int64_t *targets)
{
    const char *op = "tokens_next";
    if (!tokens)
        return BL_ERR_ARGUMENT;
    int64_t count = bl_sequences_count(tokens, sequences);
    if (!cursor || !inputs || count < 1 || sequences->batch < 1 || count < sequences->batch)
        return bl__report(tokens->context, NULL, BL_ERR_ARGUMENT, op, NULL,
                          "the sequences, the cursor or the inputs are NULL, or %" PRId64
                          " sequences make no batch",
                          count);
    bl_cursor after = *cursor;
    int64_t length = sequences->length;
    /* The indices stand at first where the inputs' last `batch` elements are to be: each is read before the
     * row that it asks for, or one before it, is written. */
    int64_t *examples = inputs + sequences->batch * (length - 1);
    if (bl_cursor_next(&after, count, sequences->batch, sequences->order, examples) != BL_OK)
        return bl__report(tokens->context, NULL, BL_ERR_ARGUMENT, op, NULL,
                          "the cursor or the order makes no sense");
    for (int64_t b = 0; b < sequences->batch; b++) {
        int64_t start = examples[b] * stride_of(sequences);
        bl_status status = read_tokens(tokens, op, start, length, inputs + b * length);
        if (status == BL_OK)
            status = read_tokens(tokens, op, start + 1, length, targets ? targets + b * length : NULL);
        if (status != BL_OK)
            return status;
    }
    *cursor = after;
    return BL_OK;
}

/* ---- writing ---- */

static void put(unsigned char *bytes, uint64_t value, int count)
{
    for (int i = 0; i < count; i++)
        bytes[i] = (unsigned char)(value >> 8 * i);
}

static bool write_all(FILE *file, const int64_t *values, int64_t count, int bytes, int64_t vocabulary)
{
    unsigned char head[HEADER], token[4];
    memcpy(head, magic, sizeof(magic));
    put(head + 8, VERSION, 4);
    put(head + 12, (uint64_t)bytes, 4);
    put(head + 16, (uint64_t)vocabulary, 8);
    put(head + 24, (uint64_t)count, 8);
    bool good = fwrite(head, 1, HEADER, file) == HEADER;
    for (int64_t i = 0; i < count && good; i++) {
        put(token, (uint64_t)values[i], bytes);
        good = fwrite(token, 1, (size_t)bytes, file) == (size_t)bytes;
    }
    return good;
}

bl_status bl_tokens_write(bl_context *context, const char *path, const int64_t *values, int64_t count,
                          int64_t vocabulary)
{
    const char *op = "tokens_write";
    int64_t beyond = vocabulary > 0 ? vocabulary : INT64_C(1) << 32, most = 0;
    if (!context)
        return BL_ERR_ARGUMENT;
    if (!path || count < 0 || (!values && count > 0) || vocabulary < 0 || beyond > INT64_C(1) << 32)
        return bl__report(context, NULL, BL_ERR_ARGUMENT, op, NULL,
                          "the path or the tokens are NULL, or a size is out of range");
    for (int64_t i = 0; i < count; i++) {
        if (values[i] < 0 || values[i] >= beyond)
            return bl__report(context, NULL, BL_ERR_INDEX, op, NULL,
                              "token %" PRId64 " is %" PRId64 ", not from 0 to below %" PRId64, i, values[i],
                              beyond);
        most = values[i] > most ? values[i] : most;
    }
    int bytes = (vocabulary > 0 ? vocabulary - 1 : most) < 1 << 16 ? 2 : 4;
    FILE *file = fopen(path, "wb");
    if (!file)
        return bl__report_file(context, op, path, "open", errno);
    errno = 0;
    bool good = write_all(file, values, count, bytes, vocabulary);
    int code = errno;
    if (fclose(file) != 0 && good) {
        good = false;
        code = errno;
    }
    return good ? BL_OK : bl__report_file(context, op, path, "write", code);
}
