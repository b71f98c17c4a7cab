// Reading whole files, mapping them, and opening them without leaving a folder.
#include "runtime/platform/files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/base/error.h"

namespace temper {
namespace {

// O_NONBLOCK: opening a named pipe must not wait for its writer.
FileDescriptor open_for_reading(const std::string& path) {
  FileDescriptor file = open_path(path, O_RDONLY | O_NONBLOCK);
  if (!file.is_open()) {
    fail_io("read", path, errno);
  }
  return file;
}

template <class Bytes>
Bytes read_all(const std::string& path, std::uint64_t max_bytes) {
  const FileDescriptor file = open_for_reading(path);
  const auto size = static_cast<std::uint64_t>(require_regular_file(file, path));
  TEMPER_CHECK(size <= max_bytes, ErrorCode::kIo, "cannot read '", path, "': it has ", size,
               " bytes, more than the ", max_bytes, " allowed for such a file");
  Bytes content;
  content.resize(size);
  std::size_t done = 0;
  // Files of /proc and /sys report size 0 but have content: read on until the end.
  while (true) {
    if (done == content.size()) {
      if (done > max_bytes) {
        fail(ErrorCode::kIo, "cannot read '", path, "': it is longer than the ", max_bytes,
             " bytes allowed for such a file");
      }
      content.resize(done + (size == 0 ? 4096 : 1));
    }
    const ssize_t got = ::read(file.get(), content.data() + done, content.size() - done);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      fail_io("read", path, errno);
    }
    if (got == 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  TEMPER_CHECK(done <= max_bytes, ErrorCode::kIo, "cannot read '", path,
               "': it is longer than the ", max_bytes, " bytes allowed for such a file");
  content.resize(done);
  return content;
}

// The fallback without openat2: one component at a time, no symbolic links at all.
FileDescriptor walk_beneath(FileDescriptor folder, std::string_view relative) {
  while (true) {
    const std::size_t slash = relative.find('/');
    const std::string part(relative.substr(0, slash));
    relative.remove_prefix(slash == std::string_view::npos ? relative.size() : slash + 1);
    while (!relative.empty() && relative.front() == '/') {
      relative.remove_prefix(1);
    }
    if (part == "..") {
      errno = EXDEV;
      return {};
    }
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    if (relative.empty()) {
      return FileDescriptor(::openat(folder.get(), part.c_str(), flags));
    }
    FileDescriptor next(::openat(folder.get(), part.c_str(), flags | O_DIRECTORY));
    if (!next.is_open()) {
      return next;
    }
    folder = std::move(next);
  }
}

}  // namespace

std::vector<std::byte> read_file(const std::string& path, std::uint64_t max_bytes) {
  return read_all<std::vector<std::byte>>(path, max_bytes);
}

std::string read_text_file(const std::string& path, std::uint64_t max_bytes) {
  return read_all<std::string>(path, max_bytes);
}

FileDescriptor open_file(const std::string& path, std::uint64_t& bytes) {
  FileDescriptor file = open_for_reading(path);
  bytes = static_cast<std::uint64_t>(require_regular_file(file, path));
  return file;
}

void read_at(const FileDescriptor& file, std::uint64_t offset, std::span<std::byte> out,
             const std::string& path) {
  while (!out.empty()) {
    const ssize_t got = ::pread(file.get(), out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      fail_io("read", path, errno);
    }
    TEMPER_CHECK(got > 0, ErrorCode::kIo, "cannot read '", path, "': it ends at byte ", offset,
                 ", where more was expected; was it cut meanwhile?");
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

MappedFile::MappedFile(const std::string& path) { map(open_for_reading(path), path); }

MappedFile::MappedFile(const FileDescriptor& file, const std::string& path) { map(file, path); }

void MappedFile::map(const FileDescriptor& file, const std::string& path) {
  size_ = static_cast<std::size_t>(require_regular_file(file, path));
  if (size_ == 0) {
    return;  // mmap refuses an empty range
  }
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) {
    size_ = 0;
    fail_io("map", path, errno);
  }
  data_ = static_cast<std::byte*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(data_, size_);
  }
}

FileDescriptor open_beneath(const std::string& root, const std::string& relative) {
  const std::string shown = root + "/" + relative;
  TEMPER_CHECK(!relative.empty(), ErrorCode::kIo, "cannot read an empty path below '", root, "'");
  TEMPER_CHECK(!escapes_root(relative), ErrorCode::kIo, "cannot read '", relative,
               "': it lies outside the folder '", root, "'");
  FileDescriptor folder = open_path(root.empty() ? "." : root, O_RDONLY | O_DIRECTORY);
  if (!folder.is_open()) {
    fail_io("open the folder", root, errno);
  }
  open_how how{};
  how.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  long fd = -1;
  do {
    fd = ::syscall(SYS_openat2, folder.get(), relative.c_str(), &how, sizeof how);
  } while (fd < 0 && (errno == EINTR || errno == EAGAIN));
  FileDescriptor file(static_cast<int>(fd));
  if (!file.is_open() && (errno == ENOSYS || errno == EPERM)) {
    file = walk_beneath(std::move(folder), relative);
  }
  if (!file.is_open()) {
    const int error = errno;
    TEMPER_CHECK(error != EXDEV && error != ELOOP, ErrorCode::kIo, "cannot read '", shown,
                 "': it leads outside the folder '", root, "'");
    fail_io("read", shown, error);
  }
  require_regular_file(file, shown);
  return file;
}

bool escapes_root(std::string_view relative) {
  if (!relative.empty() && relative.front() == '/') {
    return true;
  }
  int depth = 0;
  while (!relative.empty()) {
    const std::size_t slash = relative.find('/');
    const std::string_view part = relative.substr(0, slash);
    relative.remove_prefix(slash == std::string_view::npos ? relative.size() : slash + 1);
    if (part == "..") {
      --depth;
    } else if (!part.empty() && part != ".") {
      ++depth;
    }
    if (depth < 0) {
      return true;
    }
  }
  return false;
}

}  // namespace temper
