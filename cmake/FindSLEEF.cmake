# Finds SLEEF (Debian: libsleef-dev): target SLEEF::sleef.
find_path(SLEEF_INCLUDE_DIR sleef.h DOC "Where sleef.h is")
find_library(SLEEF_LIBRARY sleef DOC "SLEEF's library")
mark_as_advanced(SLEEF_INCLUDE_DIR SLEEF_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SLEEF REQUIRED_VARS SLEEF_LIBRARY SLEEF_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "on Debian it is in the package libsleef-dev, and BOWLINE_SLEEF=OFF does without")

if(SLEEF_FOUND AND NOT TARGET SLEEF::sleef)
    add_library(SLEEF::sleef UNKNOWN IMPORTED)
    set_target_properties(SLEEF::sleef PROPERTIES
        IMPORTED_LOCATION "${SLEEF_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${SLEEF_INCLUDE_DIR}")
endif()
