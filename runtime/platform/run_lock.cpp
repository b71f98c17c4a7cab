#include "runtime/platform/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"

namespace temper {
namespace {

void lock(const FileDescriptor& file, const std::string& folder) {
  const int error = try_lock(file);
  if (error == EWOULDBLOCK) {
    fail(ErrorCode::kIo, "the run folder '", folder,
         "' is in use by another process; wait for it to end or write to another folder "
         "(train.out=DIR)");
  }
  if (error != 0) {
    fail_io("lock the run folder", folder, error);
  }
}

}  // namespace

int try_lock(const FileDescriptor& file) {
  int result = 0;
  do {
    result = ::flock(file.get(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : errno;
}

RunLock::RunLock(const std::string& folder, const std::string& file)
    : folder_(open_path(folder, O_RDONLY | O_DIRECTORY)) {
  if (!folder_.is_open()) {
    fail_io("open the run folder", folder, errno);
  }
  lock(folder_, folder);
  if (!file.empty()) {
    const std::string path = join_path(folder, file);
    file_ = open_path(path, O_CREAT | O_WRONLY, 0666);
    if (!file_.is_open()) {
      fail_io("open", path, errno);
    }
    lock(file_, folder);
  }
}

}  // namespace temper
