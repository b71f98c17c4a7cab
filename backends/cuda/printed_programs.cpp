#include "backends/cuda/printed_programs.h"

#include <optional>
#include <span>
#include <utility>

#include "backends/cuda/program_cache.h"
#include "runtime/base/error.h"
#include "runtime/platform/process.h"

namespace temper::cuda {
namespace {

constexpr int kThreads = 256;  // as the printed kernels are bound to

}  // namespace

void PrintedKernel::run(const PrintedArguments& arguments, StreamHandle stream) const {
  TEMPER_ASSERT(function_.handle != nullptr, "a printed kernel runs before it is compiled");
  const std::int64_t elements = std::int64_t{kThreads} * printed_width(expression_);  // of a block
  launch_program(function_, (arguments.count + elements - 1) / elements, kThreads,
                 std::as_bytes(std::span(&arguments, 1)), stream);
}

PrintedPrograms::PrintedPrograms() {
  const std::optional<std::string> asked = environment("TEMPER_NVRTC");
  TEMPER_CHECK(!asked || *asked == "on" || *asked == "off", ErrorCode::kInvalidArgument,
               "TEMPER_NVRTC is '", *asked, "', expected on or off");
  compiler_ = asked == "off" ? ProgramCompiler{"TEMPER_NVRTC is off", {}, {}} : program_compiler();
}

PrintedUse PrintedPrograms::add(const DeviceExpression& expression) {
  if (!compiler_.missing.empty()) {
    return {};
  }
  const std::string text = printed_kernel(expression, "");
  const std::scoped_lock lock(mutex_);
  std::unique_ptr<PrintedKernel>& kernel = kernels_[text];
  if (kernel == nullptr) {
    kernel = std::make_unique<PrintedKernel>(expression);
  }
  PrintedUse use{kernel.get(), kernel->is_wanted_.lock()};
  if (use.wants == nullptr) {
    use.wants = std::make_unique<char>();
    kernel->is_wanted_ = use.wants;
  }
  if (kernel->function_.handle == nullptr && !kernel->waits_) {
    kernel->waits_ = true;
    waiting_.push_back(kernel.get());
  }
  return use;
}

std::unique_ptr<LoadedProgram> PrintedPrograms::load(const ProgramText& program) const {
  std::string key = concat("temper ", TEMPER_VERSION, ", ", compiler_.version, ", ",
                           compiler_.architecture, "\n");
  for (const ProgramFile& file : program_files()) {
    key += concat("// ", file.name, "\n", file.text);
  }
  key += concat("// program\n", program.source);
  const std::string folder = program_cache_folder();
  if (const std::optional<std::string> kept = read_cached_program(folder, key)) {
    try {
      return load_program(*kept);
    } catch (const Error&) {
      // Whatever is wrong with it, a new one is made.
    }
  }
  const std::string binary = compile_program(program, compiler_.architecture);
  keep_program(folder, key, binary);
  return load_program(binary);
}

void PrintedPrograms::compile() {
  const std::scoped_lock lock(mutex_);
  std::vector<PrintedKernel*> wanted;
  ProgramText program{printed_prologue(), {}};
  for (PrintedKernel* kernel : std::exchange(waiting_, {})) {
    kernel->waits_ = false;
    if (!kernel->is_wanted_.expired()) {
      program.kernels.push_back(concat("chain_", wanted.size()));
      program.source += printed_kernel(kernel->expression_, program.kernels.back());
      wanted.push_back(kernel);
    }
  }
  if (wanted.empty()) {
    return;
  }
  programs_.push_back(load(program));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    wanted[i]->function_ = programs_.back()->find(program.kernels[i]);
  }
}

std::string PrintedPrograms::text() const {
  return compiler_.missing.empty() ? concat("elementwise chains by ", compiler_.version)
                                   : "elementwise chains interpreted";
}

}  // namespace temper::cuda
