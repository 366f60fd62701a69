# Finds the serial build of BLIS (Debian: libblis-serial-dev) as a static library: target BLIS::serial.
# Only the static one will do: the shared one resolves to whichever alternative the machine has chosen.
find_path(BLISSerial_INCLUDE_DIR blis.h PATH_SUFFIXES blis-serial DOC "Where the serial BLIS's blis.h is")
find_library(BLISSerial_LIBRARY NAMES libblis.a PATH_SUFFIXES blis-serial DOC "The serial BLIS's libblis.a")
mark_as_advanced(BLISSerial_INCLUDE_DIR BLISSerial_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(BLISSerial REQUIRED_VARS BLISSerial_LIBRARY BLISSerial_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "on Debian it is in the package libblis-serial-dev")

if(BLISSerial_FOUND AND NOT TARGET BLIS::serial)
    find_package(Threads QUIET)
    add_library(BLIS::serial STATIC IMPORTED)
    set_target_properties(BLIS::serial PROPERTIES
        IMPORTED_LOCATION "${BLISSerial_LIBRARY}"
        IMPORTED_LINK_INTERFACE_LANGUAGES C
        INTERFACE_INCLUDE_DIRECTORIES "${BLISSerial_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES "Threads::Threads;m")
endif()
