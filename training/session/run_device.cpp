#include "training/session/run_device.h"

#include <utility>

#include "backends/backends.h"
#include "runtime/base/concat.h"
#include "runtime/platform/threads.h"

namespace temper::training {

RunDevice open_device(TrainSettings& train, EngineOptions& options,
                      std::vector<std::string>& notes) {
  DeviceChoice choice = choose_device(train.device);
  train.device = choice.device;
  if (!choice.why.empty()) {
    notes.push_back(choice.note());
  }
  options.threads = train.threads > 0 ? static_cast<int>(train.threads) : available_processors();
  options.plan_cache = train.plan_cache;
  options.memory_limit = train.memory_limit << 20;
  RunDevice made{
      options.make_backend ? options.make_backend(train.device) : make_backend(std::move(choice)),
      make_backend("reference")};
  options.tf32 = train.tf32 && made.backend->has_tf32();
  if (train.tf32 && !options.tf32) {
    notes.push_back(concat("train.tf32 = true does nothing: the ", made.backend->name(),
                           " device has no TF32"));
  }
  return made;
}

}  // namespace temper::training
