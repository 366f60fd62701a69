/* Private. What builders that give gradients return after an error. */
#ifndef BOWLINE_OPTIM_GRADIENTS_H
#define BOWLINE_OPTIM_GRADIENTS_H

#include "bowline/gradients.h"

/* One gradient that is invalid, for no parameter, so that what is made from it is invalid too. */
bl_gradients bl__no_gradients(bl_graph *graph);

#endif
