// AtomicFile and AppendFile: writing that is complete or did not happen.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/run_lock.h"

namespace temper {
namespace {

void write_all(const FileDescriptor& file, std::span<const std::byte> data,
               const std::string& path) {
  while (!data.empty()) {
    const ssize_t written = ::write(file.get(), data.data(), data.size());
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      fail_io("write", path, errno);
    }
    data = data.subspan(static_cast<std::size_t>(written));
  }
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  do {
    temporary_ = temporary_path(path_);
    file_ = open_path(temporary_, O_CREAT | O_EXCL | O_WRONLY, 0666);
  } while (!file_.is_open() && errno == EEXIST);
  if (!file_.is_open()) {
    fail_io("create a file for", path_, errno);
  }
  // Where the file system has no locks, temporary files stay rather than being taken for left.
  [[maybe_unused]] const int ignored = try_lock(file_);
}

AtomicFile::~AtomicFile() {
  if (!committed_ && !temporary_.empty()) {
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::reserve(std::uint64_t bytes) {
  int error = 0;
  do {
    error = ::posix_fallocate(file_.get(), 0, static_cast<off_t>(bytes));
  } while (error == EINTR);
  // A file system without the call reports it; writing will find a full disk instead.
  if (error != 0 && error != EOPNOTSUPP && error != EINVAL) {
    fail_io("write", path_, error);
  }
  reserved_ = error == 0 ? bytes : 0;
}

void AtomicFile::write(std::span<const std::byte> data) {
  TEMPER_ASSERT(file_.is_open(), "AtomicFile::write after commit");
  // The disk begins now, not when commit() waits for it.
  constexpr std::uint64_t kStep = std::uint64_t{8} << 20;
  const std::uint64_t begun = bytes_written_ / kStep;
  write_all(file_, data, path_);
  bytes_written_ += data.size();
  if (const std::uint64_t whole = bytes_written_ / kStep; whole > begun) {
    ::sync_file_range(file_.get(), static_cast<off_t>(begun * kStep),
                      static_cast<off_t>((whole - begun) * kStep), SYNC_FILE_RANGE_WRITE);
  }
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::commit() {
  TEMPER_ASSERT(file_.is_open(), "AtomicFile::commit twice");
  if (reserved_ > bytes_written_ &&
      ::ftruncate(file_.get(), static_cast<off_t>(bytes_written_)) != 0) {
    fail_io("write", path_, errno);
  }
  // After a failed fsync the kernel may have dropped the data: never repeated, the file is given
  // up.
  if (::fsync(file_.get()) != 0) {
    fail_io("write", path_, errno);
  }
  if (!file_.close()) {
    fail_io("write", path_, errno);
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail_io("replace", path_, errno);
  }
  committed_ = true;
  sync_directory(folder_of(path_));
}

void AtomicFile::commit_as(std::string path) {
  TEMPER_ASSERT(folder_of(path) == folder_of(path_), "'", path, "' is in another folder");
  path_ = std::move(path);
  commit();
}

void write_file_atomically(const std::string& path, std::span<const std::byte> data) {
  AtomicFile file(path);
  file.reserve(data.size());
  file.write(data);
  file.commit();
}

void write_file_atomically(const std::string& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

AppendFile::AppendFile(std::string path, std::uint64_t keep_bytes) : path_(std::move(path)) {
  file_ = open_path(path_, O_CREAT | O_WRONLY | O_APPEND, 0666);
  if (!file_.is_open()) {
    fail_io("open", path_, errno);
  }
  size_ = static_cast<std::uint64_t>(require_regular_file(file_, path_));
  if (keep_bytes != UINT64_MAX) {
    TEMPER_CHECK(keep_bytes <= size_, ErrorCode::kIo, "cannot continue '", path_, "': it has ",
                 size_, " bytes, but ", keep_bytes, " were written before the run was stopped");
    if (::ftruncate(file_.get(), static_cast<off_t>(keep_bytes)) != 0) {
      fail_io("cut", path_, errno);
    }
    size_ = keep_bytes;
  }
}

void AppendFile::write(std::span<const std::byte> data) {
  try {
    write_all(file_, data, path_);
  } catch (const Error&) {
    // A log of whole records stays one; shortening needs no room, and there is nothing to do if it
    // fails too.
    [[maybe_unused]] const int ignored = ::ftruncate(file_.get(), static_cast<off_t>(size_));
    throw;
  }
  size_ += data.size();
}

void AppendFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AppendFile::sync() {
  if (::fsync(file_.get()) != 0) {
    fail_io("write", path_, errno);
  }
}

}  // namespace temper
