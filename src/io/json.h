/* Private. JSON by the member: objects are walked here and each key and value is handed to Jansson, so that
 * its tree of a large file never stands in memory. */
#ifndef BOWLINE_IO_JSON_H
#define BOWLINE_IO_JSON_H

#include "io/caller.h"

#include <jansson.h>

/* A walk through a text. After a failure every call says that nothing follows. */
typedef struct bl__json {
    const bl__caller *caller;
    const char *path; /* for messages */
    const char *text;
    size_t size;
    size_t at;
    bl_status status; /* BL_OK until something is wrong, which is reported then */
} bl__json;

enum {
    BL__JSON_ANY_LENGTH = 0
};

/* Enters the object that begins here; false when none does. */
bool bl__json_enter(bl__json *json);
/* Goes to the next member of the object and takes its key; NULL at the end of the object, which is left, and
 * after a failure. *first is true before the first and kept by the caller. The key, a string, is the
 * caller's reference. */
json_t *bl__json_key(bl__json *json, bool *first);
/* Takes the value that begins here, of at most `limit` bytes of text unless that is BL__JSON_ANY_LENGTH;
 * `name` is the member's, for messages. NULL after a failure. */
json_t *bl__json_value(bl__json *json, const char *name, size_t limit);
/* Whether an object begins here. */
bool bl__json_at_object(bl__json *json);
/* Sees that nothing but white space is left. */
void bl__json_end(bl__json *json);
/* Reports "PATH: TEXT" as BL_ERR_FORMAT, unless something was reported before. */
void bl__json_fail(bl__json *json, const char *format, ...) BL_PRINTF(2, 3);

/* Text that grows. After a failure, which is one of memory, it stays as it is. */
typedef struct bl__buffer {
    const bl_allocator *allocator;
    char *data;
    size_t length;
    size_t capacity;
    bool failed;
} bl__buffer;

void bl__buffer_add(bl__buffer *buffer, const char *data, size_t length);
void bl__buffer_format(bl__buffer *buffer, const char *format, ...) BL_PRINTF(2, 3);
/* Adds a JSON string; false, and nothing added, when the text is no UTF-8. */
bool bl__buffer_string(bl__buffer *buffer, const char *text);
void bl__buffer_free(bl__buffer *buffer);

#endif
