# How a module becomes a CMake target, and the flags all of them share.
# What decides bits: with it the arithmetic in our headers gives the same numbers in whichever program it is compiled.
add_library(temper_numerics INTERFACE)
target_compile_options(temper_numerics INTERFACE -ffp-contract=off)

add_library(temper_options INTERFACE)
target_include_directories(temper_options INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>
  $<INSTALL_INTERFACE:include/temper>)
target_compile_features(temper_options INTERFACE cxx_std_20)
target_link_libraries(temper_options INTERFACE temper_numerics)
if(TEMPER_SANITIZE)
  target_compile_options(temper_options INTERFACE -fsanitize=${TEMPER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(temper_options INTERFACE -fsanitize=${TEMPER_SANITIZE})
endif()

add_library(temper_warnings INTERFACE)
target_compile_options(temper_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${TEMPER_WERROR}>:-Werror>)

# temper_optimize(TARGET LEVEL): optimises less than -O3 where nothing is gained by it. Compiling with -O1 takes half the time of -O3; neither
# changes a result.
function(temper_optimize target level)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release,RelWithDebInfo>:-${level}>)
endfunction()

function(temper_target_name folder out)
  string(REPLACE "/" "_" name ${folder})
  set(${out} temper_${name} PARENT_SCOPE)
endfunction()

# temper_module(FOLDER [RECURSE] [WITHOUT regex] [OPTIMIZE level] [DEPENDS module...] [LINK target...] [GENERATED file...]): one static library per
# folder, named temper_<folder with underscores>, linked only to what it may use. Sources are found by name: a new file needs no edit; WITHOUT
# leaves out those whose paths match.
function(temper_module folder)
  cmake_parse_arguments(ARG "RECURSE" "OPTIMIZE;WITHOUT" "DEPENDS;LINK;GENERATED" ${ARGN})
  temper_target_name(${folder} target)
  if(ARG_RECURSE)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  else()
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  endif()
  # NAME_x86.cpp names instructions of x86; NAME_elsewhere.cpp takes its place on other processors.
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    list(FILTER sources EXCLUDE REGEX "_elsewhere\\.cpp$")
    # GCC 12 takes the undefined registers of its own intrinsics for a mistake of whoever calls them (GCC bug 105593).
    set(x86_sources ${sources})
    list(FILTER x86_sources INCLUDE REGEX "_x86\\.cpp$")
    if(x86_sources AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      set_source_files_properties(${x86_sources} PROPERTIES COMPILE_OPTIONS "-Wno-uninitialized;-Wno-maybe-uninitialized")
    endif()
  else()
    list(FILTER sources EXCLUDE REGEX "_x86\\.cpp$")
  endif()
  if(ARG_WITHOUT)
    list(FILTER sources EXCLUDE REGEX "${ARG_WITHOUT}")
  endif()
  list(APPEND sources ${ARG_GENERATED})
  if(NOT sources)
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  else()
    add_library(${target} STATIC ${sources})
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:temper_warnings>)
    if(OpenMP::OpenMP_CXX IN_LIST ARG_LINK)
      temper_precompile(${target} temper_parallel_headers)
    else()
      temper_precompile(${target} temper_standard_headers)
    endif()
    if(ARG_OPTIMIZE)
      temper_optimize(${target} ${ARG_OPTIMIZE})
    endif()
    set(scope PUBLIC)
  endif()
  target_link_libraries(${target} ${scope} temper_options)
  foreach(dependency IN LISTS ARG_DEPENDS)
    temper_target_name(${dependency} dependency_target)
    target_link_libraries(${target} ${scope} ${dependency_target})
  endforeach()
  if(ARG_LINK)
    if(sources)
      target_link_libraries(${target} PRIVATE ${ARG_LINK})
    else()
      target_link_libraries(${target} INTERFACE ${ARG_LINK})
    endif()
  endif()
  set_property(GLOBAL APPEND PROPERTY TEMPER_MODULES ${target})
  if(NOT folder MATCHES "^tools/")
    set_property(GLOBAL APPEND PROPERTY TEMPER_LIBRARIES ${ARG_LINK})
  endif()
endfunction()

# temper_registration(OUT FUNCTION_TYPE FOLDER SIGNATURE HEADER NAMESPACE [WITHOUT regex]): writes one sorted source that calls
# register_<file stem>(...) for every .cpp of a folder: no static initialisers, and a forgotten function is a link error.
function(temper_registration out folder namespace argument header function)
  cmake_parse_arguments(ARG "" "WITHOUT" "" ${ARGN})
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  if(ARG_WITHOUT)
    list(FILTER files EXCLUDE REGEX "${ARG_WITHOUT}")
  endif()
  list(SORT files)
  set(declarations "")
  set(calls "")
  foreach(file IN LISTS files)
    get_filename_component(stem ${file} NAME_WE)
    string(APPEND declarations "void register_${stem}(${argument});\n")
    string(APPEND calls "  register_${stem}(registry);\n")
  endforeach()
  set(path ${PROJECT_BINARY_DIR}/generated/${folder}/register_all.cpp)
  file(CONFIGURE OUTPUT ${path} CONTENT
"// Written by CMake from the names of the files in ${folder}.
#include \"${header}\"

namespace ${namespace} {
${declarations}
void ${function}(${argument} registry) {
${calls}}
}  // namespace ${namespace}
" @ONLY)
  set(${out} ${path} PARENT_SCOPE)
endfunction()
