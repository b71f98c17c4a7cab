#include "runtime/platform/scratch_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"

namespace temper {

ScratchFile::ScratchFile(const std::string& folder) : shown_("a scratch file in " + folder) {
  file_ = open_path(folder.empty() ? "." : folder, O_TMPFILE | O_RDWR, 0600);
  if (!file_.is_open()) {  // file systems without it: named until it is open
    const std::string name = temporary_path(join_path(folder, "scratch"));
    file_ = open_path(name, O_CREAT | O_EXCL | O_RDWR, 0600);
    if (!file_.is_open()) {
      fail_io("create", shown_, errno);
    }
    ::unlink(name.c_str());
  }
}

void ScratchFile::write(std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = ::write(file_.get(), data.data(), data.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0) {
      fail_io("write", shown_, errno);
    }
    data = data.subspan(static_cast<std::size_t>(written));
    bytes_ += static_cast<std::uint64_t>(written);
  }
}

void ScratchFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  read_at(file_, offset, out, shown_);
}

}  // namespace temper
