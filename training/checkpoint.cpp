#include "training/checkpoint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>
#include <span>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/compile/distillation.h"
#include "training/compile/weight_average.h"
#include "training/formats/json.h"
#include "training/formats/safetensors.h"
#include "training/formats/sha256.h"

namespace temper::training {
namespace {

constexpr const char* kWeights = "weights.safetensors";
constexpr const char* kOptimizer = "optimizer.safetensors";
constexpr const char* kAverages = "ema.safetensors";  // of a run that averages its weights
constexpr const char* kState = "state.json";
constexpr const char* kManifest = "MANIFEST";
const std::array<std::string, 5> kFiles = {kWeights, kOptimizer, kAverages, kState, kManifest};

// Where a checkpoint keeps a variable; averages have their weights' names there.
struct Place {
  std::string file, name;
};

Place place_of(const StoreVariable& variable) {
  const std::string& name = variable.name;
  constexpr std::string_view kPrefix = kAveragePrefix;
  return !variable.training_state    ? Place{kWeights, name}
         : name.starts_with(kPrefix) ? Place{kAverages, name.substr(kPrefix.size())}
                                     : Place{kOptimizer, name};
}

bool has_averages(const std::string& folder) {
  return file_status(join_path(folder, kAverages)).is_regular;
}

std::string folder_name(std::int64_t step) {
  char text[32];
  std::snprintf(text, sizeof text, "step-%012lld", static_cast<long long>(step));
  return text;
}

bool all_finite(const Tensor& tensor) {
  if (tensor.dtype() != DType::kFloat32 && tensor.dtype() != DType::kFloat64) {
    return true;
  }
  return visit_float(tensor.dtype(), [&]<class T>() {
    const auto values = tensor.span<T>();
    return std::all_of(values.begin(), values.end(), [](T value) { return std::isfinite(value); });
  });
}

// Files other than the manifest, with sizes and hashes; the manifest is what makes the folder a
// checkpoint.
void write_manifest(const std::string& folder) {
  JsonValue manifest = JsonValue::object();
  for (const std::string& name : kFiles) {
    if (name == kManifest || (name == kAverages && !has_averages(folder))) {
      continue;
    }
    const std::string path = join_path(folder, name);
    JsonValue entry = JsonValue::object();
    entry.set("bytes", static_cast<std::int64_t>(file_status(path).size));
    entry.set("sha256", sha256_of_file(path));
    manifest.set(name, std::move(entry));
  }
  write_file_atomically(join_path(folder, kManifest), manifest.text(2) + "\n");
}

void verify_manifest(const std::string& folder) {
  const std::string path = join_path(folder, kManifest);
  const JsonValue manifest =
      parse_json(read_text_file(path, 1 << 20), path, ErrorCode::kInvalidModel);
  for (const std::string& name : kFiles) {
    if (name == kManifest ||
        (name == kAverages && manifest.find(name) == nullptr && !has_averages(folder))) {
      continue;
    }
    const JsonValue& entry = manifest.at(name);
    const std::string file = join_path(folder, name);
    const FileStatus status = file_status(file);
    TEMPER_CHECK(status.is_regular, ErrorCode::kInvalidModel, file, " is missing");
    TEMPER_CHECK(static_cast<std::int64_t>(status.size) == entry.at("bytes").as_int("bytes"),
                 ErrorCode::kInvalidModel, file, " has ", status.size, " bytes, its MANIFEST says ",
                 entry.at("bytes").as_int("bytes"));
    TEMPER_CHECK(sha256_of_file(file) == entry.at("sha256").as_string("sha256"),
                 ErrorCode::kInvalidModel, file, " does not have the SHA-256 its MANIFEST says");
  }
}

std::vector<std::string> checkpoint_names(const std::string& checkpoints) {
  std::vector<std::string> names;
  if (!file_status(checkpoints).is_folder) {
    return names;
  }
  for (const std::string& name : list_directory(checkpoints)) {
    if (name.starts_with("step-")) {
      names.push_back(name);
    }
  }
  return names;  // sorted: oldest first
}

RunState read_state(const std::string& folder) {
  verify_manifest(folder);
  const std::string path = join_path(folder, kState);
  return run_state_from_json(
      parse_json(read_text_file(path, 1 << 24), path, ErrorCode::kInvalidModel));
}

// The teacher's do not change: they are in its own file.
bool is_saved(const StoreVariable& variable) { return !variable.name.starts_with(kTeacherPrefix); }

void load_variables(const std::string& folder, VariableStore& store) {
  std::map<std::string, SafetensorsFile> files;
  for (const char* file : {kWeights, kOptimizer, kAverages}) {
    if (file != kAverages || has_averages(folder)) {
      files[file] = read_safetensors(join_path(folder, file));
    }
  }
  std::vector<std::pair<int, const Tensor*>> values;
  for (int i = 0; i < store.count(); ++i) {  // look before anything is changed
    if (!is_saved(store.variable(i))) {
      continue;
    }
    const std::string& name = store.variable(i).name;
    const Place place = place_of(store.variable(i));
    const Tensor* value = files[place.file].find(place.name);
    TEMPER_CHECK(value != nullptr, ErrorCode::kInvalidModel, folder, " holds no tensor '", name,
                 "': it is of another model or optimizer");
    TEMPER_CHECK(value->shape() == store.variable(i).shape, ErrorCode::kInvalidModel, folder, ": '",
                 name, "' has the shape ", value->shape(), ", the model's ",
                 store.variable(i).shape);
    values.emplace_back(i, value);
  }
  for (const auto& [i, value] : values) {
    store.set(i, *value);
  }
}

bool is_whole(const std::string& folder) {
  try {
    verify_manifest(folder);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// A damaged checkpoint of this step makes room for the new one.
void remove_damaged(const std::string& folder) {
  if (file_status(folder).is_folder) {
    remove_folder(folder, list_directory(folder));
  }
}

}  // namespace

void save_checkpoint(const std::string& run_directory, const VariableStore& store,
                     const RunState& state, std::int64_t keep) {
  const std::string checkpoints = join_path(run_directory, "checkpoints");
  make_directories(checkpoints);
  const std::string name = folder_name(state.attempted);
  const std::string target = join_path(checkpoints, name);
  if (is_whole(target)) {
    return;  // this very step is saved already
  }
  std::map<std::string, std::vector<std::pair<std::string, Tensor>>> files{{kWeights, {}},
                                                                           {kOptimizer, {}}};
  for (int i = 0; i < store.count(); ++i) {
    if (!is_saved(store.variable(i))) {
      continue;
    }
    Tensor value = store.get(i);
    const bool is_state = store.variable(i).training_state;
    TEMPER_CHECK(is_state || all_finite(value), ErrorCode::kDiverged, "parameter '",
                 store.variable(i).name, "' is not finite; no checkpoint is written");
    Place place = place_of(store.variable(i));
    files[place.file].emplace_back(std::move(place.name), std::move(value));
  }
  const std::string temporary = temporary_path(target);
  TEMPER_CHECK(make_new_directory(temporary), ErrorCode::kIo, temporary, " exists already");
  try {
    for (const auto& [file, tensors] : files) {
      write_safetensors(join_path(temporary, file), tensors);
    }
    write_file_atomically(join_path(temporary, kState), to_json(state).text(2) + "\n");
    write_manifest(temporary);
    sync_directory(temporary);
    remove_damaged(target);
    rename_directory(temporary, target);
  } catch (...) {
    remove_folder(temporary, kFiles);
    throw;
  }
  std::vector<std::string> names = checkpoint_names(checkpoints);
  // Later ones are damaged, or this run would have gone on from them.
  std::erase_if(names, [&](const std::string& other) { return other > name; });
  while (static_cast<std::int64_t>(names.size()) > keep) {
    remove_folder(join_path(checkpoints, names.front()), kFiles);
    names.erase(names.begin());
  }
}

SavedTensors read_newest_checkpoint(const std::string& run_directory,
                                    std::vector<std::string>& notes) {
  const std::string checkpoints = join_path(run_directory, "checkpoints");
  const std::vector<std::string> names = checkpoint_names(checkpoints);
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const std::string folder = join_path(checkpoints, *name);
    try {
      SavedTensors saved;
      saved.state = read_state(folder);
      for (auto& [tensor, value] : read_safetensors(join_path(folder, kWeights)).tensors) {
        saved.weights[tensor] = value;
      }
      if (has_averages(folder)) {
        for (auto& [tensor, value] : read_safetensors(join_path(folder, kAverages)).tensors) {
          saved.averages[tensor] = value;
        }
      }
      return saved;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kInternal) {
        throw;
      }
      notes.push_back(concat("skipped the checkpoint ", *name, ": ", error.message()));
    }
  }
  fail(ErrorCode::kInvalidModel, "there is no checkpoint in ", checkpoints,
       notes.empty() ? "" : " that can be used: ", join(notes, "; "));
}

std::optional<RunState> load_newest_checkpoint(
    const std::string& run_directory, std::vector<std::string>& notes,
    const std::function<VariableStore&(const RunState&)>& accept) {
  const std::string checkpoints = join_path(run_directory, "checkpoints");
  const std::vector<std::string> names = checkpoint_names(checkpoints);
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const std::string folder = join_path(checkpoints, *name);
    std::optional<RunState> state;
    const auto attempt = [&](const auto& load) {
      try {
        load();
        return true;
      } catch (const Error& error) {
        if (error.code() == ErrorCode::kInternal) {
          throw;
        }
        notes.push_back(concat("skipped the checkpoint ", *name, ": ", error.message()));
        return false;
      }
    };
    if (!attempt([&] { state = read_state(folder); })) {
      continue;
    }
    VariableStore& store = accept(*state);
    if (attempt([&] { load_variables(folder, store); })) {
      return state;
    }
  }
  if (names.empty()) {
    return std::nullopt;
  }
  fail(ErrorCode::kInvalidModel, "no checkpoint in ", checkpoints,
       " can be used: ", join(notes, "; "));
}

}  // namespace temper::training
