#include "training/records/checkpoint.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <future>
#include <span>

#include "runtime/base/error.h"
#include "runtime/memory/finite_values.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/run_lock.h"
#include "training/formats/json.h"
#include "training/formats/safetensors.h"
#include "training/formats/sha256.h"
#include "training/records/checkpoint_places.h"

namespace temper::training {
namespace {

constexpr const char* kState = "state.json";
constexpr const char* kManifest = "MANIFEST";
const std::array<std::string, 5> kFiles = {kWeightsFile, kOptimizerFile, kAveragesFile, kState,
                                           kManifest};

bool has_averages(const std::string& folder) {
  return file_status(join_path(folder, kAveragesFile)).is_regular;
}

std::string folder_name(std::int64_t step) {
  char text[32];
  std::snprintf(text, sizeof text, "step-%012lld", static_cast<long long>(step));
  return text;
}

void list_file(JsonValue& manifest, const std::string& name, const std::string& path,
               const std::string& sha256) {
  JsonValue entry = JsonValue::object();
  entry.set("bytes", static_cast<std::int64_t>(file_status(path).size));
  entry.set("sha256", sha256);
  manifest.set(name, std::move(entry));
}

std::int64_t count_not_finite(const VariableStore& store, int id) {
  std::int64_t count = 0;
  if (!store.all_finite(id)) {
    const DType dtype = store.variable(id).dtype;
    store.for_each_plain_piece(id, [&](std::span<const std::byte> piece) {
      const auto element = static_cast<std::size_t>(size_of(dtype));
      for (std::size_t at = 0; at < piece.size(); at += element) {
        count += all_finite(dtype, piece.data() + at, 1) ? 0 : 1;
      }
    });
  }
  return count;
}

// Infinities that the model came with may stay.
void require_finite(const VariableStore& store, int id, const RunState& state) {
  const std::string& name = store.variable(id).name;
  const auto given = state.given_not_finite.find(name);
  const std::int64_t found = count_not_finite(store, id);
  const double before = given == state.given_not_finite.end() ? 0 : given->second;
  TEMPER_CHECK(static_cast<double>(found) <= before, ErrorCode::kDiverged, "parameter '", name,
               "' is not finite",
               before > 0 ? concat(" in ", found, " elements, of which ", before,
                                   " were so in the model as given")
                          : std::string(),
               "; no checkpoint is written");
}

// The files of a checkpoint into `folder`, at last the manifest of their sizes and hashes, which is
// what makes the folder one.
void write_files(const std::string& folder, const VariableStore& store, const RunState& state) {
  std::map<std::string, std::vector<std::pair<std::string, PlainValue>>> files{
      {kWeightsFile, {}}, {kOptimizerFile, {}}};
  for (int i = 0; i < store.count(); ++i) {
    std::optional<CheckpointPlace> place = checkpoint_place(store, i);
    if (!place) {
      continue;
    }
    if (store.variable(i).identity.is_of_model()) {
      require_finite(store, i, state);
    }
    files[place->file].emplace_back(std::move(place->name), store.pieces(i));
  }
  // Large ones at the same time: what takes long is the hash.
  constexpr std::int64_t kWorthAThread = 1 << 20;
  const std::launch how = store.bytes() < kWorthAThread || !store.memory().is_host()
                              ? std::launch::deferred
                              : std::launch::async | std::launch::deferred;
  std::vector<std::pair<std::string, std::future<std::string>>> written;
  for (const auto& [file, tensors] : files) {
    written.emplace_back(file, std::async(how, [&folder, &file = file, &tensors = tensors] {
                           return write_safetensors(join_path(folder, file), tensors);
                         }));
  }
  JsonValue manifest = JsonValue::object();
  for (auto& [file, sha256] : written) {
    list_file(manifest, file, join_path(folder, file), sha256.get());
  }
  const std::string path = join_path(folder, kState);
  const std::string text = to_json(state).text(2) + "\n";
  write_file_atomically(path, text);
  list_file(manifest, kState, path, sha256_hex(std::as_bytes(std::span(text))));
  write_file_atomically(join_path(folder, kManifest), manifest.text(2) + "\n");
  sync_directory(folder);
}

void verify_manifest(const std::string& folder) {
  const std::string path = join_path(folder, kManifest);
  const JsonValue manifest =
      parse_json(read_text_file(path, 1 << 20), path, ErrorCode::kInvalidModel);
  struct Hashed {
    std::string path, listed;
    std::future<std::string> found;
  };
  std::vector<Hashed> hashes;  // of all files at once
  for (const std::string& name : kFiles) {
    if (name == kManifest ||
        (name == kAveragesFile && manifest.find(name) == nullptr && !has_averages(folder))) {
      continue;
    }
    const JsonValue& entry = manifest.at(name);
    const std::string file = join_path(folder, name);
    const FileStatus status = file_status(file);
    TEMPER_CHECK(status.is_regular, ErrorCode::kInvalidModel, file, " is missing");
    TEMPER_CHECK(static_cast<std::int64_t>(status.size) == entry.at("bytes").as_int("bytes"),
                 ErrorCode::kInvalidModel, file, " has ", status.size, " bytes, its MANIFEST says ",
                 entry.at("bytes").as_int("bytes"));
    hashes.push_back(
        {file, entry.at("sha256").as_string("sha256"),
         std::async(std::launch::async | std::launch::deferred, sha256_of_file, file)});
  }
  for (Hashed& file : hashes) {
    TEMPER_CHECK(file.found.get() == file.listed, ErrorCode::kInvalidModel, file.path,
                 " does not have the SHA-256 its MANIFEST says");
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

void load_variables(const std::string& folder, VariableStore& store) {
  std::map<std::string, SafetensorsFile> files;
  for (const char* file : {kWeightsFile, kOptimizerFile, kAveragesFile}) {
    if (file != kAveragesFile || has_averages(folder)) {
      files[file] = read_safetensors(join_path(folder, file));
    }
  }
  struct Found {
    int id;
    const SafetensorsFile* file;
    const Tensor* value;
  };
  std::vector<Found> values;
  for (int i = 0; i < store.count(); ++i) {  // look before anything is changed
    const std::optional<CheckpointPlace> place = checkpoint_place(store, i);
    if (!place) {
      continue;
    }
    const std::string& name = place->name;
    const SafetensorsFile& file = files[place->file];
    const Tensor* value = file.find(name);
    TEMPER_CHECK(value != nullptr, ErrorCode::kInvalidModel, folder, ": ", place->file,
                 " holds no tensor '", name, "': it is of another model or optimizer");
    TEMPER_CHECK(value->shape() == store.variable(i).shape, ErrorCode::kInvalidModel, folder, ": '",
                 name, "' has the shape ", value->shape(), ", the model's ",
                 store.variable(i).shape);
    values.push_back({i, &file, value});
  }
  for (const Found& found : values) {
    if (found.value->dtype() != store.variable(found.id).dtype) {
      store.set(found.id, *found.value);
      continue;
    }
    std::uint64_t at = 0;
    store.fill(found.id, [&](std::span<std::byte> piece) {
      found.file->read(*found.value, at, piece);
      at += piece.size();
    });
  }
}

// The values of a file, which `saved` keeps open.
std::map<std::string, PlainValue> values_of(const std::string& path, SavedTensors& saved) {
  saved.files.push_back(std::make_unique<SafetensorsFile>(read_safetensors(path)));
  const SafetensorsFile& file = *saved.files.back();
  std::map<std::string, PlainValue> values;
  for (const auto& [name, tensor] : file.tensors) {
    values[name_of_tensor(name)] = plain_value(file, tensor);
  }
  return values;
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

// While an error is on its way, which one about the removal must not replace.
void discard(const std::string& folder) noexcept {
  try {
    remove_damaged(folder);
  } catch (const Error&) {
    // What stays has a temporary name, and goes when the run is resumed.
  }
}

}  // namespace

std::map<std::string, double> not_finite_elements(const VariableStore& store) {
  std::map<std::string, double> found;
  for (int i = 0; i < store.count(); ++i) {
    if (store.variable(i).identity.is_of_model() && !store.all_finite(i)) {
      found[store.variable(i).name] = static_cast<double>(count_not_finite(store, i));
    }
  }
  return found;
}

void save_checkpoint(const std::string& run_directory, const VariableStore& store,
                     const RunState& state, std::int64_t keep) {
  const std::string checkpoints = join_path(run_directory, "checkpoints");
  make_directories(checkpoints);
  const std::string name = folder_name(state.attempted);
  const std::string target = join_path(checkpoints, name);
  if (is_whole(target)) {
    return;  // this very step is saved already
  }
  std::string temporary = temporary_path(target);
  while (!make_new_directory(temporary)) {
    temporary = temporary_path(target);
  }
  try {
    const RunLock writing(temporary);  // not to be taken for one that was left
    write_files(temporary, store, state);
    remove_damaged(target);
    rename_directory(temporary, target);
  } catch (...) {
    discard(temporary);
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
      saved.weights = values_of(join_path(folder, kWeightsFile), saved);
      if (has_averages(folder)) {
        saved.averages = values_of(join_path(folder, kAveragesFile), saved);
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
