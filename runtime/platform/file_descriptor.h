// An open file that closes itself, and the one place that turns errno into an error message.
#pragma once

#include <string>
#include <string_view>

namespace temper {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { close(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release();
  // Closes now; returns false (errno says why) when the system reports a late write error.
  bool close();

 private:
  int fd_ = -1;
};

// "cannot write out.onnx: No space left on device; ...": kIo, with advice for a full disk.
// `action` is a verb such as "write"; `error` is an errno value.
[[noreturn]] void fail_io(std::string_view action, std::string_view path, int error);

// The system's text for an errno value.
std::string errno_text(int error);

// openat with O_CLOEXEC, repeated when interrupted. Not open when it fails (errno says why).
FileDescriptor open_path(const std::string& path, int flags, unsigned mode = 0);

// fstat that insists on a regular file; returns its size. THROWS: kIo naming what it is instead.
long long require_regular_file(const FileDescriptor& file, const std::string& path);

}  // namespace temper
