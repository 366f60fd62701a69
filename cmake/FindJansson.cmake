# Finds Jansson (Debian: libjansson-dev): target Jansson::jansson.
# The shared one: Debian's static library is not built to go into a shared one.
find_path(Jansson_INCLUDE_DIR jansson.h DOC "Where jansson.h is")
find_library(Jansson_LIBRARY jansson DOC "Jansson's library")
mark_as_advanced(Jansson_INCLUDE_DIR Jansson_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Jansson REQUIRED_VARS Jansson_LIBRARY Jansson_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "on Debian it is in the package libjansson-dev")

if(Jansson_FOUND AND NOT TARGET Jansson::jansson)
    add_library(Jansson::jansson UNKNOWN IMPORTED)
    set_target_properties(Jansson::jansson PROPERTIES
        IMPORTED_LOCATION "${Jansson_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${Jansson_INCLUDE_DIR}")
endif()
