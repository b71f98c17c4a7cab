#include "tools/cli/version.h"

#include "tools/charts/figure.h"
#include "training/application/build_facts.h"

namespace temper::cli {

const char* version() { return training::version(); }

std::string version_facts() {
  training::JsonValue facts = training::build_facts();
  facts.set("linking", TEMPER_LINKING);  // from CMake
  const bool draws = charts::why_no_charts().empty();
  facts.set("charts", draws ? "cairo" : "none");
  return facts.text();
}

}  // namespace temper::cli
