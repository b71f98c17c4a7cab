#include "training/session/run_device.h"

#include "backends/backends.h"
#include "runtime/platform/threads.h"

namespace temper::training {

RunDevice open_device(TrainSettings& train, EngineOptions& options,
                      std::vector<std::string>& notes) {
  const DeviceChoice choice = choose_device(train.device);
  train.device = choice.device;
  if (!choice.why.empty()) {
    notes.push_back(choice.note());
  }
  options.threads = train.threads > 0 ? static_cast<int>(train.threads) : available_processors();
  options.plan_cache = train.plan_cache;
  return {options.make_backend ? options.make_backend(train.device) : make_backend(train.device),
          make_backend("reference")};
}

}  // namespace temper::training
