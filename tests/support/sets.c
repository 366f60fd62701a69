/* The instruction set that the tests run on: see sets.h. */
#include "support/sets.h"

#include <stdlib.h>
#include <string.h>

bl_instruction_set wanted_set(void)
{
    const char *name = getenv("BOWLINE_ISA");
    int set = BL_ISA_DEFAULT;
    while (name && set < BL_ISA_COUNT && strcmp(name, bl_instruction_set_name((bl_instruction_set)set)) != 0)
        set++;
    return (bl_instruction_set)set;
}
