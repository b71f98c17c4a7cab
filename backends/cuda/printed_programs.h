// The printed kernels of a backend (printed_kernel.h): what its rows prepare is gathered until the
// first of them is bound, and then compiled as one program, or taken from the cache of programs on
// the disk. So a model's step has one program, made before the step is captured.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/cuda/nvrtc_support.h"
#include "backends/cuda/printed_kernel.h"

namespace temper::cuda {

class PrintedKernel {
 public:
  explicit PrintedKernel(const DeviceExpression& expression) : expression_(expression) {}

  // REQUIRES: a compile() since it was added.
  void run(const PrintedArguments& arguments, StreamHandle stream) const;

 private:
  friend class PrintedPrograms;
  DeviceExpression expression_;
  ProgramFunction function_;
  bool waits_ = false;                   // to be compiled
  std::weak_ptr<const void> is_wanted_;  // by a kernel that was prepared
};

struct PrintedUse {
  const PrintedKernel* kernel = nullptr;  // null where no programs are compiled
  std::shared_ptr<const void> wants;      // as long as it is there, the kernel will be compiled
};

// Threading: any thread may ask.
class PrintedPrograms {
 public:
  // THROWS: kInvalidArgument for a TEMPER_NVRTC that is neither "on" nor "off".
  PrintedPrograms();

  // One kernel for all expressions of the same text, as long as this is there.
  PrintedUse add(const DeviceExpression& expression);
  // Compiles what was added since, unless nobody wants it any more. THROWS: kInternal with the
  // compiler's text.
  void compile();
  // What compiles, or why nothing does.
  std::string text() const;

 private:
  std::unique_ptr<LoadedProgram> load(const ProgramText& program) const;

  std::mutex mutex_;
  ProgramCompiler compiler_;
  std::map<std::string, std::unique_ptr<PrintedKernel>> kernels_;  // by their text
  std::vector<PrintedKernel*> waiting_;
  std::vector<std::unique_ptr<LoadedProgram>> programs_;
};

}  // namespace temper::cuda
