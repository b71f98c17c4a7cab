// Keeps two trainers out of one run folder.
#pragma once

#include <string>

#include "runtime/platform/file_descriptor.h"

namespace temper {

// Holds the folder until destroyed; the system lets go of it when the process dies in any way.
class RunLock {
 public:
  // THROWS: kIo when another process holds the folder, or when it cannot be opened.
  explicit RunLock(const std::string& folder);

 private:
  FileDescriptor folder_;
};

}  // namespace temper
