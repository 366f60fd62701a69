/* The version that is linked is the one that the header names. */
#include <bowline/bowline.h>
#include <criterion/criterion.h>
#include <stdio.h>

Test(version, agrees_with_the_header)
{
    char expected[32];
    snprintf(expected, sizeof expected, "%d.%d.%d", BL_VERSION_MAJOR, BL_VERSION_MINOR, BL_VERSION_PATCH);
    cr_assert_str_eq(bl_version(), expected);
}
