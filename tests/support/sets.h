/* The instruction set that the tests run on: BOWLINE_ISA names another than the best, "avx2" for one. */
#ifndef SUPPORT_SETS_H
#define SUPPORT_SETS_H

#include "bowline/context.h"

/* BL_ISA_DEFAULT where BOWLINE_ISA is not set; BL_ISA_COUNT, which no context takes, for a name that is none.
 */
bl_instruction_set wanted_set(void);

#endif
