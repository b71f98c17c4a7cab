// Keeps two trainers out of one run folder.
#pragma once

#include <string>

#include "runtime/platform/file_descriptor.h"

namespace temper {

// Takes the file or folder for as long as the descriptor stays open; the system lets go of it when
// the process dies in any way, and knows of processes in other containers too. Returns 0, or an
// errno: EWOULDBLOCK when somebody has it.
int try_lock(const FileDescriptor& file);

// Holds the folder until destroyed.
class RunLock {
 public:
  // `file`: a file of the folder, made if missing and never replaced, to be held as well: over a
  // network locks of files reach other hosts, those of folders do not.
  // THROWS: kIo when another process holds the folder, or when it cannot be opened.
  explicit RunLock(const std::string& folder, const std::string& file = {});

 private:
  FileDescriptor folder_;
  FileDescriptor file_;
};

}  // namespace temper
