#include "tests/programs/kill_at_call.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

namespace temper::testing_programs {
namespace {

std::atomic<std::int64_t> calls{0};
std::atomic<std::int64_t> last_call{0};

void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) {
    ::pause();
  }
}

// The call made, unless the process ends before or after it.
template <class Call>
long counted(const Call& call) {
  const std::int64_t number = ++calls;
  const bool last = number == last_call;
  if (last && number % 2 != 0) {
    die();
  }
  const long result = call();
  if (last) {
    die();
  }
  return result;
}

}  // namespace

void kill_at_call(std::int64_t number) { last_call = number; }
std::int64_t calls_that_change_files() { return calls; }

}  // namespace temper::testing_programs

// A program's own functions come before the C library's.
using temper::testing_programs::calls;
using temper::testing_programs::counted;
using temper::testing_programs::last_call;

extern "C" {

ssize_t write(int file, const void* data, size_t bytes) {
  return counted([&] {
    const bool half = calls == last_call && bytes > 1;
    return ::syscall(SYS_write, file, data, half ? bytes / 2 : bytes);
  });
}

int fsync(int file) {
  return static_cast<int>(counted([&] { return ::syscall(SYS_fsync, file); }));
}

int ftruncate(int file, off_t bytes) noexcept {
  return static_cast<int>(counted([&] { return ::syscall(SYS_ftruncate, file, bytes); }));
}

int posix_fallocate(int file, off_t begin, off_t bytes) {
  return static_cast<int>(counted([&] {
    return ::syscall(SYS_fallocate, file, 0, begin, bytes) == 0 ? 0L : static_cast<long>(errno);
  }));
}

int rename(const char* from, const char* to) noexcept {
  return static_cast<int>(
      counted([&] { return ::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0U); }));
}

int unlink(const char* path) noexcept {
  return static_cast<int>(counted([&] { return ::syscall(SYS_unlinkat, AT_FDCWD, path, 0); }));
}

int rmdir(const char* path) noexcept {
  return static_cast<int>(
      counted([&] { return ::syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR); }));
}

int mkdir(const char* path, mode_t mode) noexcept {
  return static_cast<int>(counted([&] { return ::syscall(SYS_mkdirat, AT_FDCWD, path, mode); }));
}

}  // extern "C"
