# Installs to a prefix of its own, then builds and runs programs against it from outside the tree: once with
# find_package, once with pkg-config.
set(work ${CMAKE_CURRENT_BINARY_DIR}/install)
set(prefix ${work}/prefix)

bowline_add_test(install ${CMAKE_COMMAND} --install ${PROJECT_BINARY_DIR} --config $<CONFIG> --prefix ${prefix})
bowline_add_test(install_cmake_package ${CMAKE_CTEST_COMMAND}
    --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/install ${work}/cmake_package
    --build-generator ${CMAKE_GENERATOR}
    --build-options -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}
    --test-command ${CMAKE_CTEST_COMMAND} --output-on-failure --no-tests=error)

find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
    bowline_add_test(install_pkg_config ${CMAKE_CURRENT_SOURCE_DIR}/install/pkg-config
                     ${prefix}/${CMAKE_INSTALL_LIBDIR} ${work}/pkg_config)
    set_tests_properties(install_pkg_config PROPERTIES
        ENVIRONMENT "CC=${CMAKE_C_COMPILER};CXX=${CMAKE_CXX_COMPILER};PKG_CONFIG=${PKG_CONFIG}")
else()
    message(WARNING "no pkg-config: the pkg-config file is not checked")
endif()

set_tests_properties(install PROPERTIES FIXTURES_SETUP installed)
foreach(test install_cmake_package install_pkg_config)
    if(TEST ${test})
        set_tests_properties(${test} PROPERTIES FIXTURES_REQUIRED installed)
    endif()
endforeach()
