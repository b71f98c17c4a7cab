// Runs the built `temper` as a child process, for the tests of the command.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace temper::test {

struct CommandResult {
  int exit_code = -1;  // 128 + number when a signal ended it
  std::string out;
  std::string err;
};

struct CommandOptions {
  std::map<std::string, std::string> environment;  // added to ours
  std::string folder;                              // to run in; empty: the test's
  std::vector<std::string> under;  // a program that runs the command, such as valgrind
  // When not empty: SIGTERM is sent once this text is in stderr, while the command can write no
  // more than 4 KiB after it.
  std::string terminate_after;
};

CommandResult run_temper(const std::vector<std::string>& arguments,
                         const CommandOptions& options = {});

// A new empty folder, removed with everything in it at the end of the test.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// models/digits/NAME of the source tree.
std::string digits(const std::string& name);
// A file of tests/training/fixtures/diff.
std::string diff_fixture(const std::string& name);

std::string file_text(const std::string& path);

}  // namespace temper::test
