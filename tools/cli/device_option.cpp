#include "tools/cli/device_option.h"

#include "runtime/base/concat.h"

namespace temper::cli {
namespace {

constexpr const char* kOption = "--device";

}  // namespace

OptionSpec device_option() {
  return {kOption, "NAME",
          concat("where to run, as train.device: ", join(device_names(), ", "),
                 "; cpu when left out, or the recipe's")};
}

void take_device(const Arguments& arguments, training::Recipe& recipe) {
  if (arguments.has(kOption)) {
    recipe.train.device = arguments.text(kOption);
    recipe.origins["train.device"] = "command line";
  }
}

DeviceChoice chosen_device(const Arguments& arguments, const std::string& otherwise) {
  DeviceChoice choice = choose_device(arguments.text(kOption, otherwise));
  if (!choice.why.empty()) {
    print_notes({choice.note()});
  }
  return choice;
}

}  // namespace temper::cli
