/* Ctrl-C. The handler belongs to the program: the library leaves signals alone. */
#define _POSIX_C_SOURCE 200809L
#include "interrupt.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t came; /* a handler has no other place */

static void note(int signal_number)
{
    static const char told[] = "\nlanguage_model: saving; once more stops at once\n";
    (void)signal_number;
    came = 1;
    ssize_t written = write(STDERR_FILENO, told, sizeof told - 1);
    (void)written;
}

/* The handler goes after the first signal, so that the second does what it always does. */
void interrupt_watch(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note;
    action.sa_flags = SA_RESTART | (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void)
{
    return came != 0;
}
