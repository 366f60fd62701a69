# Finds zlib (Debian: zlib1g-dev) as a static library: target ZLIB::static.
# The static one, so that it goes into the shared library, hidden, and users need not have it.
find_path(ZLIBStatic_INCLUDE_DIR zlib.h DOC "Where zlib.h is")
find_library(ZLIBStatic_LIBRARY NAMES libz.a DOC "zlib's libz.a")
mark_as_advanced(ZLIBStatic_INCLUDE_DIR ZLIBStatic_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ZLIBStatic REQUIRED_VARS ZLIBStatic_LIBRARY ZLIBStatic_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "on Debian it is in the package zlib1g-dev")

if(ZLIBStatic_FOUND AND NOT TARGET ZLIB::static)
    add_library(ZLIB::static STATIC IMPORTED)
    set_target_properties(ZLIB::static PROPERTIES
        IMPORTED_LOCATION "${ZLIBStatic_LIBRARY}"
        IMPORTED_LINK_INTERFACE_LANGUAGES C
        INTERFACE_INCLUDE_DIRECTORIES "${ZLIBStatic_INCLUDE_DIR}")
endif()
