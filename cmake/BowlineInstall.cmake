# What `cmake --install` puts where: libraries, headers, the CMake package, the pkg-config file, the licence.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bowline)
install(DIRECTORY include/bowline DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Two sets, since only the static library needs BLIS, LAPACK, SLEEF and Jansson to be there when somebody links it.
install(TARGETS bowline EXPORT bowlineShared)
install(TARGETS bowline_static EXPORT bowlineStatic)
foreach(kind Shared Static)
    install(EXPORT bowline${kind} NAMESPACE bowline:: FILE bowline${kind}Targets.cmake DESTINATION ${package_dir})
endforeach()

configure_package_config_file(cmake/bowlineConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/bowlineConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/bowlineConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bowlineConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/bowlineConfigVersion.cmake cmake/FindBLISSerial.cmake
              cmake/FindJansson.cmake cmake/FindLAPACKStatic.cmake cmake/FindSLEEF.cmake
        DESTINATION ${package_dir})

# Relative to its own place, so that an installed tree can be moved.
file(RELATIVE_PATH pc_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pc_prefix ${pc_prefix})
set(pc_static ${BLISSerial_LIBRARY})
if(LAPACKStatic_FOUND)
    list(PREPEND pc_static ${LAPACKStatic_LIBRARY})
endif()
if(BOWLINE_SLEEF)
    list(APPEND pc_static -lsleef)
endif()
list(APPEND pc_static -ljansson)
list(JOIN pc_static " " pc_static)
configure_file(cmake/bowline.pc.in bowline.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bowline.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
