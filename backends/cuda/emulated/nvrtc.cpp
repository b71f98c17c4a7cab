// Programs on the emulated device: the same text, compiled by the C++ compiler of the machine
// against the language of the emulated kernels, as a library that is loaded. Only where the
// environment asks for it (TEMPER_NVRTC=on): the compiler takes longer than most tests.
#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "backends/cuda/emulated/emulated_stream.h"
#include "backends/cuda/emulated/thread_scheduler.h"
#include "backends/cuda/nvrtc_support.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/process.h"

namespace temper::cuda {

// Written by CMake: the language of kernels.
std::span<const ProgramFile> language_files();

namespace {

// A folder of its own that goes with what is in it.
class WorkFolder {
 public:
  WorkFolder() {
    path_ = environment("TMPDIR").value_or("/tmp") + "/temper-program-XXXXXX";
    TEMPER_CHECK(mkdtemp(path_.data()) != nullptr, ErrorCode::kIo, "no folder ", path_,
                 " can be made");
  }
  ~WorkFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  std::string path(std::string_view name) const { return join_path(path_, name); }

 private:
  std::string path_;
};

std::string compiler() {
  static const std::string found = [] {
    for (const char* name : {"g++", "c++"}) {
      if (std::system(concat("command -v ", name, " >/dev/null 2>&1").c_str()) == 0) {
        return std::string(name);
      }
    }
    return std::string();
  }();
  return found;
}

// The library does not see the scheduler of the program that loads it, and is told of it; a call
// of a kernel, whatever its arguments, is a call by their address.
std::string with_entries(const ProgramText& program) {
  std::string text =
      concat("#include \"backends/cuda/emulated/kernel_language.h\"\n", program.source,
             R"(
namespace {
const temper::emulated::Running& (*host_running)() = nullptr;
}
namespace temper::emulated {
const Running& running() { return host_running(); }
}
extern "C" void temper_connect(const temper::emulated::Running& (*running)()) {
  host_running = running;
}
)");
  for (const std::string& kernel : program.kernels) {
    text += concat("extern \"C\" void run_", kernel, "(const void* arguments) { ", kernel,
                   "(*static_cast<const Arguments*>(arguments)); }\n");
  }
  return text;
}

class LoadedLibrary final : public LoadedProgram {
 public:
  explicit LoadedLibrary(const std::string& binary) {
    const WorkFolder folder;
    write_file_atomically(folder.path("program.so"), binary);
    library_ = dlopen(folder.path("program.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    TEMPER_CHECK(library_ != nullptr, ErrorCode::kDevice, "loading a program: ", dlerror());
    using Connect = void (*)(const emulated::Running& (*)());
    reinterpret_cast<Connect>(symbol("temper_connect"))(&emulated::running);
  }
  ~LoadedLibrary() override { dlclose(library_); }

  ProgramFunction find(const std::string& kernel) const override {
    return {symbol(concat("run_", kernel))};
  }

 private:
  void* symbol(const std::string& name) const {
    void* found = dlsym(library_, name.c_str());
    TEMPER_CHECK(found != nullptr, ErrorCode::kDevice, "a program without ", name);
    return found;
  }

  void* library_ = nullptr;
};

}  // namespace

ProgramCompiler program_compiler() {
  if (environment("TEMPER_NVRTC") != "on") {
    return {"the emulated device compiles programs with TEMPER_NVRTC=on only", {}, {}};
  }
  if (compiler().empty()) {
    return {"there is no g++", {}, {}};
  }
  return {{}, compiler(), "host"};
}

std::string compile_program(const ProgramText& program, const std::string&, std::string* log) {
  const WorkFolder folder;
  for (const std::span<const ProgramFile> files : {program_files(), language_files()}) {
    for (const ProgramFile& file : files) {
      const std::string path = folder.path(file.name);
      make_directories(folder_of(path));
      write_file_atomically(path, file.text);
    }
  }
  write_file_atomically(folder.path("program.cpp"), with_entries(program));
  const std::string command =
      concat(compiler(), " -std=c++20 -O1 -w -ffp-contract=off -shared -fPIC -I'", folder.path(""),
             "' '", folder.path("program.cpp"), "' -o '", folder.path("program.so"), "' >'",
             folder.path("log"), "' 2>&1");
  const int status = std::system(command.c_str());
  count_compiled_program();
  const std::string said = read_text_file(folder.path("log"), std::uint64_t{1} << 30);
  TEMPER_CHECK(status == 0, ErrorCode::kInternal, compiler(),
               " refuses a program: ", said.substr(0, 2000));
  if (log != nullptr) {
    *log = said;
  }
  return read_text_file(folder.path("program.so"), std::uint64_t{1} << 30);
}

std::unique_ptr<LoadedProgram> load_program(const std::string& binary) {
  return std::make_unique<LoadedLibrary>(binary);
}

void launch_program(ProgramFunction function, std::int64_t blocks, int threads,
                    std::span<const std::byte> arguments, StreamHandle stream) {
  if (blocks == 0) {
    return;
  }
  using Call = void (*)(const void*);
  struct Work {
    Call call;
    std::vector<std::byte> arguments;
  };
  stream_of(stream).queue(
      [work = Work{reinterpret_cast<Call>(function.handle), {arguments.begin(), arguments.end()}},
       blocks, threads]() mutable {
        emulated::run_grid(
            reinterpret_cast<const void*>(work.call), {static_cast<unsigned>(blocks), 1, 1},
            {static_cast<unsigned>(threads), 1, 1}, 0,
            [](void* context) {
              const Work& made = *static_cast<Work*>(context);
              made.call(made.arguments.data());
            },
            &work);
      },
      true);
}

}  // namespace temper::cuda
