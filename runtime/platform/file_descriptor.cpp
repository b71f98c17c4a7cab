#include "runtime/platform/file_descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/base/error.h"

namespace temper {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

int FileDescriptor::release() { return std::exchange(fd_, -1); }

bool FileDescriptor::close() {
  // Linux closes the descriptor even when close() is interrupted: never repeat it.
  const int fd = release();
  return fd < 0 || ::close(fd) == 0 || errno == EINTR;
}

std::string errno_text(int error) { return std::generic_category().message(error); }

void fail_io(std::string_view action, std::string_view path, int error) {
  const char* advice = "";
  if (error == ENOSPC) {
    advice = "; the disk is full: free some space or write to another folder";
  } else if (error == EDQUOT) {
    advice = "; your quota is used up: free some space or write to another folder";
  } else if (error == EFBIG) {
    advice = "; the file size limit of this process (ulimit -f) or of the file system is reached";
  }
  fail(ErrorCode::kIo, "cannot ", action, " '", path, "': ", errno_text(error), advice);
}

FileDescriptor open_path(const std::string& path, int flags, unsigned mode) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return FileDescriptor(fd);
}

long long require_regular_file(const FileDescriptor& file, const std::string& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    fail_io("examine", path, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    const char* kind = S_ISDIR(status.st_mode)    ? "a folder"
                       : S_ISFIFO(status.st_mode) ? "a named pipe"
                                                  : "a device or socket";
    fail(ErrorCode::kIo, "cannot read '", path, "': it is ", kind, ", not a regular file");
  }
  return status.st_size;
}

}  // namespace temper
