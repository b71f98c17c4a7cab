#include "tests/cli/run_command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <temper_test_paths.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace temper::test {
namespace {

constexpr auto kPollEvery = std::chrono::milliseconds(5);

[[noreturn]] void become_temper(const std::vector<std::string>& arguments,
                                const CommandOptions& options, const ScratchFolder& scratch) {
  for (const auto& [name, value] : options.environment) {
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  const int out = ::open((scratch / "out").c_str(), O_CREAT | O_WRONLY, 0600);
  const int err = ::open((scratch / "err").c_str(), O_CREAT | O_WRONLY, 0600);
  const int in = ::open("/dev/null", O_RDONLY);
  if (::dup2(out, 1) < 0 || ::dup2(err, 2) < 0 || ::dup2(in, 0) < 0) {
    ::_exit(126);
  }
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) {
    ::_exit(126);
  }
  std::string binary = TEMPER_BUILD_DIR "/temper";
  std::vector<char*> pointers = {binary.data()};
  std::vector<std::string> copies = arguments;
  for (std::string& argument : copies) {
    pointers.push_back(argument.data());
  }
  pointers.push_back(nullptr);
  ::execv(binary.c_str(), pointers.data());
  ::_exit(127);
}

}  // namespace

CommandResult run_temper(const std::vector<std::string>& arguments, const CommandOptions& options) {
  const ScratchFolder scratch;
  const pid_t child = ::fork();
  if (child == 0) {
    become_temper(arguments, options, scratch);
  }
  if (child < 0) {
    throw std::runtime_error("fork failed");
  }
  bool to_terminate = !options.terminate_after.empty();
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (to_terminate &&
        file_text(scratch / "err").find(options.terminate_after) != std::string::npos) {
      ::kill(child, SIGTERM);
      to_terminate = false;
    }
    std::this_thread::sleep_for(kPollEvery);
  }
  CommandResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = file_text(scratch / "out");
  result.err = file_text(scratch / "err");
  return result;
}

ScratchFolder::ScratchFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "temper-cli-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error("cannot make a folder like " + name);
  }
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string digits(const std::string& name) { return TEMPER_SOURCE_DIR "/models/digits/" + name; }

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace temper::test
