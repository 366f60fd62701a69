/* Ops: normalisation.
 * What ops.h says of all ops holds for all of them. */
#ifndef BOWLINE_NORMALIZATION_H
#define BOWLINE_NORMALIZATION_H

#include "parameters.h"

BL_BEGIN_DECLS

typedef struct bl_normalize_options {
    double p;   /* the order of the norm, >= 1 or infinite; default 2 */
    double eps; /* the least norm; default 1e-12 */
} bl_normalize_options;

/* The defaults named above. Returns: the options. Errors: none. Ownership: a value. Threads: any. */
BL_API bl_normalize_options bl_normalize_defaults(void);
/* x / max(|x|, eps), |x| its length along an axis. Reals; a row of zeros has a finite gradient. PyTorch:
 * torch.nn.functional.normalize. */
BL_API bl_tensor *bl_normalize(bl_tensor *x, int axis);
/* bl_normalize with options; NULL: the defaults. PyTorch: torch.nn.functional.normalize. */
BL_API bl_tensor *bl_normalize_with(bl_tensor *x, int axis, const bl_normalize_options *options);

BL_END_DECLS

#endif
