# What checks the checks of the emulated device (tests/cuda_rules), and the programs of tools/test_cuda_sanitizers.sh: tests whose kernels
# are compiled with the address and undefined-behaviour sanitizers, or with the thread sanitizer. The latter are built when they are named.

# temper_sanitized_program(TARGET FOUND_BY [MODULES regex] SOURCE...)
function(temper_sanitized_program target found_by)
  cmake_parse_arguments(ARG "" "MODULES" "" ${ARGN})
  if(found_by STREQUAL "address")
    set(objects $<TARGET_OBJECTS:temper_cuda_address>)
  else()
    set(objects $<TARGET_OBJECTS:temper_cuda_thread_kernels> $<TARGET_OBJECTS:temper_cuda_thread_scheduler>)
  endif()
  add_executable(${target} EXCLUDE_FROM_ALL ${objects} ${ARG_UNPARSED_ARGUMENTS})
  temper_test_program(${target} MODULES "${ARG_MODULES}" GTest::gtest_main)
  target_link_options(${target} PRIVATE ${temper_cuda_${found_by}_flags})
endfunction()

# temper_rules_kernels(TARGET FLAG...): the broken kernels.
set(rules ${PROJECT_SOURCE_DIR}/tests/cuda_rules)
set_source_files_properties(${rules}/broken_kernels.cu PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++" SKIP_PRECOMPILE_HEADERS ON)
function(temper_rules_kernels target)
  add_library(${target} OBJECT EXCLUDE_FROM_ALL ${rules}/broken_kernels.cu)
  target_compile_definitions(${target} PRIVATE cuda=cuda_emulated)
  target_compile_options(${target} PRIVATE ${ARGN} -O1 -g1)
  target_link_libraries(${target} PRIVATE temper_options temper_warnings)
endfunction()

temper_rules_kernels(temper_rules_kernels)
add_executable(test_cuda_rules ${rules}/broken_kernels_test.cpp $<TARGET_OBJECTS:temper_rules_kernels>)
temper_test_program(test_cuda_rules MODULES "(runtime|graph|backends)" GTest::gtest_main)
target_compile_definitions(test_cuda_rules PRIVATE cuda=cuda_emulated TEMPER_FOUND_BY="")
add_test(NAME cuda_rules COMMAND test_cuda_rules)
set_tests_properties(cuda_rules PROPERTIES TIMEOUT 1800 LABELS cuda)

foreach(found_by address thread)
  temper_sanitized_program(test_ops_${found_by} ${found_by} MODULES "(runtime|graph|backends)" $<TARGET_OBJECTS:test_ops>)
  temper_rules_kernels(temper_rules_kernels_${found_by} ${temper_cuda_${found_by}_flags})
  temper_sanitized_program(test_cuda_rules_${found_by} ${found_by} MODULES "(runtime|graph|backends)"
    $<TARGET_OBJECTS:temper_rules_kernels_${found_by}> ${rules}/broken_kernels_test.cpp)
  target_compile_definitions(test_cuda_rules_${found_by} PRIVATE cuda=cuda_emulated TEMPER_FOUND_BY="${found_by}")
endforeach()
