# The compiler's flags of everything in this tree: `bowline_flags` for what is compiled here, which includes
# `bowline_link_flags`, for what is linked here.
add_library(bowline_link_flags INTERFACE)
add_library(bowline_flags INTERFACE)
target_link_libraries(bowline_flags INTERFACE bowline_link_flags)

# A product and a sum are fused only where the source says fma, so that results do not depend on the target.
target_compile_options(bowline_flags INTERFACE
    -ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>)
# Clang says where it did not vectorise a loop that asks for it; that is no mistake.
target_compile_options(bowline_flags INTERFACE $<$<C_COMPILER_ID:Clang,AppleClang>:-Wno-pass-failed>)
if(BOWLINE_WERROR)
    target_compile_options(bowline_flags INTERFACE -Werror)
endif()
if(BOWLINE_SANITIZE)
    target_compile_options(bowline_flags INTERFACE
        -fsanitize=${BOWLINE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(bowline_link_flags INTERFACE -fsanitize=${BOWLINE_SANITIZE})
endif()
if(BOWLINE_COVERAGE)
    target_compile_options(bowline_flags INTERFACE --coverage)
    target_link_options(bowline_link_flags INTERFACE --coverage)
endif()
