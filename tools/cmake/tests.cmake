# One test program per folder of tests/, linked to all modules. A program is one CTest test, or a few shards where it takes
# long: starting a process for each of many thousand cases takes longer than they do.
get_property(modules GLOBAL PROPERTY TEMPER_MODULES)
list(REVERSE modules)

# Where the tests' files are: in the tree, or where it lies on the machine that the programs are packed for (tools/gpu-check.sh). A header, not a definition for every file: only what includes it depends on the folder's name.
set(TEMPER_TEST_TREE ${PROJECT_SOURCE_DIR} CACHE PATH "where the tests look for the tree's files")
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/temper_test_paths.h CONTENT
"// Written by CMake.
#pragma once
#define TEMPER_SOURCE_DIR \"${TEMPER_TEST_TREE}\"
#define TEMPER_BUILD_DIR \"${PROJECT_BINARY_DIR}\"
" @ONLY)

temper_precompiled_headers(temper_test_headers GTest::gtest GTest::gmock OpenMP::OpenMP_CXX
  HEADERS ${temper_precompiled} <gmock/gmock.h> <gtest/gtest.h>)

# temper_test_program(TARGET [MODULES regex] LIBRARY...): what all programs of the tests share. -O1: they are compiled more often than run.
function(temper_test_program target)
  cmake_parse_arguments(ARG "" "MODULES" "" ${ARGN})
  set(taken ${modules})
  if(ARG_MODULES)
    list(FILTER taken INCLUDE REGEX "^temper_${ARG_MODULES}")
  endif()
  temper_precompile(${target} temper_test_headers)
  temper_optimize(${target} O1)
  # GoogleTest for all: its definitions are among the flags that the precompiled headers were made with.
  target_link_libraries(${target} PRIVATE ${taken} temper_warnings ${ARG_UNPARSED_ARGUMENTS} GTest::gtest GTest::gmock OpenMP::OpenMP_CXX)
endfunction()

# temper_test(FOLDER SHARDS [MODULES regex]): the program test_FOLDER from all files of tests/FOLDER, linked to all modules or to those
# whose name begins so.
function(temper_test folder shards)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*.cpp)
  if(NOT TEMPER_ONEDNN)
    list(FILTER sources EXCLUDE REGEX "/onednn_[^/]*$")
  endif()
  if(NOT sources)
    return()
  endif()
  set(target test_${folder})
  add_executable(${target} ${sources})
  temper_test_program(${target} ${ARGN} GTest::gtest_main)
  math(EXPR last "${shards} - 1")
  foreach(shard RANGE ${last})
    set(name ${folder})
    if(shards GREATER 1)
      string(APPEND name ".${shard}")
    endif()
    add_test(NAME ${name} COMMAND ${target})
    # The time limit ends a hang; nothing else depends on time.
    set_tests_properties(${name} PROPERTIES TIMEOUT 1800
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${shard}")
  endforeach()
endfunction()

# temper_emulated_test(FOLDER SHARDS FILTER): what of test_FOLDER runs on the emulated device, apart from its other shards, two at most: the label cuda.
function(temper_emulated_test folder shards filter)
  if(NOT TEMPER_DEVICE_EMULATED OR NOT TARGET test_${folder})
    return()
  endif()
  math(EXPR last "${shards} - 1")
  foreach(shard RANGE ${last})
    set(name ${folder}.cuda-emulated.${shard})
    add_test(NAME ${name} COMMAND test_${folder} --gtest_filter=${filter})
    set_tests_properties(${name} PROPERTIES TIMEOUT 1800 LABELS cuda
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${shard}")
  endforeach()
  foreach(rest ${folder} ${folder}.0 ${folder}.1)
    if(TEST ${rest})
      set_property(TEST ${rest} APPEND PROPERTY ENVIRONMENT "GTEST_FILTER=-${filter}")
    endif()
  endforeach()
endfunction()

temper_test(runtime 1 MODULES "(runtime|graph|backends)")
temper_test(graph 1)
temper_test(backends 1)
temper_test(ops 1 MODULES "(runtime|graph|backends)")
temper_test(onnx_node 1)
# The same cases on the emulated device: the tests of the label cuda need no GPU.
if(TEMPER_DEVICE_EMULATED)
  foreach(shard 0 1)
    add_test(NAME ops.cuda-emulated.${shard} COMMAND test_ops --gtest_filter=Ops/BackendResult.*:Ops/BackendGradient.*)
    set_tests_properties(ops.cuda-emulated.${shard} PROPERTIES TIMEOUT 1800 LABELS cuda
      ENVIRONMENT "TEMPER_TEST_DEVICE=cuda-emulated;GTEST_TOTAL_SHARDS=2;GTEST_SHARD_INDEX=${shard}")
  endforeach()
endif()
temper_test(training 2)
temper_emulated_test(training 2 *Emulated*)
temper_test(allocations 1)
temper_test(fuzz 1)
temper_test(golden 1)
temper_test(models 1)
temper_test(api 1)
temper_emulated_test(models 1 *cudaemulated*)
if(TEMPER_TOOLS)
  temper_test(errors 1)
  temper_test(tools 1)
  temper_test(cli 2)
  temper_emulated_test(cli 1 EmulatedCommand*)
endif()
# The script that a loan of a GPU is spent by, tried: it packs these programs and runs each of its steps, small.
if(TEMPER_DEVICE_EMULATED AND TEMPER_TOOLS AND NOT TEMPER_SANITIZE)
  add_test(NAME gpu_check COMMAND ${PROJECT_SOURCE_DIR}/tools/gpu-check.sh try ${PROJECT_BINARY_DIR})
  set_tests_properties(gpu_check PROPERTIES TIMEOUT 1800 LABELS cuda)
endif()
if(TARGET test_cli)
  add_dependencies(test_cli temper)  # it runs the command
endif()
if(TARGET test_errors)
  target_sources(test_errors PRIVATE ${PROJECT_SOURCE_DIR}/tests/cli/run_command.cpp)
  add_dependencies(test_errors temper)
endif()

# The tests of whatever reads data on threads, in a program of their own that needs few modules: the thread sanitizer takes long, and cannot
# see into the threads of OpenMP, which none of these uses.
if(TEMPER_SANITIZE STREQUAL "thread")
  file(GLOB loader_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/training/data/*.cpp
    ${PROJECT_SOURCE_DIR}/tests/training/data/pictures/*.cpp)
  add_executable(test_loaders ${loader_tests} ${PROJECT_SOURCE_DIR}/tests/training/test_files.cpp)
  temper_test_program(test_loaders MODULES "(runtime|backends_common|training_(data|formats|settings))" GTest::gtest_main)
endif()

set(tiny_run ${PROJECT_SOURCE_DIR}/tests/training/support/tiny_run.cpp)
foreach(target test_runtime test_training)
  if(TARGET ${target})
    target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/guarded_backend.cpp)
  endif()
endforeach()
if(TARGET test_allocations)
  target_sources(test_allocations PRIVATE ${tiny_run}
    ${PROJECT_SOURCE_DIR}/tests/training/support/tiny_gan.cpp)
  set_target_properties(test_allocations PROPERTIES ENABLE_EXPORTS ON)  # names in stack traces
endif()
foreach(target test_api test_cli)  # for their models
  if(TARGET ${target})
    target_sources(${target} PRIVATE ${tiny_run})
  endif()
endforeach()
if(TARGET test_fuzz)
  target_sources(test_fuzz PRIVATE ${PROJECT_SOURCE_DIR}/tests/allocations/allocation_count.cpp)
endif()
if(TARGET test_training)
  # A process of its own for tests that kill it.
  add_executable(run_recipe ${PROJECT_SOURCE_DIR}/tests/programs/run_recipe.cpp
    ${PROJECT_SOURCE_DIR}/tests/programs/kill_at_call.cpp ${tiny_run})
  temper_test_program(run_recipe)
  add_dependencies(test_training run_recipe)
endif()
if(TEMPER_DEVICE_EMULATED AND NOT TEMPER_SANITIZE)
  include(tools/cmake/cuda_sanitizers.cmake)
endif()
