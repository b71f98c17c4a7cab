// The one exception type of Temper, its codes (which decide the command's exit code), and the
// checks that throw it.
#pragma once

#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/concat.h"

namespace temper {

enum class ErrorCode {
  kInternal,         // our bug
  kInvalidArgument,  // command line or recipe wrong
  kInvalidModel,     // a model or checkpoint file breaks its own rules
  kInvalidData,      // a data file is malformed
  kIo,               // file system, disk full, run directory in use
  kDiverged,         // non-finite or diverging loss, as asked
  kOutOfMemory,      // the message says how much, for what
  kDistributed,      // a peer was lost, timed out or disagrees
  kUnsupported,      // valid, but missing here
  kDevice,           // a device, its driver or its library failed
};

// The exit code of the `temper` command for an error with this code (1 to 9).
int exit_code(ErrorCode code);

// A short name for people and for `--json`, such as "invalid model".
std::string_view to_string(ErrorCode code);

// What went wrong, with notes added on the way up at three borders: import, compile, run.
// Message grammar: what, actual, expected, where, what to type.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message);

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::vector<std::string>& notes() const { return notes_; }

  // Adds a line such as "while importing bert.onnx". Rethrow with `throw;` after it.
  void add_note(std::string note);

  // The message and its notes, one per line.
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
  std::vector<std::string> notes_;
  std::string text_;
};

[[noreturn]] void throw_error(ErrorCode code, std::string message);
[[noreturn]] void fail_parts(ErrorCode code, std::initializer_list<TextPart> parts);
[[noreturn]] void throw_assertion(const char* condition, const char* file, int line,
                                  std::initializer_list<TextPart> parts);

// Throws an Error whose message is the parts written one after the other.
template <class... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  fail_parts(code, {parts...});
}

}  // namespace temper

// For input we were given. The parts are evaluated only on failure.
#define TEMPER_CHECK(condition, code, ...)         \
  do {                                             \
    if (!(condition)) {                            \
      ::temper::fail_parts((code), {__VA_ARGS__}); \
    }                                              \
  } while (false)

// For our own invariants; stays on in release builds.
#define TEMPER_ASSERT(condition, ...)                                           \
  do {                                                                          \
    if (!(condition)) {                                                         \
      ::temper::throw_assertion(#condition, __FILE__, __LINE__, {__VA_ARGS__}); \
    }                                                                           \
  } while (false)
