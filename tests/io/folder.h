/* A temporary folder for a test's files. */
#ifndef TESTS_IO_FOLDER_H
#define TESTS_IO_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Makes the folder, and removes it with all that is in it. */
void folder_open(void);
void folder_close(void);
/* Removes the files in it: how many there were. */
int folder_clear(void);

/* The path of a name in it; good until the folder is closed. */
const char *folder_path(const char *name);

/* Writes a file, and reads one whole into memory that the caller frees. */
void folder_write(const char *path, const void *bytes, size_t size);
unsigned char *folder_read(const char *path, size_t *size);

/* Whether exactly the named files are in the folder; the list ends with NULL. */
bool folder_has_only(const char *name, ...);
#define folder_expect_only(...) cr_expect(folder_has_only(__VA_ARGS__), "other files are there")

#endif
