/* Pictures of the curves of runs, drawn by gnuplot where it is installed. */
#ifndef LANGUAGE_MODEL_PICTURES_H
#define LANGUAGE_MODEL_PICTURES_H

#include "model.h"

/* A run whose curve is drawn. */
typedef struct curve {
    tying how;
    uint64_t seed;
} curve;

/* Whether pictures were drawn. A gnuplot that is not installed is told on stderr and is no failure. */
typedef enum drawn {
    DRAWN,
    DRAWN_NOT,
    DRAWN_FAILED /* a line on stderr says why */
} drawn;

/* loss.png, the loss of training, and perplexity.png, that of validation, both over the tokens learned from,
 * with a line for each run in the colour of its model; beside them curves.gnuplot, which holds the numbers
 * too. */
drawn draw_curves(const char *out, const curve *curves, int count);

#endif
