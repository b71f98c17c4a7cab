# The backends of GPUs. TEMPER_CUDA needs the toolkit to build and nothing to link or start: what a machine lacks is said when the device
# is asked for. TEMPER_DEVICE_EMULATED is the device cuda-emulated, for tests: the same kernels by the C++ compiler, without the toolkit.
option(TEMPER_CUDA "Build the CUDA backend; needs nvcc" OFF)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$" AND TEMPER_TESTS)
  set(emulated_default ON)
else()
  set(emulated_default OFF)  # its fibers are switched by instructions of x86-64
endif()
option(TEMPER_DEVICE_EMULATED "Build the device cuda-emulated, for tests" ${emulated_default})

set(cuda_folder ${PROJECT_SOURCE_DIR}/backends/cuda)
temper_registration(cuda_registration backends/cuda/kernels temper::cuda "KernelTable&" "backends/cuda/kernel_rows.h" register_all_kernels)

# temper_cuda_files(OUT FUNCTION FILE...): a source with the text of files, for programs that are compiled while Temper runs.
function(temper_cuda_files out function)
  set(entries "")
  foreach(name IN LISTS ARGN)
    file(READ ${PROJECT_SOURCE_DIR}/${name} text)
    set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name})
    string(APPEND entries "    {\"${name}\", R\"TEXT(${text})TEXT\"},\n")
  endforeach()
  set(path ${PROJECT_BINARY_DIR}/generated/backends/cuda/${function}.cpp)
  file(CONFIGURE OUTPUT ${path} CONTENT
"// Written by CMake from the files that it names.
#include \"backends/cuda/nvrtc_support.h\"

namespace temper::cuda {
namespace {

constexpr ProgramFile kFiles[] = {
${entries}};

}  // namespace

std::span<const ProgramFile> ${function}() { return kFiles; }

}  // namespace temper::cuda
" @ONLY)
  set(${out} ${path} PARENT_SCOPE)
endfunction()
temper_cuda_files(cuda_program_files program_files backends/common/functors.h backends/common/activations.h
  backends/common/rounding.h backends/cuda/device/stored_floats.cuh)
temper_cuda_files(cuda_language_files language_files backends/cuda/emulated/kernel_language.h
  backends/cuda/emulated/thread_scheduler.h)

if(TEMPER_CUDA)
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90-real 90-virtual)
  endif()
  if(CCACHE_PROGRAM AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  endif()
  enable_language(CUDA)
  if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13.0)
    message(FATAL_ERROR "TEMPER_CUDA needs nvcc 13, not ${CMAKE_CUDA_COMPILER_VERSION} (${CMAKE_CUDA_COMPILER}); -DCMAKE_CUDA_COMPILER=PATH "
      "names another, and tools/test_cuda.sh gets one from PyPI")
  endif()
  find_package(CUDAToolkit REQUIRED)
  # What CMake 3.25 does not know of nvcc 13.
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
  file(GLOB cuda_sources CONFIGURE_DEPENDS ${cuda_folder}/*.cpp ${cuda_folder}/*.cu ${cuda_folder}/kernels/*.cpp
    ${cuda_folder}/kernels/*.cu ${cuda_folder}/real/*.cpp)
  find_file(TEMPER_CUBLASLT_HEADER cublasLt.h PATHS ${CUDAToolkit_INCLUDE_DIRS} NO_DEFAULT_PATH)
  if(NOT TEMPER_CUBLASLT_HEADER)  # what it is compared with is not there; the library is not needed to build
    list(FILTER cuda_sources EXCLUDE REGEX "/cublas_lt_check\\.cpp$")
  endif()
  # Headers of cuDNN 9 and of its graph library; libcudnn.so.9 itself is loaded at run time. On PyPI both are packages of Python
  # (nvidia-cudnn-cu13, nvidia-cudnn-frontend).
  file(GLOB cuda_packages ${PROJECT_BINARY_DIR}/venv/lib/python3*/site-packages)
  find_path(TEMPER_CUDNN cudnn.h HINTS ${cuda_packages}/nvidia/cudnn/include PATHS ${CUDAToolkit_INCLUDE_DIRS})
  find_path(TEMPER_CUDNN_FRONTEND cudnn_frontend.h HINTS ${cuda_packages}/include)
  if(TEMPER_CUDNN AND TEMPER_CUDNN_FRONTEND)
    set_source_files_properties(${cuda_folder}/real/cudnn_graph.cpp PROPERTIES
      COMPILE_DEFINITIONS "NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING;CUDNN_FRONTEND_SKIP_JSON_LIB"
      COMPILE_OPTIONS "-O1;-isystem${TEMPER_CUDNN_FRONTEND};-isystem${TEMPER_CUDNN}")
  else()
    message(STATUS "No cudnn.h or cudnn_frontend.h: convolutions on GPUs will be direct sums (-DTEMPER_CUDNN=DIR, -DTEMPER_CUDNN_FRONTEND=DIR)")
    list(FILTER cuda_sources EXCLUDE REGEX "/real/cudnn")
    list(APPEND cuda_sources ${cuda_folder}/absent/cudnn_absent.cpp)
  endif()
  add_library(temper_backends_cuda STATIC ${cuda_sources} ${cuda_registration} ${cuda_program_files})
  set_source_files_properties(${cuda_folder}/printed_programs.cpp PROPERTIES COMPILE_DEFINITIONS TEMPER_VERSION="${PROJECT_VERSION}")
  set_source_files_properties(${cuda_sources} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  target_include_directories(temper_backends_cuda PRIVATE ${PROJECT_SOURCE_DIR} ${CUDAToolkit_INCLUDE_DIRS})
  list(JOIN CMAKE_CUDA_ARCHITECTURES " " built_for)
  set_source_files_properties(${cuda_folder}/real/parts.cpp PROPERTIES
    COMPILE_DEFINITIONS TEMPER_CUDA_BUILT_FOR="${built_for}")
  target_compile_options(temper_backends_cuda PRIVATE
    $<$<COMPILE_LANGUAGE:CUDA>:--fmad=false --expt-relaxed-constexpr -Xcompiler=-ffp-contract=off -Xptxas=-v>
    $<$<COMPILE_LANGUAGE:CXX>:$<TARGET_PROPERTY:temper_warnings,INTERFACE_COMPILE_OPTIONS>>)
  # What ptxas says of each kernel is kept beside its object, for tools/checks/check_spills.py.
  set_property(TARGET temper_backends_cuda PROPERTY
    RULE_LAUNCH_COMPILE "${PROJECT_SOURCE_DIR}/tools/cmake/keep_registers.sh <OBJECT>")
  target_link_libraries(temper_backends_cuda PUBLIC temper_runtime_platform temper_runtime_backend temper_backends_common temper_backends_host
    PRIVATE CUDA::cudart_static ${CMAKE_DL_LIBS})
  # Programs of printed kernels for GPUs that are not there: tools/test_cuda.sh.
  add_executable(nvrtc_programs EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tests/programs/nvrtc_programs.cpp)
  target_include_directories(nvrtc_programs PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(nvrtc_programs PRIVATE temper_backends_cuda)
  if(TEMPER_CUDNN AND TEMPER_CUDNN_FRONTEND)
    # What cuDNN would give on GPUs that are not there: tools/test_cudnn.sh.
    add_executable(cudnn_plans EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tests/programs/cudnn_plans.cpp)
    target_include_directories(cudnn_plans PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(cudnn_plans PRIVATE temper_backends_cuda)
  endif()
else()
  add_library(temper_backends_cuda STATIC ${cuda_folder}/absent/cuda_backend_absent.cpp
    ${cuda_folder}/absent/cuda_parts_absent.cpp)
  target_link_libraries(temper_backends_cuda PUBLIC temper_options temper_runtime_backend)
endif()

if(TEMPER_DEVICE_EMULATED)
  add_subdirectory(${cuda_folder}/emulated ${PROJECT_BINARY_DIR}/backends_cuda_emulated)
else()
  add_library(temper_backends_cuda_emulated STATIC ${cuda_folder}/absent/emulated_backend_absent.cpp)
  target_link_libraries(temper_backends_cuda_emulated PUBLIC temper_options temper_runtime_backend)
endif()
target_link_libraries(temper_backends_cuda INTERFACE temper_backends_cuda_emulated)
set_property(GLOBAL APPEND PROPERTY TEMPER_MODULES temper_backends_cuda temper_backends_cuda_emulated)
