/* Ctrl-C: the first asks the work to stop where it can go on later, the second ends the program at once. */
#ifndef LANGUAGE_MODEL_INTERRUPT_H
#define LANGUAGE_MODEL_INTERRUPT_H

#include <stdbool.h>

/* From now on SIGINT and SIGTERM are noted. */
void interrupt_watch(void);

/* Whether one has come. */
bool interrupted(void);

#endif
