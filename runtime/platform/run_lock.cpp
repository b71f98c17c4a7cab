#include "runtime/platform/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "runtime/base/error.h"

namespace temper {

RunLock::RunLock(const std::string& folder) : folder_(open_path(folder, O_RDONLY | O_DIRECTORY)) {
  if (!folder_.is_open()) {
    fail_io("open the run folder", folder, errno);
  }
  int result = 0;
  do {
    result = ::flock(folder_.get(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0 && errno == EWOULDBLOCK) {
    fail(ErrorCode::kIo, "the run folder '", folder,
         "' is in use by another process; wait for it to end or write to another folder "
         "(train.out=DIR)");
  }
  if (result != 0) {
    fail_io("lock the run folder", folder, errno);
  }
}

}  // namespace temper
