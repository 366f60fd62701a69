/* What the user is told on stderr: one line each, beginning with the program's name. */
#ifndef LANGUAGE_MODEL_MESSAGE_H
#define LANGUAGE_MODEL_MESSAGE_H

#include <bowline/bowline.h>

#include <stdbool.h>

#if defined(__GNUC__)
#define FORMATTED __attribute__((format(printf, 1, 2)))
#else
#define FORMATTED
#endif

/* Prints "language_model: ..." as one line. Returns false, for a caller to pass on. */
bool complain(const char *format, ...) FORMATTED;

/* complain("out of memory"). */
bool complain_of_memory(void);

/* Prints the last error of the library; `doing` says in a few words what the program was about. */
bool complain_of_library(const bl_context *context, const char *doing);

#endif
