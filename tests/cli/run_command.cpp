#include "tests/cli/run_command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <temper_test_paths.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace temper::test {
namespace {

// `err`: the file of its messages.
[[noreturn]] void become_temper(const std::vector<std::string>& arguments,
                                const CommandOptions& options, const ScratchFolder& scratch,
                                int err) {
  for (const auto& [name, value] : options.environment) {
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  const int out = ::open((scratch / "out").c_str(), O_CREAT | O_WRONLY, 0600);
  const int in = ::open("/dev/null", O_RDONLY);
  if (::dup2(out, 1) < 0 || ::dup2(err, 2) < 0 || ::dup2(in, 0) < 0) {
    ::_exit(126);
  }
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) {
    ::_exit(126);
  }
  std::vector<std::string> words = options.under;
  words.push_back(TEMPER_BUILD_DIR "/temper");
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  ::execvp(pointers.front(), pointers.data());
  ::_exit(127);
}

// Where the child writes its messages: a file, or a pipe that holds one page. The pipe makes the
// child wait for who reads it, so that a signal reaches it at the message that calls for it.
class Messages {
 public:
  Messages(const std::string& path, bool pipe)
      : file_(::open(path.c_str(), O_CREAT | O_WRONLY, 0600)) {
    if (pipe &&
        (::pipe2(ends_.data(), O_CLOEXEC) != 0 || ::fcntl(ends_[1], F_SETPIPE_SZ, 4096) < 0)) {
      throw std::runtime_error("cannot make a pipe");
    }
  }
  ~Messages() {
    ::close(file_);
    ::close(ends_[0]);
  }
  Messages(const Messages&) = delete;
  Messages& operator=(const Messages&) = delete;

  int child_end() const { return ends_[1] >= 0 ? ends_[1] : file_; }

  // Copies the pipe to the file until the child has closed it; `reached` is asked with the text so
  // far until it says yes.
  template <class Reached>
  void follow(const Reached& reached) const {
    if (ends_[1] < 0) {
      return;
    }
    ::close(ends_[1]);
    std::string text;
    bool done = false;
    std::array<char, 512> part;
    for (ssize_t bytes = 0; (bytes = ::read(ends_[0], part.data(), part.size())) > 0;) {
      text.append(part.data(), static_cast<std::size_t>(bytes));
      done = done || reached(text);
    }
    if (::write(file_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error("cannot write the messages");
    }
  }

 private:
  int file_;
  std::array<int, 2> ends_ = {-1, -1};
};

}  // namespace

CommandResult run_temper(const std::vector<std::string>& arguments, const CommandOptions& options) {
  const ScratchFolder scratch;
  const Messages messages(scratch / "err", !options.terminate_after.empty());
  const pid_t child = ::fork();
  if (child == 0) {
    become_temper(arguments, options, scratch, messages.child_end());
  }
  if (child < 0) {
    throw std::runtime_error("fork failed");
  }
  messages.follow([&](const std::string& text) {
    const bool reached = text.find(options.terminate_after) != std::string::npos;
    if (reached) {
      ::kill(child, SIGTERM);
    }
    return reached;
  });
  int status = 0;
  ::waitpid(child, &status, 0);
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

std::string diff_fixture(const std::string& name) {
  return TEMPER_SOURCE_DIR "/tests/training/fixtures/diff/" + name;
}

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace temper::test
