// What a checkpoint records of the data files, to notice that they are others on resume.
#pragma once

#include <string>
#include <vector>

namespace temper::training {

// "SIZE-SHA256": the SHA-256 covers the size and the first and last MiB of each file, in order; or
// all bytes when `complete`. Names and times do not count.
std::string fingerprint_files(const std::vector<std::string>& paths, bool complete = false);

}  // namespace temper::training
