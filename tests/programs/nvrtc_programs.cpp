// Programs of printed kernels given to NVRTC, for GPUs that are not there.
//
//   nvrtc_programs PROGRAM...
//
// Each is a file of the cache of programs, as a run on the emulated device keeps them: it has the
// text beside the binary. Prints kernels, seconds and registers for each architecture; fails where
// NVRTC refuses a program or a kernel spills registers, with 77 where there is no NVRTC.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <string_view>

#include "backends/cuda/nvrtc_support.h"
#include "backends/cuda/program_cache.h"
#include "backends/cuda/real/libraries.h"
#include "runtime/base/concat.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"

namespace temper::cuda {
namespace {

constexpr std::string_view kMark = "// program\n";  // PrintedPrograms::load()

ProgramText read_program(const std::string& path) {
  const auto key = key_of_cached_program(path);
  const std::size_t mark = key ? key->find(kMark) : std::string::npos;
  TEMPER_CHECK(mark != std::string::npos, ErrorCode::kInvalidArgument, path, " is no program");
  ProgramText program{key->substr(mark + kMark.size()), {}};
  constexpr std::string_view kName = "chain_";
  for (std::size_t at = 0; (at = program.source.find(kName, at)) != std::string::npos; ++at) {
    program.kernels.push_back(program.source.substr(at, program.source.find('(', at) - at));
  }
  return program;
}

// The numbers in front of `what` in a text.
std::vector<int> numbers_before(const std::string& text, std::string_view what) {
  std::vector<int> numbers;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) {
    const std::size_t begin = text.find_last_not_of("0123456789", at - 1) + 1;
    numbers.push_back(std::stoi(text.substr(begin, at - begin)));
  }
  return numbers;
}

int check(const std::string& path) {
  const ProgramText program = read_program(path);
  int wrong = 0;
  for (const char* architecture : {"sm_75", "sm_80", "sm_90"}) {
    std::string log;
    const auto begin = std::chrono::steady_clock::now();
    const std::string binary = compile_program(program, architecture, &log);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::vector<int> spills = numbers_before(log, " bytes spill stores");
    const std::vector<int> loads = numbers_before(log, " bytes spill loads");
    const std::vector<int> registers = numbers_before(log, " registers");
    spills.insert(spills.end(), loads.begin(), loads.end());
    const auto spilling = std::count_if(spills.begin(), spills.end(), [](int n) { return n > 0; });
    const bool all_listed = !program.kernels.empty() &&
                            registers.size() == program.kernels.size() &&
                            spills.size() == 2 * program.kernels.size();
    std::cout << concat(
                     architecture, ": ", program.kernels.size(), " kernels in ",
                     fixed_text(took.count(), 2), " s, ", binary.size(), " bytes, at most ",
                     registers.empty() ? 0 : *std::max_element(registers.begin(), registers.end()),
                     " registers, ", spilling, " spills", all_listed ? "" : ": not all listed")
              << '\n';
    wrong += all_listed && spilling == 0 ? 0 : 1;
  }
  return wrong;
}

int run(int count, char** paths) {
  const std::string found = nvrtc_library_text();
  std::cout << "NVRTC " << found << '\n';
  if (found.starts_with("missing")) {
    return 77;
  }
  int wrong = count > 0 ? 0 : 1;
  for (int i = 0; i < count; ++i) {
    std::cout << paths[i] << '\n';
    wrong += check(paths[i]);
  }
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace temper::cuda

int main(int argc, char** argv) {
  try {
    return temper::cuda::run(argc - 1, argv + 1);
  } catch (const temper::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
