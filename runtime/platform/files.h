// Files and folders: atomic writing, bounded reading, mapping, and opening below a folder.
// Every failure throws kIo with the path and the system's text; a full disk is said plainly.
// Threading: different objects may be used by different threads; one object by one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/platform/file_descriptor.h"

namespace temper {

// A file written under a temporary name in the target's folder. commit() makes it appear under
// its own name, complete and synced; without commit() the destructor removes it. A reader never
// sees a half-written file, and a file that stood there before stays until commit().
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Takes the blocks of `bytes` now, so that a full disk is seen before anything is written.
  void reserve(std::uint64_t bytes);
  void write(std::span<const std::byte> data);
  void write(std::string_view text);
  std::uint64_t bytes_written() const { return bytes_written_; }
  const std::string& path() const { return path_; }

  // fsync, rename, fsync of the folder.
  void commit();
  // The same under another name of the same folder, for one that follows from what was written.
  void commit_as(std::string path);

 private:
  std::string path_;
  std::string temporary_;
  FileDescriptor file_;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t reserved_ = 0;
  bool committed_ = false;
};

void write_file_atomically(const std::string& path, std::span<const std::byte> data);
void write_file_atomically(const std::string& path, std::string_view text);

// A log that only grows. On resume it is cut back to `keep_bytes` first (a longer kept part than
// the file has is an error). Lines are visible to readers as soon as write() returns; of a write
// that failed (disk full) nothing stays.
class AppendFile {
 public:
  explicit AppendFile(std::string path, std::uint64_t keep_bytes = UINT64_MAX);

  void write(std::span<const std::byte> data);
  void write(std::string_view text);
  void sync();
  std::uint64_t size() const { return size_; }

 private:
  std::string path_;
  FileDescriptor file_;
  std::uint64_t size_ = 0;
};

// The whole of a regular file. THROWS: kIo, also when it is larger than `max_bytes`.
std::vector<std::byte> read_file(const std::string& path, std::uint64_t max_bytes);
std::string read_text_file(const std::string& path, std::uint64_t max_bytes);

// A regular file open for reading; `bytes` is its size. THROWS: kIo.
FileDescriptor open_file(const std::string& path, std::uint64_t& bytes);
// Fills `out` with the bytes from `offset` on, which takes no memory but `out`: pages of a mapping
// count as the process's own. THROWS: kIo, also when the file ends before; `path` is for messages
// only. Threading: several threads may read one file.
void read_at(const FileDescriptor& file, std::uint64_t offset, std::span<std::byte> out,
             const std::string& path);

// A regular file mapped read-only. As an owner for Buffer::wrap:
//   auto file = std::make_shared<const MappedFile>(path);
//   Buffer::wrap(file->writable_data_for_views(), file->size(), file);
// Another process that cuts the file while it is mapped makes reading it fail with SIGBUS.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  // Of an open regular file (see open_beneath); `path` is for messages only.
  MappedFile(const FileDescriptor& file, const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  // The same address without const, because a Buffer has one pointer type. Writing through it
  // faults.
  void* writable_data_for_views() const { return data_; }

 private:
  void map(const FileDescriptor& file, const std::string& path);

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Opens the regular file `relative` for reading without leaving the folder `root`: no "..", no
// absolute path and no symbolic link may lead out of it; pipes and devices are refused without
// blocking. THROWS: kIo.
FileDescriptor open_beneath(const std::string& root, const std::string& relative);

// True when `relative` as text alone (absolute, or more ".." than names) leaves its folder.
bool escapes_root(std::string_view relative);

}  // namespace temper
