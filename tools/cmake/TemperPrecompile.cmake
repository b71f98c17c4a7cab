# The standard headers that most files include, read once and kept by the compiler. Each file still includes what it uses:
# tools/checks compiles without this, and so does -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON.
set(temper_precompiled <algorithm> <array> <bit> <charconv> <cmath> <cstddef> <cstdint> <cstring> <functional> <limits> <map> <memory>
  <numeric> <optional> <set> <span> <string> <string_view> <unordered_map> <unordered_set> <utility> <variant> <vector>)

# The flags that g++ compares: headers made with one of -fPIC and -fPIE are not taken with the other. ccache asks for -fpch-preprocess.
set(temper_precompile_flags -fPIC -fpch-preprocess)

# temper_precompiled_sum(TARGET WORD...): what ccache takes for the content of TARGET's precompiled headers. g++ writes other bytes each time;
# with what they are made from in their place, the objects of one build folder serve the others.
function(temper_precompiled_sum target)
  string(TOUPPER "CMAKE_CXX_FLAGS_${CMAKE_BUILD_TYPE}" by_type)
  set(facts ${target} ${CMAKE_CXX_COMPILER} ${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_CXX_FLAGS} ${${by_type}} ${TEMPER_SANITIZE} ${ARGN})
  string(SHA256 sum "${facts}")
  file(WRITE ${PROJECT_BINARY_DIR}/CMakeFiles/${target}.dir/cmake_pch.hxx.gch.sum "${sum}\n")
endfunction()

# temper_precompiled_headers(TARGET LIBRARY... HEADERS header...): a target that others reuse.
function(temper_precompiled_headers target)
  cmake_parse_arguments(ARG "" "" "HEADERS" ${ARGN})
  set(source ${PROJECT_BINARY_DIR}/generated/${target}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Written by CMake: a target needs a file.\n" @ONLY)
  add_library(${target} OBJECT ${source})
  target_link_libraries(${target} PRIVATE temper_options ${ARG_UNPARSED_ARGUMENTS})
  target_compile_options(${target} PRIVATE ${temper_precompile_flags})
  target_precompile_headers(${target} PRIVATE ${ARG_HEADERS})
  temper_precompiled_sum(${target} ${ARG_UNPARSED_ARGUMENTS} ${ARG_HEADERS})
endfunction()
temper_precompiled_headers(temper_standard_headers HEADERS ${temper_precompiled})
temper_precompiled_headers(temper_parallel_headers OpenMP::OpenMP_CXX HEADERS ${temper_precompiled})

# temper_precompile(TARGET FROM): lets a target use what FROM holds; both need the same flags.
function(temper_precompile target from)
  target_compile_options(${target} PRIVATE ${temper_precompile_flags})
  target_precompile_headers(${target} REUSE_FROM ${from})
endfunction()
