// Where the fixtures lie: the source tree, as the build tells it.
#include "tests/training/test_files.h"

#include <temper_test_paths.h>

namespace temper::training {

std::string fixture(const std::string& name) {
  return std::string(TEMPER_SOURCE_DIR) + "/tests/training/fixtures/" + name;
}

}  // namespace temper::training
