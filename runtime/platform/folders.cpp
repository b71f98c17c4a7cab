#include "runtime/platform/folders.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>

#include "runtime/base/error.h"
#include "runtime/platform/file_descriptor.h"
#include "runtime/platform/run_lock.h"

namespace temper {
namespace {

// Makes temporary names different within one process.
std::atomic<unsigned> temporary_counter{0};

void rename_path(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    fail_io(concat("rename '", from, "' to"), to, errno);
  }
  sync_directory(folder_of(to));
}

// ".name.PROCESS.N.tmp"
bool is_temporary_name(std::string_view name) {
  if (!name.starts_with('.') || !name.ends_with(".tmp")) {
    return false;
  }
  name.remove_suffix(4);
  for (int part = 0; part < 2; ++part) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size() ||
        name.find_first_not_of("0123456789", dot + 1) != std::string_view::npos) {
      return false;
    }
    name = name.substr(0, dot);
  }
  return true;
}

// Whether nobody writes it any more. Process numbers do not tell: another host or container has
// the same ones.
bool is_abandoned(const std::string& path, bool is_folder) {
  const FileDescriptor opened =
      open_path(path, is_folder ? O_RDONLY | O_DIRECTORY : O_WRONLY | O_NONBLOCK);
  return opened.is_open() && try_lock(opened) == 0;
}

}  // namespace

FileStatus file_status(const std::string& path) {
  struct stat raw{};
  FileStatus status;
  if (::stat(path.c_str(), &raw) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) {
      fail_io("examine", path, errno);
    }
    return status;
  }
  status.exists = true;
  status.is_regular = S_ISREG(raw.st_mode);
  status.is_folder = S_ISDIR(raw.st_mode);
  status.size = static_cast<std::uint64_t>(raw.st_size);
  status.modified_ns =
      static_cast<std::int64_t>(raw.st_mtim.tv_sec) * 1'000'000'000 + raw.st_mtim.tv_nsec;
  return status;
}

void make_directories(const std::string& path) {
  std::size_t end = 0;
  while (end != std::string::npos) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (part.empty() || ::mkdir(part.c_str(), 0777) == 0) {
      continue;
    }
    const int error = errno;  // on a read-only file system an existing folder gives EROFS
    if (!file_status(part).is_folder) {
      fail_io("make the folder", part, error == EEXIST ? ENOTDIR : error);
    }
  }
}

bool make_new_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0) {
    return true;
  }
  if (errno != EEXIST) {
    fail_io("make the folder", path, errno);
  }
  return false;
}

std::vector<std::string> list_directory(const std::string& path) {
  struct Closer {
    void operator()(DIR* folder) const { ::closedir(folder); }
  };
  const std::unique_ptr<DIR, Closer> folder(::opendir(path.c_str()));
  if (folder == nullptr) {
    fail_io("list the folder", path, errno);
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
    errno = 0;
  }
  if (errno != 0) {
    fail_io("list the folder", path, errno);
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0) {
    return true;
  }
  if (errno != ENOENT) {
    fail_io("remove", path, errno);
  }
  return false;
}

void remove_folder(const std::string& path, std::span<const std::string> names) {
  for (const std::string& present : list_directory(path)) {
    TEMPER_CHECK(std::find(names.begin(), names.end(), present) != names.end(), ErrorCode::kIo,
                 "cannot remove the folder '", path, "': it holds '", present,
                 "', which does not belong there");
  }
  for (const std::string& name : names) {
    remove_file(join_path(path, name));
  }
  if (::rmdir(path.c_str()) != 0) {
    fail_io("remove the folder", path, errno);
  }
  sync_directory(folder_of(path));
}

void rename_directory(const std::string& from, const std::string& to) { rename_path(from, to); }
void rename_file(const std::string& from, const std::string& to) { rename_path(from, to); }

void sync_directory(const std::string& path) {
  const FileDescriptor folder = open_path(path, O_RDONLY | O_DIRECTORY);
  if (!folder.is_open()) {
    // A folder one may write to but not list (a drop box) cannot be opened: nothing to sync with.
    if (errno == EACCES) {
      return;
    }
    fail_io("open the folder", path, errno);
  }
  // Some network file systems do not sync folders and say so with EINVAL.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) {
    fail_io("sync the folder", path, errno);
  }
}

std::uint64_t free_bytes(const std::string& path) {
  struct statvfs status{};
  if (::statvfs(path.c_str(), &status) != 0) {
    fail_io("examine", path, errno);
  }
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string file_name_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string join_path(std::string_view folder, std::string_view name) {
  if (folder.empty() || name.starts_with('/')) {
    return std::string(name);
  }
  return concat(folder, folder.ends_with('/') ? "" : "/", name);
}

std::string temporary_path(const std::string& path) {
  return join_path(folder_of(path),
                   concat(".", file_name_of(path), ".", static_cast<int>(::getpid()), ".",
                          temporary_counter.fetch_add(1), ".tmp"));
}

int remove_stale_temporaries(const std::string& folder) {
  int removed = 0;
  for (const std::string& name : list_directory(folder)) {
    const std::string path = join_path(folder, name);
    const FileStatus status = file_status(path);
    if (!is_temporary_name(name) || !is_abandoned(path, status.is_folder)) {
      continue;
    }
    if (status.is_folder) {
      remove_folder(path, list_directory(path));
    } else {
      remove_file(path);
    }
    ++removed;
  }
  return removed;
}

}  // namespace temper
