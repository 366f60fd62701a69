/* JSON by the member, and JSON strings. */
#include "io/json.h"
#include "graph/text.h"

#include <stdio.h>
#include <string.h>

enum {
    LONGEST_NAME = 1 << 14 /* bytes of a key as it is written */
};

/* ---- reading ---- */

void bl__json_fail(bl__json *json, const char *format, ...)
{
    char text[240];
    if (json->status != BL_OK)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    json->status = bl__caller_fail(json->caller, BL_ERR_FORMAT, "%s: %s", bl__path_end(json->path), text);
}

static void skip_space(bl__json *json)
{
    while (json->at < json->size && json->text[json->at] != '\0' && strchr(" \t\r\n", json->text[json->at]))
        json->at++;
}

/* Takes one character if it is the next one. */
static bool take(bl__json *json, char wanted)
{
    skip_space(json);
    if (json->status != BL_OK || json->at == json->size || json->text[json->at] != wanted)
        return false;
    json->at++;
    return true;
}

bool bl__json_enter(bl__json *json)
{
    if (take(json, '{'))
        return true;
    bl__json_fail(json, "an object should begin at byte %zu of the JSON text", json->at);
    return false;
}

bool bl__json_at_object(bl__json *json)
{
    skip_space(json);
    return json->at < json->size && json->text[json->at] == '{';
}

/* Parses one value of at most `limit` bytes. `what` is for messages. */
static json_t *parse(bl__json *json, const char *what, size_t limit)
{
    json_error_t error;
    if (json->status != BL_OK)
        return NULL;
    skip_space(json);
    size_t left = json->size - json->at;
    bool cut = limit != BL__JSON_ANY_LENGTH && left > limit;
    json_t *value = json_loadb(json->text + json->at, cut ? limit : left,
                               JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
    if (value) {
        json->at += (size_t)error.position;
        return value;
    }
    if (json_error_code(&error) == json_error_out_of_memory)
        json->status = bl__caller_fail(json->caller, BL_ERR_MEMORY, "no memory to read %s of %s", what,
                                       bl__path_end(json->path));
    else if (cut && (size_t)error.position >= limit)
        bl__json_fail(json, "%s is longer than %zu bytes", what, limit);
    else
        bl__json_fail(json, "%s is no valid JSON at byte %zu: %s", what,
                      json->at + (size_t)(error.position > 0 ? error.position : 0), error.text);
    return NULL;
}

json_t *bl__json_key(bl__json *json, bool *first)
{
    if (take(json, '}') || json->status != BL_OK)
        return NULL;
    if (!*first && !take(json, ',')) {
        bl__json_fail(json, "a comma or the object's end should stand at byte %zu of the JSON text",
                      json->at);
        return NULL;
    }
    *first = false;
    skip_space(json);
    if (json->at == json->size || json->text[json->at] != '"') {
        bl__json_fail(json, "a name should begin at byte %zu of the JSON text", json->at);
        return NULL;
    }
    json_t *key = parse(json, "a name", LONGEST_NAME);
    if (key && !take(json, ':')) {
        bl__json_fail(json, "%s: a colon should follow the name", json_string_value(key));
        json_decref(key);
        return NULL;
    }
    return key;
}

json_t *bl__json_value(bl__json *json, const char *name, size_t limit)
{
    return parse(json, name, limit);
}

void bl__json_end(bl__json *json)
{
    skip_space(json);
    if (json->at < json->size)
        bl__json_fail(json, "something follows the JSON text at its byte %zu", json->at);
}

/* ---- writing ---- */

void bl__buffer_add(bl__buffer *buffer, const char *data, size_t length)
{
    while (!buffer->failed && buffer->capacity - buffer->length < length)
        buffer->failed = !bl__grow(buffer->allocator, &buffer->data, &buffer->capacity, 1);
    if (buffer->failed || length == 0)
        return;
    memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
}

void bl__buffer_format(bl__buffer *buffer, const char *format, ...)
{
    char text[512]; /* more than anything asks for */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    bl__buffer_add(buffer, text, (size_t)length);
}

static int add_piece(const char *data, size_t length, void *user)
{
    bl__buffer *buffer = user;
    bl__buffer_add(buffer, data, length);
    return buffer->failed ? -1 : 0;
}

/* Whether text is UTF-8; json_string does not tell that from lack of memory. */
static bool utf8(const char *text)
{
    json_error_t error;
    json_t *packed = json_pack_ex(&error, 0, "s", text);
    json_decref(packed);
    return packed || json_error_code(&error) != json_error_invalid_utf8;
}

bool bl__buffer_string(bl__buffer *buffer, const char *text)
{
    json_t *string = json_string(text);
    if (!string && !utf8(text))
        return false;
    if (!string || json_dump_callback(string, add_piece, buffer, JSON_ENCODE_ANY) != 0)
        buffer->failed = true;
    json_decref(string);
    return true;
}

void bl__buffer_free(bl__buffer *buffer)
{
    bl__release(buffer->allocator, buffer->data, buffer->capacity, 1);
    buffer->data = NULL;
    buffer->length = buffer->capacity = 0;
}
