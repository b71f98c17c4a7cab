// NVRTC, loaded when it is first asked for. What it makes is loaded by the CUDA runtime, whose
// libraries of kernels belong to no context.
#include "backends/cuda/real/nvrtc.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>

#include "backends/cuda/nvrtc_support.h"
#include "backends/cuda/real/check.h"
#include "backends/cuda/real/libraries.h"

namespace temper::cuda {
namespace {

// What backends/common and device/ include of the standard library: NVRTC has none.
constexpr ProgramFile kStandardHeaders[] = {{"cmath", R"(#pragma once
namespace std {
using ::abs;
using ::erf;
using ::erfc;
using ::exp;
using ::expm1;
using ::log;
using ::log1p;
using ::pow;
using ::sqrt;
using ::tanh;
}
)"},
                                            {"type_traits", R"(#pragma once
namespace std {
template <class T> inline constexpr bool is_floating_point_v = false;
template <> inline constexpr bool is_floating_point_v<float> = true;
template <> inline constexpr bool is_floating_point_v<double> = true;
template <class T> inline constexpr bool is_signed_v = T(-1) < T(0);
}
)"},
                                            {"bit", R"(#pragma once
namespace std {
template <class To, class From>
constexpr To bit_cast(const From& from) { return __builtin_bit_cast(To, from); }
}
)"},
                                            {"cstdint", R"(#pragma once
namespace std {
using uint16_t = unsigned short;
using uint32_t = unsigned int;
using int64_t = long long;
}
)"}};

struct Library {
  std::string missing;
  nvrtc::Version version = nullptr;
  nvrtc::GetNumSupportedArchs architecture_count = nullptr;
  nvrtc::GetSupportedArchs architectures = nullptr;
  nvrtc::GetErrorString error_string = nullptr;
  nvrtc::CreateProgram create = nullptr;
  nvrtc::DestroyProgram destroy = nullptr;
  nvrtc::CompileProgram compile = nullptr;
  nvrtc::GetSize log_size = nullptr, binary_size = nullptr;
  nvrtc::GetText log = nullptr, binary = nullptr;
};

template <class F>
void take(Library& library, const char* name, F& function) {
  function = reinterpret_cast<F>(nvrtc_function(name));
  if (function == nullptr && library.missing.empty()) {
    library.missing = nvrtc_function("nvrtcVersion") == nullptr
                          ? nvrtc_library_text()
                          : concat(nvrtc_library_text(), " has no ", name);
  }
}

const Library& library() {
  static const Library loaded = [] {
    Library l;
    take(l, "nvrtcVersion", l.version);
    take(l, "nvrtcGetNumSupportedArchs", l.architecture_count);
    take(l, "nvrtcGetSupportedArchs", l.architectures);
    take(l, "nvrtcGetErrorString", l.error_string);
    take(l, "nvrtcCreateProgram", l.create);
    take(l, "nvrtcDestroyProgram", l.destroy);
    take(l, "nvrtcCompileProgram", l.compile);
    take(l, "nvrtcGetProgramLogSize", l.log_size);
    take(l, "nvrtcGetProgramLog", l.log);
    take(l, "nvrtcGetCUBINSize", l.binary_size);
    take(l, "nvrtcGetCUBIN", l.binary);
    return l;
  }();
  return loaded;
}

std::string version_text() {
  int major = 0, minor = 0;
  library().version(&major, &minor);
  return concat("NVRTC ", major, ".", minor);
}

void check_nvrtc(int status, const char* what, const std::string& said = {}) {
  TEMPER_CHECK(status == 0, ErrorCode::kInternal, what, ": ", library().error_string(status),
               said.empty() ? "" : ": ", said.substr(0, 2000));
}

class Source {
 public:
  explicit Source(const ProgramText& program) {
    std::vector<const char*> names, texts;
    const auto add = [&](const ProgramFile& file) {
      for (const std::string_view part : {file.name, file.text}) {
        kept_.push_back(std::make_unique<std::string>(part));
      }
      names.push_back(kept_[kept_.size() - 2]->c_str());
      texts.push_back(kept_.back()->c_str());
    };
    for (const ProgramFile& file : kStandardHeaders) {
      add(file);
    }
    for (const ProgramFile& file : program_files()) {
      add(file);
    }
    check_nvrtc(library().create(&handle_, program.source.c_str(), "program.cu",
                                 static_cast<int>(names.size()), texts.data(), names.data()),
                "handing a program to NVRTC");
  }
  ~Source() { library().destroy(&handle_); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  nvrtc::Program handle() const { return handle_; }

 private:
  std::vector<std::unique_ptr<std::string>> kept_;  // with a 0 at the end
  nvrtc::Program handle_ = nullptr;
};

std::string text_of(nvrtc::Program program, nvrtc::GetSize ask_size, nvrtc::GetText ask_text,
                    const char* what) {
  std::size_t size = 0;
  check_nvrtc(ask_size(program, &size), what);
  std::string text(size, '\0');
  check_nvrtc(ask_text(program, text.data()), what);
  return text;
}

class LoadedLibrary final : public LoadedProgram {
 public:
  explicit LoadedLibrary(const std::string& binary) : binary_(binary) {
    check(cudaLibraryLoadData(&library_, binary_.data(), nullptr, nullptr, 0, nullptr, nullptr, 0),
          "loading a program");
  }
  ~LoadedLibrary() override { cudaLibraryUnload(library_); }

  ProgramFunction find(const std::string& kernel) const override {
    cudaKernel_t found = nullptr;
    check(cudaLibraryGetKernel(&found, library_, kernel.c_str()), "finding a program's kernel");
    return {found};
  }

 private:
  std::string binary_;
  cudaLibrary_t library_ = nullptr;
};

}  // namespace

ProgramCompiler program_compiler() {
  if (!library().missing.empty()) {
    return {library().missing, {}, {}};
  }
  int device = 0, major = 0, minor = 0, count = 0;
  check(cudaGetDevice(&device), "asking for the device");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
        "asking for the compute capability");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device),
        "asking for the compute capability");
  check_nvrtc(library().architecture_count(&count), "asking NVRTC for architectures");
  std::vector<int> known(static_cast<std::size_t>(count));
  check_nvrtc(library().architectures(known.data()), "asking NVRTC for architectures");
  ProgramCompiler found{{}, version_text(), concat("sm_", major, minor)};
  if (std::find(known.begin(), known.end(), major * 10 + minor) == known.end()) {
    found.missing = concat(found.version, " does not know ", found.architecture);
  }
  return found;
}

// As nvcc compiles the kernels of this backend.
std::string compile_program(const ProgramText& program, const std::string& architecture,
                            std::string* log) {
  TEMPER_CHECK(library().missing.empty(), ErrorCode::kUnsupported, library().missing);
  const Source source(program);
  const std::string target = "--gpu-architecture=" + architecture;
  // -w: it does not know what always_inline is.
  const std::array options = {target.c_str(),    "-std=c++20", "--fmad=false",
                              "-default-device", "-w",         "--ptxas-options=-v"};
  const int count = static_cast<int>(options.size()) - (log == nullptr ? 1 : 0);
  const int status = library().compile(source.handle(), count, options.data());
  const std::string said = text_of(source.handle(), library().log_size, library().log, "NVRTC");
  check_nvrtc(status, "NVRTC refuses a program (TEMPER_NVRTC=off interprets instead)", said);
  if (log != nullptr) {
    *log = said;
  }
  return text_of(source.handle(), library().binary_size, library().binary, "NVRTC's binary");
}

std::unique_ptr<LoadedProgram> load_program(const std::string& binary) {
  return std::make_unique<LoadedLibrary>(binary);
}

void launch_program(ProgramFunction function, std::int64_t blocks, int threads,
                    std::span<const std::byte> arguments, StreamHandle stream) {
  if (blocks == 0) {
    return;
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.stream = static_cast<cudaStream_t>(stream.handle);
  // The runtime reads as many bytes as the kernel's parameter has.
  void* parameters[] = {const_cast<std::byte*>(arguments.data())};
  check(cudaLaunchKernelExC(&config, function.handle, parameters), "launching a program's kernel");
}

}  // namespace temper::cuda
