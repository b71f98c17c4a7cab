# The readers under libFuzzer, for tools/fuzz.sh: one program for the formats, one for ONNX files.
option(TEMPER_FUZZ "Build the readers for libFuzzer; needs clang and TEMPER_SANITIZE" OFF)
if(NOT TEMPER_FUZZ)
  return()
endif()
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL Clang OR NOT TEMPER_SANITIZE MATCHES "address.*fuzzer-no-link")
  message(FATAL_ERROR "TEMPER_FUZZ needs clang and -DTEMPER_SANITIZE=address,undefined,fuzzer-no-link; tools/fuzz.sh sets both")
endif()

function(temper_fuzz_program name)
  add_executable(fuzz_${name} EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tests/programs/fuzz_target.cpp
    ${PROJECT_SOURCE_DIR}/tests/fuzz/readers.cpp ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}_readers.cpp)
  target_compile_definitions(fuzz_${name} PRIVATE TEMPER_FUZZ_READERS=${name}_readers)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(fuzz_${name} PRIVATE ${ARGN} temper_warnings)
endfunction()
temper_fuzz_program(format temper_training_formats)
temper_fuzz_program(model temper_graph_onnx temper_graph_ops)
