/* Says which instruction sets this build and processor run, and counts them. With the name of one: leaves
 * with 77 where it does not run, for the tests of each set to be skipped. */
#include "bowline/bowline.h"
#include "support/counts.h"

#include <stdio.h>
#include <string.h>

int main(int count, char **arguments)
{
    bool asked = count > 1, found = false, every = true;
    for (int i = BL_ISA_PLAIN; i < BL_ISA_COUNT; i++) {
        bl_instruction_set set = (bl_instruction_set)i;
        const char *name = bl_instruction_set_name(set);
        if (asked && strcmp(arguments[1], name) != 0)
            continue;
        bool runs = bl_instruction_set_runs(set);
        printf("%s%s: %s\n", asked && !runs ? "SKIPPED: " : "", name,
               runs ? "runs" : "not run, this build or the processor lacks it");
        if (!asked)
            counts_add(runs ? "instruction_sets" : "instruction_sets_not_run", 1);
        found = true;
        every = every && runs;
    }
    return !found ? 1 : asked && !every ? 77 : 0;
}
