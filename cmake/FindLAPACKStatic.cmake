# Finds LAPACK (Debian: liblapack-dev) as a static library: target LAPACK::static, over the serial BLIS for BLAS.
# Only the reference implementation will do, which leaves BLAS to others, and of it only what needs no Fortran.
find_package(BLISSerial QUIET)
find_library(LAPACKStatic_LIBRARY NAMES liblapack.a PATH_SUFFIXES lapack DOC "LAPACK's liblapack.a")
mark_as_advanced(LAPACKStatic_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LAPACKStatic REQUIRED_VARS LAPACKStatic_LIBRARY BLISSerial_FOUND
    REASON_FAILURE_MESSAGE "on Debian it is in the package liblapack-dev")

if(LAPACKStatic_FOUND AND NOT TARGET LAPACK::static)
    add_library(LAPACK::static STATIC IMPORTED)
    set_target_properties(LAPACK::static PROPERTIES
        IMPORTED_LOCATION "${LAPACKStatic_LIBRARY}"
        IMPORTED_LINK_INTERFACE_LANGUAGES C
        INTERFACE_LINK_LIBRARIES BLIS::serial)
endif()
