#include "tools/cli/version.h"

#include "training/application/build_facts.h"

namespace temper::cli {

const char* version() { return training::version(); }

}  // namespace temper::cli
