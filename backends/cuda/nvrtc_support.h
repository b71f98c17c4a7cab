// Programs compiled while Temper runs, as it needs them: the text of kernels in, functions out that
// a stream is given. Two implementations: real/nvrtc.cpp (NVRTC, loaded when first asked for) and
// emulated/nvrtc.cpp (the C++ compiler found on the machine). No CUDA type appears here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cuda/device.h"

namespace temper::cuda {

// A file that programs include, as it was when Temper was built.
struct ProgramFile {
  std::string_view name, text;
};
// Written by CMake from the files themselves.
std::span<const ProgramFile> program_files();

struct ProgramText {
  // Defines a struct Arguments and, for each name of `kernels`,
  //   extern "C" __global__ void NAME(const Arguments);
  // written by the rules for kernels (README.md), without barriers and warp operations.
  std::string source;
  std::vector<std::string> kernels;
};

struct ProgramCompiler {
  std::string missing;       // why programs cannot be compiled for the device; empty: they can
  std::string version;       // "NVRTC 13.0"
  std::string architecture;  // of the device: "sm_90"
};
// REQUIRES: open_device().
ProgramCompiler program_compiler();

// The binary, which load_program() takes. `log`, where it is given, becomes what the compiler says
// of each kernel's registers. THROWS: kInternal with the compiler's text.
std::string compile_program(const ProgramText& program, const std::string& architecture,
                            std::string* log = nullptr);

struct ProgramFunction {
  void* handle = nullptr;
};

class LoadedProgram {
 public:
  virtual ~LoadedProgram() = default;
  LoadedProgram() = default;
  LoadedProgram(const LoadedProgram&) = delete;
  LoadedProgram& operator=(const LoadedProgram&) = delete;

  // Usable as long as the program is there. THROWS: kDevice where it has none of this name.
  virtual ProgramFunction find(const std::string& kernel) const = 0;
};

// Not during a capture. THROWS: kDevice with the library's text.
std::unique_ptr<LoadedProgram> load_program(const std::string& binary);

// `arguments`: the program's struct, which is copied.
void launch_program(ProgramFunction function, std::int64_t blocks, int threads,
                    std::span<const std::byte> arguments, StreamHandle stream);

}  // namespace temper::cuda
