/* Bowline: reverse-mode automatic differentiation in C. This header includes them all. */
#ifndef BOWLINE_BOWLINE_H
#define BOWLINE_BOWLINE_H

#include "accumulator.h"
#include "check.h"
#include "checkpoint.h"
#include "context.h"
#include "data.h"
#include "draw.h"
#include "ema.h"
#include "error.h"
#include "export.h"
#include "grad.h"
#include "gradcheck.h"
#include "gradients.h"
#include "graph.h"
#include "loss_scaler.h"
#include "op.h"
#include "opcheck.h"
#include "ops.h"
#include "optimizer.h"
#include "optimizer_rule.h"
#include "optimizers.h"
#include "parameters.h"
#include "profile.h"
#include "program.h"
#include "random.h"
#include "recurrent.h"
#include "schedule.h"
#include "tensor.h"
#include "tensor_file.h"
#include "training_state.h"
#include "transform.h"
#include "version.h"

#include "locations.h" /* last: it wraps the builders declared above */

#endif
