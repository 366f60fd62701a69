# Runs PROGRAM: it must succeed and print exactly what the file EXPECTED, taken from PAGE, holds.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed RESULT_VARIABLE status)
file(READ ${EXPECTED} expected)
message(STATUS "printed:\n${printed}")
if(NOT status EQUAL 0)
    message(FATAL_ERROR "exit status ${status}")
elseif(NOT printed STREQUAL expected)
    message(FATAL_ERROR "${PAGE} says:\n${expected}")
endif()
