/* Zip files, as far as NumPy's .npz are: members that are stored or deflated, with sizes of 64 bits where
 * they need them. */
#include "io/npy.h"

#if BL__ZLIB

#include "graph/table.h"
#include "graph/text.h"
#include "io/atomic_file.h"
#include "io/json.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

#define LOCAL_MARK     0x04034b50u
#define ENTRY_MARK     0x02014b50u
#define END_MARK       0x06054b50u
#define END64_MARK     0x06064b50u
#define LOCATOR64_MARK 0x07064b50u

enum {
    LOCAL_SIZE = 30,
    ENTRY_SIZE = 46,
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR64_SIZE = 20,
    LONGEST_COMMENT = 65535,
    STORED = 0,
    DEFLATED = 8,
    MOST_RATIO = 1032, /* deflate makes no more bytes than so many out of one */
    LONGEST_NAME = 4096,
    UTF8_NAMES = 1 << 11,
    ENCRYPTED = 1,
    VERSION_64 = 45,  /* of the format, with sizes of 64 bits */
    DATE = 1 << 5 | 1 /* 1980-01-01, so that the same arrays give the same bytes */
};

/* ---- numbers, little-endian ---- */

static uint64_t number(const unsigned char *bytes, int size)
{
    uint64_t value = 0;
    while (size-- > 0)
        value = value << 8 | bytes[size];
    return value;
}

static void put(bl__buffer *out, uint64_t value, int size)
{
    char bytes[8];
    for (int i = 0; i < size; i++)
        bytes[i] = (char)(unsigned char)(value >> 8 * i);
    bl__buffer_add(out, bytes, (size_t)size);
}

/* ---- zlib with the context's memory ---- */

/* What stands before a block, to know its size when it comes back. */
typedef union block_head {
    size_t bytes;
    max_align_t align;
} block_head;

static voidpf allocate_block(voidpf user, uInt count, uInt size)
{
    size_t bytes;
    if (!bl__multiply_size(count, size, &bytes) || bytes > SIZE_MAX - sizeof(block_head))
        return Z_NULL;
    block_head *head = bl__allocate(user, bytes + sizeof(*head), 1);
    if (!head)
        return Z_NULL;
    head->bytes = bytes + sizeof(*head);
    return head + 1;
}

static void release_block(voidpf user, voidpf block)
{
    block_head *head = (block_head *)block - 1;
    bl__release(user, head, head->bytes, 1);
}

static z_stream new_stream(const bl_allocator *allocator)
{
    z_stream stream = {.zalloc = allocate_block, .zfree = release_block, .opaque = (voidpf)allocator};
    return stream;
}

static uint32_t checksum(uint32_t sum, const unsigned char *bytes, size_t size)
{
    return size > 0 ? (uint32_t)crc32_z(sum, bytes, size) : sum;
}

/* As much of a length as zlib counts at once. */
static uInt piece(size_t length)
{
    return length < (1u << 30) ? (uInt)length : 1u << 30;
}

/* ---- reading ---- */

typedef struct zip {
    const bl__caller *caller;
    const char *path;
    const unsigned char *bytes;
    size_t size;
    uint64_t directory, directory_size, count;
} zip;

typedef struct member {
    char name[LONGEST_NAME + 1];
    unsigned flags, method;
    uint32_t sum;
    uint64_t packed, size, local; /* bytes in the file, bytes of content, and where it begins */
} member;

static bl_status malformed(const zip *z, const char *problem)
{
    return bl__caller_fail(z->caller, BL_ERR_FORMAT, "%s: %s", bl__path_end(z->path), problem);
}

/* Whether `length` bytes at `at` are in the file. */
static bool inside(const zip *z, uint64_t at, uint64_t length)
{
    return at <= z->size && length <= z->size - at;
}

/* Finds the directory by the record at the file's end. */
static bl_status find_directory(zip *z)
{
    size_t at = z->size < END_SIZE ? 0 : z->size - END_SIZE, tried = 0;
    while (z->size >= END_SIZE && at > 0 && tried <= LONGEST_COMMENT &&
           (number(z->bytes + at, 4) != END_MARK || number(z->bytes + at + 20, 2) != tried)) {
        at--;
        tried++;
    }
    if (z->size < END_SIZE || number(z->bytes + at, 4) != END_MARK)
        return malformed(z, "the end of a zip file is missing");
    const unsigned char *end = z->bytes + at;
    z->count = number(end + 10, 2);
    z->directory_size = number(end + 12, 4);
    z->directory = number(end + 16, 4);
    if (at >= LOCATOR64_SIZE && number(end - LOCATOR64_SIZE, 4) == LOCATOR64_MARK) {
        uint64_t place = number(end - LOCATOR64_SIZE + 8, 8);
        if (!inside(z, place, END64_SIZE) || number(z->bytes + place, 4) != END64_MARK)
            return malformed(z, "the end of a large zip file is missing");
        z->count = number(z->bytes + place + 32, 8);
        z->directory_size = number(z->bytes + place + 40, 8);
        z->directory = number(z->bytes + place + 48, 8);
    }
    if (!inside(z, z->directory, z->directory_size) || z->count > z->directory_size / ENTRY_SIZE)
        return malformed(z, "the zip file's directory does not lie in the file");
    return BL_OK;
}

/* Takes the sizes of 64 bits that stand in an entry's extra fields for those that are all ones. */
static bool take_large(member *m, const unsigned char *extra, size_t length)
{
    uint64_t *wanted[3] = {&m->size, &m->packed, &m->local};
    while (length >= 4) {
        size_t field = number(extra + 2, 2);
        bool large = number(extra, 2) == 1;
        extra += 4;
        length -= 4;
        if (field > length)
            return false;
        for (int i = 0, at = 0; large && i < 3; i++) {
            if (*wanted[i] != UINT32_MAX)
                continue;
            if ((size_t)at + 8 > field)
                return false;
            *wanted[i] = number(extra + at, 8);
            at += 8;
        }
        extra += field;
        length -= field;
    }
    return true;
}

/* Reads the directory's entry at *at and moves behind it. */
static bl_status take_entry(const zip *z, uint64_t *at, member *m)
{
    uint64_t end = z->directory + z->directory_size;
    const unsigned char *entry = z->bytes + *at;
    if (end - *at < ENTRY_SIZE || number(entry, 4) != ENTRY_MARK)
        return malformed(z, "an entry of the zip file's directory is damaged");
    size_t name = number(entry + 28, 2), extra = number(entry + 30, 2), comment = number(entry + 32, 2);
    if (end - *at - ENTRY_SIZE < name + extra + comment)
        return malformed(z, "an entry of the zip file's directory is cut off");
    if (name == 0 || name > LONGEST_NAME || memchr(entry + ENTRY_SIZE, 0, name))
        return malformed(z, "a member's name is empty, too long or holds a zero");
    memcpy(m->name, entry + ENTRY_SIZE, name);
    m->name[name] = '\0';
    m->flags = (unsigned)number(entry + 8, 2);
    m->method = (unsigned)number(entry + 10, 2);
    m->sum = (uint32_t)number(entry + 16, 4);
    m->packed = number(entry + 20, 4);
    m->size = number(entry + 24, 4);
    m->local = number(entry + 42, 4);
    if (!take_large(m, entry + ENTRY_SIZE + name, extra))
        return malformed(z, "the large sizes of a member are damaged");
    *at += ENTRY_SIZE + name + extra + comment;
    return BL_OK;
}

/* The packed bytes of a member; NULL with what is wrong reported. */
static const unsigned char *packed_bytes(const zip *z, const member *m)
{
    uint64_t data = m->local + LOCAL_SIZE;
    bool good = inside(z, m->local, LOCAL_SIZE) && number(z->bytes + m->local, 4) == LOCAL_MARK;
    if (good)
        data += number(z->bytes + m->local + 26, 2) + number(z->bytes + m->local + 28, 2);
    if (good && inside(z, data, m->packed))
        return z->bytes + data;
    bl__caller_fail(z->caller, BL_ERR_FORMAT, "%s: %.96s does not lie in the file", bl__path_end(z->path),
                    m->name);
    return NULL;
}

/* Inflates a member into room of its size: whether it is deflated, and as long as it should be. */
static int inflate_member(const bl_allocator *allocator, const member *m, const unsigned char *in,
                          unsigned char *out)
{
    z_stream stream = new_stream(allocator);
    uint64_t taken = 0, made = 0;
    int result = inflateInit2(&stream, -MAX_WBITS);
    if (result != Z_OK)
        return result;
    while (result == Z_OK) {
        stream.next_in = (Bytef *)(in + taken);
        stream.avail_in = piece(m->packed - taken);
        stream.next_out = out + made;
        stream.avail_out = piece(m->size - made);
        uInt before_in = stream.avail_in, before_out = stream.avail_out;
        result = inflate(&stream, Z_NO_FLUSH);
        taken += before_in - stream.avail_in;
        made += before_out - stream.avail_out;
    }
    inflateEnd(&stream);
    return result == Z_STREAM_END && (taken != m->packed || made != m->size) ? Z_DATA_ERROR : result;
}

/* Checks the content of a member and makes an array of it. */
static bl_status parse_content(const zip *z, const member *m, const unsigned char *content, bl__array *array)
{
    char what[320];
    const char *slash = strrchr(z->path, '/');
    bl__text_add(&(bl__text){what, sizeof(what), 0}, "%.100s: %.96s", slash ? slash + 1 : z->path, m->name);
    if (checksum(0, content, m->size) != m->sum)
        return bl__caller_fail(z->caller, BL_ERR_FORMAT, "%s: the checksum is wrong", bl__path_end(what));
    return bl__npy_parse(z->caller, what, content, m->size, array);
}

/* Inflates a member and makes an array of it. */
static bl_status parse_deflated(const zip *z, const member *m, const unsigned char *in, bl__array *array)
{
    const bl_allocator *allocator = &z->caller->context->allocator;
    if (m->packed < m->size / MOST_RATIO)
        return bl__caller_fail(z->caller, BL_ERR_FORMAT, "%s: %.96s cannot have as many bytes as it says",
                               bl__path_end(z->path), m->name);
    unsigned char *content = bl__allocate_data(allocator, m->size);
    int result = content ? inflate_member(allocator, m, in, content) : Z_MEM_ERROR;
    bl_status status;
    if (result == Z_STREAM_END)
        status = parse_content(z, m, content, array);
    else if (result == Z_MEM_ERROR && m->size > 0)
        status = bl__caller_fail(z->caller, BL_ERR_MEMORY, "no memory to read %.96s of %s", m->name,
                                 bl__path_end(z->path));
    else
        status =
            bl__caller_fail(z->caller, BL_ERR_FORMAT, "%s: %.96s is damaged", bl__path_end(z->path), m->name);
    bl__release_data(allocator, content, m->size);
    return status;
}

static bl_status parse_member(const zip *z, const member *m, bl__array *array)
{
    if (m->flags & ENCRYPTED)
        return bl__caller_fail(z->caller, BL_ERR_UNSUPPORTED, "%s: %.96s is encrypted", bl__path_end(z->path),
                               m->name);
    if (m->method != STORED && m->method != DEFLATED)
        return bl__caller_fail(z->caller, BL_ERR_UNSUPPORTED,
                               "%s: %.96s is compressed by method %u, which is not supported",
                               bl__path_end(z->path), m->name, m->method);
    const unsigned char *in = packed_bytes(z, m);
    if (!in)
        return z->caller->context->error.code;
    if (m->method == DEFLATED)
        return parse_deflated(z, m, in, array);
    if (m->packed != m->size)
        return bl__caller_fail(z->caller, BL_ERR_FORMAT,
                               "%s: %.96s is stored, but in other bytes than its own", bl__path_end(z->path),
                               m->name);
    return parse_content(z, m, in, array);
}

/* Adds a member to the arrays, under its name without .npy. */
static bl_status add_member(const zip *z, const member *m, bl_arrays *arrays)
{
    const bl_allocator *allocator = &z->caller->context->allocator;
    size_t length = strlen(m->name), stem = length >= 4 ? length - 4 : 0;
    if (length < 4 || strcmp(m->name + stem, ".npy") != 0)
        return BL_OK;
    if (arrays->count == arrays->capacity &&
        !bl__grow(allocator, &arrays->items, &arrays->capacity, sizeof(*arrays->items)))
        return bl__caller_fail(z->caller, BL_ERR_MEMORY, "no memory to read %s", bl__path_end(z->path));
    bl__array *array = &arrays->items[arrays->count];
    bl_status status = parse_member(z, m, array);
    if (status != BL_OK)
        return status;
    arrays->count++;
    array->name_size = stem + 1;
    array->name = bl__allocate(allocator, array->name_size, 1);
    if (!array->name)
        return bl__caller_fail(z->caller, BL_ERR_MEMORY, "no memory to read %s", bl__path_end(z->path));
    memcpy(array->name, m->name, stem);
    array->tensor.name = array->name;
    for (size_t i = 0; i + 1 < arrays->count; i++) {
        if (strcmp(arrays->items[i].name, array->name) == 0)
            return bl__caller_fail(z->caller, BL_ERR_FORMAT, "%s: %.96s is there twice",
                                   bl__path_end(z->path), m->name);
    }
    return BL_OK;
}

bl_status bl__npz_parse(const bl__caller *caller, const char *path, const unsigned char *bytes, size_t size,
                        bl_arrays *arrays)
{
    zip z = {.caller = caller, .path = path, .bytes = bytes, .size = size};
    member m;
    bl_status status = find_directory(&z);
    uint64_t at = z.directory;
    for (uint64_t i = 0; i < z.count && status == BL_OK; i++) {
        status = take_entry(&z, &at, &m);
        if (status == BL_OK)
            status = add_member(&z, &m, arrays);
    }
    return status;
}

/* ---- writing ---- */

/* A file in the making. */
typedef struct archive {
    const bl__caller *caller;
    bl__atomic_file file;
    bl__buffer directory;
    uint64_t count;
    bool compress;
} archive;

/* What an array becomes: header and values, deflated where that is asked for. */
typedef struct content {
    char header[BL__NPY_MOST];
    size_t header_length;
    const bl_stored_tensor *array;
    uint32_t sum;
    uint64_t size;
    unsigned char *packed; /* NULL when it is stored as it is */
    size_t packed_room;
    uint64_t packed_size;
} content;

/* Deflates one stretch after another; `last` ends the stream. */
static int deflate_part(z_stream *stream, content *c, const unsigned char *in, size_t length, bool last)
{
    int result = Z_OK;
    for (size_t done = 0; result == Z_OK && (done < length || last);) {
        uInt part = piece(length - done);
        stream->next_in = (Bytef *)(in + done);
        stream->avail_in = part;
        stream->next_out = c->packed + c->packed_size;
        stream->avail_out = piece(c->packed_room - c->packed_size);
        uInt room = stream->avail_out;
        result = deflate(stream, last && done + part == length ? Z_FINISH : Z_NO_FLUSH);
        done += part - stream->avail_in;
        c->packed_size += room - stream->avail_out;
    }
    return result;
}

/* Fills c->packed; false without memory. */
static bool deflate_content(const bl_allocator *allocator, content *c)
{
    z_stream stream = new_stream(allocator);
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    c->packed_room = deflateBound(&stream, (uLong)c->size) + 64;
    c->packed = bl__allocate_data(allocator, c->packed_room);
    int result = c->packed
                     ? deflate_part(&stream, c, (const unsigned char *)c->header, c->header_length, false)
                     : Z_MEM_ERROR;
    if (result == Z_OK)
        result = deflate_part(&stream, c, c->array->data, (size_t)c->size - c->header_length, true);
    deflateEnd(&stream);
    return result == Z_STREAM_END;
}

/* The fields that a member's local header and its entry in the directory share. */
static void put_common(bl__buffer *out, const archive *a, const content *c, size_t name_length, bool large,
                       int extra)
{
    put(out, large ? VERSION_64 : 20, 2);
    put(out, UTF8_NAMES, 2);
    put(out, a->compress ? DEFLATED : STORED, 2);
    put(out, 0, 2);
    put(out, DATE, 2);
    put(out, c->sum, 4);
    put(out, large ? UINT32_MAX : c->packed_size, 4);
    put(out, large ? UINT32_MAX : c->size, 4);
    put(out, name_length + 4, 2);
    put(out, (uint64_t)extra, 2);
}

static void put_name(bl__buffer *out, const char *name)
{
    bl__buffer_add(out, name, strlen(name));
    bl__buffer_add(out, ".npy", 4);
}

/* Writes a member and notes it in the directory. */
static void write_member(archive *a, const content *c)
{
    bl__buffer local = {.allocator = a->directory.allocator};
    const char *name = c->array->name;
    uint64_t place = a->file.written;
    bool large = c->size >= UINT32_MAX || c->packed_size >= UINT32_MAX, far = place >= UINT32_MAX;
    put(&local, LOCAL_MARK, 4);
    put_common(&local, a, c, strlen(name), large, large ? 20 : 0);
    put_name(&local, name);
    if (large) {
        put(&local, 1, 2);
        put(&local, 16, 2);
        put(&local, c->size, 8);
        put(&local, c->packed_size, 8);
    }
    bl__buffer *entry = &a->directory;
    int fields = 16 * large + 8 * far;
    put(entry, ENTRY_MARK, 4);
    put(entry, VERSION_64, 2);
    put_common(entry, a, c, strlen(name), large, fields ? fields + 4 : 0);
    put(entry, 0, 2 + 2 + 2); /* comment, disk, kind */
    put(entry, 0, 4);
    put(entry, far ? UINT32_MAX : place, 4);
    put_name(entry, name);
    if (fields) {
        put(entry, 1, 2);
        put(entry, (uint64_t)fields, 2);
        put(entry, c->size, 8 * large);
        put(entry, c->packed_size, 8 * large);
        put(entry, place, 8 * far);
    }
    if (local.failed || entry->failed) {
        a->file.status = bl__caller_fail(a->caller, BL_ERR_MEMORY, "no memory to write %.96s", name);
    } else {
        bl__atomic_write(&a->file, local.data, local.length);
        if (c->packed)
            bl__atomic_write(&a->file, c->packed, c->packed_size);
        else
            bl__atomic_write(&a->file, c->header, c->header_length);
        if (!c->packed)
            bl__atomic_write(&a->file, c->array->data, (size_t)c->size - c->header_length);
    }
    bl__buffer_free(&local);
    a->count++;
}

static void write_array(archive *a, const bl_stored_tensor *array)
{
    const bl_allocator *allocator = a->directory.allocator;
    content c = {.array = array};
    size_t bytes = bl_stored_bytes(array);
    c.header_length = bl__npy_header(a->caller, array, c.header);
    c.size = c.packed_size = c.header_length + bytes;
    c.sum = checksum(checksum(0, (const unsigned char *)c.header, c.header_length), array->data, bytes);
    if (a->compress) {
        c.packed_size = 0;
        if (!deflate_content(allocator, &c))
            a->file.status =
                bl__caller_fail(a->caller, BL_ERR_MEMORY, "no memory to compress %.96s", array->name);
    }
    if (a->file.status == BL_OK)
        write_member(a, &c);
    bl__release_data(allocator, c.packed, c.packed_room);
}

/* The directory and the records at the end. */
static void write_directory(archive *a)
{
    bl__buffer *d = &a->directory;
    uint64_t place = a->file.written, size = d->length;
    bool large = a->count >= UINT16_MAX || place >= UINT32_MAX || size >= UINT32_MAX;
    if (large) {
        put(d, END64_MARK, 4);
        put(d, END64_SIZE - 12, 8);
        put(d, VERSION_64, 2);
        put(d, VERSION_64, 2);
        put(d, 0, 8);
        put(d, a->count, 8);
        put(d, a->count, 8);
        put(d, size, 8);
        put(d, place, 8);
        put(d, LOCATOR64_MARK, 4);
        put(d, 0, 4);
        put(d, place + size, 8);
        put(d, 1, 4);
    }
    put(d, END_MARK, 4);
    put(d, 0, 4);
    put(d, large ? UINT16_MAX : a->count, 2);
    put(d, large ? UINT16_MAX : a->count, 2);
    put(d, large ? UINT32_MAX : size, 4);
    put(d, large ? UINT32_MAX : place, 4);
    put(d, 0, 2);
    if (d->failed && a->file.status == BL_OK)
        a->file.status =
            bl__caller_fail(a->caller, BL_ERR_MEMORY, "no memory for the directory of %llu arrays",
                            (unsigned long long)a->count);
    bl__atomic_write(&a->file, d->data, d->length);
}

/* Whether all arrays can be written, under names of their own. */
static bl_status check_arrays(const bl__caller *caller, const bl_stored_tensor *arrays, size_t count)
{
    char header[BL__NPY_MOST];
    bl__table names;
    bl__table_init(&names, &caller->context->allocator);
    bl_status status = BL_OK;
    for (size_t i = 0; i < count && status == BL_OK; i++) {
        const char *name = arrays[i].name;
        size_t length = name ? strlen(name) : 0;
        if (length == 0 || length > LONGEST_NAME - 4)
            status =
                bl__caller_fail(caller, BL_ERR_ARGUMENT, "the name of an array is NULL, empty or too long");
        else if (!bl__json_utf8(name))
            status = bl__caller_fail(caller, BL_ERR_ARGUMENT, "the name %.96s is not UTF-8", name);
        else if (bl__table_find(&names, name, length))
            status = bl__caller_fail(caller, BL_ERR_ARGUMENT, "the name %.96s is given twice", name);
        else if (!bl__table_insert(&names, name, length, (void *)name))
            status = bl__caller_fail(caller, BL_ERR_MEMORY, "no memory for the names of %zu arrays", count);
        else if (bl__npy_header(caller, &arrays[i], header) == 0)
            status = caller->context->error.code;
    }
    bl__table_free(&names);
    return status;
}

static bl_status write_archive(const bl__caller *caller, const char *path, const bl_stored_tensor *arrays,
                               size_t count, bool compress)
{
    archive a = {
        .caller = caller, .directory = {.allocator = &caller->context->allocator}, .compress = compress};
    bl_status status = check_arrays(caller, arrays, count);
    if (status != BL_OK || bl__atomic_open(&a.file, caller, path) != BL_OK)
        return status != BL_OK ? status : a.file.status;
    for (size_t i = 0; i < count && a.file.status == BL_OK; i++)
        write_array(&a, &arrays[i]);
    write_directory(&a);
    status = bl__atomic_commit(&a.file);
    bl__buffer_free(&a.directory);
    return status;
}

#else

bl_status bl__npz_parse(const bl__caller *caller, const char *path, const unsigned char *bytes, size_t size,
                        bl_arrays *arrays)
{
    (void)bytes, (void)size, (void)arrays;
    return bl__caller_fail(caller, BL_ERR_UNSUPPORTED,
                           "%s: the library was built without zlib: install zlib1g-dev and build it again",
                           bl__path_end(path));
}

static bl_status write_archive(const bl__caller *caller, const char *path, const bl_stored_tensor *arrays,
                               size_t count, bool compress)
{
    (void)arrays, (void)count, (void)compress;
    return bl__npz_parse(caller, path, NULL, 0, NULL);
}

#endif

bl_status bl_npz_write(bl_context *context, const char *path, const bl_stored_tensor *arrays, size_t count,
                       bool compress)
{
    bl__caller caller = {context, NULL, "npz_write"};
    if (!context)
        return BL_ERR_ARGUMENT;
    if (!path || !path[0] || (!arrays && count > 0))
        return bl__caller_fail(&caller, BL_ERR_ARGUMENT, "the path is NULL or empty, or the arrays are NULL");
    return write_archive(&caller, path, arrays, count, compress);
}
