// Folders and what lies in them: making, listing, renaming, removing, free space.
// Every failure throws kIo with the path and the system's text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace temper {

struct FileStatus {
  bool exists = false;
  bool is_regular = false;
  bool is_folder = false;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  // since 1970, UTC
};

// Follows symbolic links. A missing file is not an error; a folder that cannot be searched is.
FileStatus file_status(const std::string& path);

// Makes the folder and all above it; one that is there already is fine.
void make_directories(const std::string& path);
// Makes exactly this folder. Returns false when the name is taken: for `runs/NAME-N`.
bool make_new_directory(const std::string& path);

// The names (not paths) in a folder, sorted, without "." and "..".
std::vector<std::string> list_directory(const std::string& path);

// Removes a file; a missing one is not an error. Returns whether there was one.
bool remove_file(const std::string& path);
// Removes the named files of a folder, then the folder. Anything else in it stops the removal
// with an error that names it: a wrong path cannot take foreign files with it.
void remove_folder(const std::string& path, std::span<const std::string> names);

// Renames and syncs the folder that holds the new name. An existing non-empty target is an error.
void rename_directory(const std::string& from, const std::string& to);
void rename_file(const std::string& from, const std::string& to);
// fsync of a folder, so that names made or removed in it survive a power cut.
void sync_directory(const std::string& path);

// Free bytes for an ordinary user on the file system of `path`.
std::uint64_t free_bytes(const std::string& path);

// The folder part ("." when there is none), the last part, and both joined.
std::string folder_of(const std::string& path);
std::string file_name_of(const std::string& path);
std::string join_path(std::string_view folder, std::string_view name);

// A hidden name next to `path`: ".best.onnx.4711.3.tmp". In another container or on another host
// somebody may have the same one: make it so that a taken name is noticed.
std::string temporary_path(const std::string& path);
// Removes temporary files (and folders of plain files) that nobody holds (AtomicFile, RunLock) any
// more. Returns how many.
int remove_stale_temporaries(const std::string& folder);

}  // namespace temper
