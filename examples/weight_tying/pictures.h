/* Pictures of the files of a run, drawn by gnuplot and Graphviz where these are installed. */
#ifndef WEIGHT_TYING_PICTURES_H
#define WEIGHT_TYING_PICTURES_H

#include "options.h"

/* Whether a picture was drawn. A program that is not installed is told on stderr and is no failure. */
typedef enum drawn {
    DRAWN,
    DRAWN_NOT,   /* the program is missing, or there is nothing to draw */
    DRAWN_FAILED /* a line on stderr says why */
} drawn;

/* loss.png from loss.csv, by gnuplot, whose script stays beside it as loss.gnuplot. */
drawn draw_losses(const options *asked);

/* graph.svg from graph.dot. */
drawn draw_graph(const options *asked);

#endif
