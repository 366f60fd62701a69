/* Files for tests, in a folder that goes with them. */
#ifndef TESTS_DATA_FILES_H
#define TESTS_DATA_FILES_H

#include <stddef.h>

/* Fixtures: a new temporary folder besides what open_all opens, and its removal with all that is in it. */
void open_folder(void);
void close_folder(void);

/* The path of a name in the folder; good until the eighth call from now. */
const char *path_of(const char *name);
/* Writes a file there and returns its path. */
const char *write_file(const char *name, const void *bytes, size_t size);

#endif
