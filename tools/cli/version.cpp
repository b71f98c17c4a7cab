#include "tools/cli/version.h"

namespace temper::cli {

const char* version() { return TEMPER_VERSION; }  // from CMake's project()

}  // namespace temper::cli
