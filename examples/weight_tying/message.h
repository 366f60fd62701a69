/* What the user is told on stderr: one line each, beginning with the program's name. */
#ifndef WEIGHT_TYING_MESSAGE_H
#define WEIGHT_TYING_MESSAGE_H

#include <bowline/bowline.h>

#if defined(__GNUC__)
#define FORMATTED __attribute__((format(printf, 1, 2)))
#else
#define FORMATTED
#endif

/* Prints "weight_tying: ..." as one line. */
void complain(const char *format, ...) FORMATTED;

/* Prints the last error of the library; `doing` says in a few words what the program was about. */
void complain_of_library(const bl_context *context, const char *doing);

#endif
