#include "training/objective/side_files.h"

#include <utility>

#include "training/data/fingerprint.h"

namespace temper::training {

SideFile side_model(std::string key, const graph::OnnxModel& model) {
  return {std::move(key), model.path(), fingerprint_files(model.files(), true)};
}

SideFile side_file(std::string key, const std::string& path) {
  return {std::move(key), path, fingerprint_files({path}, true)};
}

}  // namespace temper::training
