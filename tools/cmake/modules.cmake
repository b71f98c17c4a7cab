# The modules, lowest first: each names only modules above it. tools/checks/layers.txt says the same for includes.
# OPTIMIZE says less than -O3: O1 where a run passes once, O2 where it walks over values outside the step.
temper_module(runtime/base)
temper_module(runtime/platform DEPENDS runtime/base)
temper_module(runtime/memory DEPENDS runtime/base runtime/platform)
temper_module(runtime/backend DEPENDS runtime/base runtime/memory)
temper_module(runtime/exec DEPENDS runtime/base runtime/memory runtime/backend)

temper_module(graph/ir OPTIMIZE O1 DEPENDS runtime/base runtime/memory)
temper_registration(ops_registration graph/ops temper::graph "OpRegistry&" "graph/ops/standard_ops.h" register_all_ops)
temper_module(graph/ops OPTIMIZE O1 DEPENDS graph/ir GENERATED ${ops_registration})
temper_module(graph/autodiff OPTIMIZE O1 DEPENDS graph/ir)
temper_module(graph/passes OPTIMIZE O1 DEPENDS graph/ir graph/autodiff runtime/backend)
add_subdirectory(graph/onnx)
temper_module(graph/onnx/surgery OPTIMIZE O1 DEPENDS graph/onnx graph/passes LINK temper_onnx_wire)
temper_module(graph/onnx/deploy OPTIMIZE O1 DEPENDS graph/onnx graph/onnx/surgery graph/passes LINK temper_onnx_wire)
temper_module(graph/lowering OPTIMIZE O1 DEPENDS graph/ir graph/passes runtime/backend runtime/exec)

temper_module(backends/common DEPENDS runtime/base)
temper_module(backends/host RECURSE DEPENDS runtime/backend backends/common)
temper_registration(reference_registration backends/reference/kernels temper::reference "KernelTable&" "backends/reference/reference_backend.h" register_all_kernels)
temper_module(backends/reference RECURSE DEPENDS runtime/backend backends/common backends/host GENERATED ${reference_registration})
# Without oneDNN the files named for it give way to absent/. Where both have a row for an op, the library's is the first: rows stand in the
# order of the files' names (onednn_conv, product_conv).
if(TEMPER_ONEDNN)
  set(cpu_left_out "backends/cpu/absent/")
  set(cpu_library DNNL::dnnl)
else()
  set(cpu_left_out "/onednn_[^/]*$")
  set(cpu_library "")
endif()
temper_registration(cpu_registration backends/cpu/kernels temper::cpu "KernelTable&" "backends/cpu/cpu_backend.h" register_all_kernels
  WITHOUT "${cpu_left_out}")
temper_module(backends/cpu RECURSE WITHOUT "${cpu_left_out}" DEPENDS runtime/platform runtime/backend backends/common backends/host
  LINK ${cpu_library} OpenMP::OpenMP_CXX GENERATED ${cpu_registration})
# Neither changes a result: without them loops with sqrt or a choice between values do not become vector code.
foreach(target temper_backends_cpu temper_parallel_headers)
  target_compile_options(${target} PRIVATE -fno-math-errno -fno-trapping-math)
endforeach()
include(TemperCuda)
temper_module(backends DEPENDS runtime/platform backends/reference backends/cpu backends/cuda)

temper_module(training/settings OPTIMIZE O1 DEPENDS runtime/base)
temper_module(training/formats DEPENDS runtime/base runtime/platform runtime/memory LINK PkgConfig::libzip ZLIB::ZLIB JPEG::JPEG PNG::PNG nlohmann_json::nlohmann_json)
temper_module(training/data RECURSE DEPENDS training/settings training/formats backends/common)
temper_module(training/losses OPTIMIZE O1 DEPENDS training/settings graph/ir graph/ops)
temper_module(training/optimizers OPTIMIZE O1 DEPENDS training/settings graph/ir graph/ops)
temper_module(training/schedules OPTIMIZE O1 DEPENDS training/settings)
temper_module(training/metrics DEPENDS training/settings runtime/memory)
temper_module(training/compile RECURSE OPTIMIZE O1 DEPENDS training/losses training/optimizers graph/ir graph/ops graph/autodiff graph/passes graph/lowering
  runtime/exec backends)
temper_module(training/recipe OPTIMIZE O1 DEPENDS training/settings training/losses training/optimizers training/schedules training/metrics runtime/platform LINK tomlplusplus::tomlplusplus)
temper_module(training/objective OPTIMIZE O1 DEPENDS training/recipe training/data training/compile training/losses training/metrics graph/onnx)
temper_module(training/session OPTIMIZE O1 DEPENDS training/objective training/recipe training/compile training/data training/schedules training/metrics
  graph/onnx graph/onnx/deploy backends)
set_source_files_properties(${PROJECT_SOURCE_DIR}/training/session/model_metadata.cpp PROPERTIES COMPILE_DEFINITIONS TEMPER_VERSION="${PROJECT_VERSION}")
temper_module(training/records OPTIMIZE O2 DEPENDS training/session training/formats graph/onnx/surgery)
temper_module(training/run OPTIMIZE O2 DEPENDS training/records training/session training/schedules)
temper_module(training/adversarial OPTIMIZE O1 DEPENDS training/run training/records training/session)
temper_module(training/analysis OPTIMIZE O2 DEPENDS training/run training/records training/session graph/onnx
  graph/onnx/surgery graph/onnx/deploy)
temper_module(training/application OPTIMIZE O2 DEPENDS training/analysis training/run training/adversarial)
set_source_files_properties(${PROJECT_SOURCE_DIR}/training/application/build_facts.cpp PROPERTIES COMPILE_DEFINITIONS
  "TEMPER_VERSION=\"${PROJECT_VERSION}\";TEMPER_BUILD_TYPE=\"${CMAKE_BUILD_TYPE}\";TEMPER_ARCHITECTURE=\"${CMAKE_SYSTEM_PROCESSOR}\"")
temper_module(api OPTIMIZE O1 DEPENDS training/application)
target_include_directories(temper_api PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/api>)

temper_module(models OPTIMIZE O1 DEPENDS graph/ir graph/ops graph/onnx backends/common)

if(NOT TEMPER_TOOLS)
  return()
endif()
if(TEMPER_CHARTS)
  set(charts_left_out "/absent/")
  set(charts_library PkgConfig::cairo)
else()
  set(charts_left_out "tools/charts/(canvas|draw_[^/]*|figure|picture_sheet|plot|plot_points|surface)\\.cpp$")
  set(charts_library "")
endif()
temper_module(tools/charts RECURSE WITHOUT "${charts_left_out}" OPTIMIZE O1
  DEPENDS training/adversarial training/analysis training/application LINK ${charts_library})

# The command. CLI11 is one file of its own, compiled without optimisation: it is slow to compile and runs once.
file(GLOB cli_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/cli/*.cpp)
add_executable(temper ${cli_sources})
set_source_files_properties(${PROJECT_SOURCE_DIR}/tools/cli/command_line.cpp PROPERTIES COMPILE_OPTIONS -O0
  SKIP_PRECOMPILE_HEADERS ON)
temper_optimize(temper O1)
temper_precompile(temper temper_standard_headers)
target_link_libraries(temper PRIVATE temper_warnings temper_tools_charts temper_models CLI11::CLI11)
set(linking dynamic)
if(TEMPER_STATIC)
  set(linking static)
  target_link_options(temper PRIVATE -static -s -Wl,--gc-sections)
endif()
set_source_files_properties(${PROJECT_SOURCE_DIR}/tools/cli/version.cpp PROPERTIES COMPILE_DEFINITIONS TEMPER_LINKING="${linking}")
