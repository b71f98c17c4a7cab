// Opens data by its kind, and puts around images what the recipe does to them.
#include "training/data/open_dataset.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "training/data/arrays/array_dataset.h"
#include "training/data/data_kind.h"
#include "training/data/fingerprint.h"
#include "training/data/pictures/cifar_dataset.h"
#include "training/data/pictures/image_folder_dataset.h"
#include "training/data/pictures/image_pipeline.h"
#include "training/data/pictures/picture_preparation.h"
#include "training/data/records/json_dataset.h"
#include "training/data/sequence_ids.h"
#include "training/data/tables/table_dataset.h"
#include "training/data/tables/window_dataset.h"
#include "training/data/tokens/tokens_dataset.h"
#include "training/data/wanted_fields.h"
#include "training/formats/idx.h"
#include "training/formats/manifest.h"
#include "training/formats/npy.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

// train-images-idx3-ubyte.gz -> train-labels-idx1-ubyte.gz, when that file is there.
std::string labels_path(const std::string& images) {
  std::string name = file_name_of(images);
  const std::size_t word = name.rfind("images");
  if (word == std::string::npos) {
    return {};
  }
  name.replace(word, 6, "labels");
  const std::size_t rank = name.find("idx3", word);
  if (rank != std::string::npos) {
    name.replace(rank, 4, "idx1");
  }
  const std::string stem = name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name;
  for (const std::string& candidate : {name, stem, stem + ".gz"}) {
    const std::string path = join_path(folder_of(images), candidate);
    if (file_status(path).exists) {
      return path;
    }
  }
  return {};
}

// One array per file: the input and, when there is a path, the target.
MatchedArrays open_pair(const std::string& path, const std::string& target_path,
                        const DataOptions& options, Tensor (*read)(const std::string&)) {
  TEMPER_CHECK(options.inputs.size() <= 1, ErrorCode::kInvalidData, path,
               " holds one array, the model has ", options.inputs.size(),
               " inputs; save them in one .npz file under their names");
  TEMPER_CHECK(options.targets.size() <= 1, ErrorCode::kInvalidData, path, " can give one target, ",
               options.targets.size(), " are asked for; use an .npz file");
  TEMPER_CHECK(!target_path.empty() || !options.require_targets, ErrorCode::kInvalidData, path,
               " has no targets; write data.target_path = the file that has them");
  WantedField input = options.inputs.empty() ? WantedField{} : options.inputs.front();
  WantedField target = options.targets.empty() ? WantedField{} : options.targets.front();
  input.name = input.name.empty() ? "input" : input.name;
  target.name = target.name.empty() ? "target" : target.name;
  MatchedArrays matched;
  matched.fields.push_back(make_array_field(read(path), input, false, path, options));
  if (!target_path.empty()) {
    matched.fields.push_back(
        make_array_field(read(target_path), target, true, target_path, options));
  }
  return matched;
}

// The ids that data.sequence names; empty without. `source` has them no more.
std::vector<std::string> take_sequence_ids(ArraySource& source, const DataOptions& options,
                                           const NpzFile* file = nullptr) {
  const std::string& name = options.settings.sequence;
  if (name.empty()) {
    return {};
  }
  TEMPER_CHECK(std::find(source.names.begin(), source.names.end(), name) != source.names.end(),
               ErrorCode::kInvalidData, source.path, " has no array '", name,
               "', which data.sequence names (it has ", join(source.names, ", "), ")");
  std::erase(source.names, name);
  if (file != nullptr) {
    if (auto texts = file->read_texts(name)) {
      return std::move(*texts);
    }
  }
  return sequence_ids(source.read(name), concat(source.path, ", array '", name, "'"));
}

MatchedArrays open_folder(const std::string& path, const DataOptions& options,
                          std::vector<std::string>& files, std::vector<std::string>& sequences) {
  ArraySource source;
  source.path = path;
  for (const std::string& name : list_directory(path)) {
    if (name.ends_with(".npy")) {
      source.names.push_back(name.substr(0, name.size() - 4));
      files.push_back(join_path(path, name));
    }
  }
  TEMPER_CHECK(!source.names.empty(), ErrorCode::kInvalidData, path,
               " is a folder without .npy files; name a data file");
  source.read = [&](const std::string& name) { return read_npy(join_path(path, name + ".npy")); };
  sequences = take_sequence_ids(source, options);
  return match_arrays(source, options);
}

// `classes`: what the array of texts of that name holds, if there is one.
MatchedArrays open_npz(const std::string& path, const DataOptions& options,
                       std::vector<std::string>& classes, std::vector<std::string>& sequences) {
  const NpzFile file(path);
  ArraySource source;
  source.path = path;
  source.names = file.names();
  source.read = [&](const std::string& name) { return file.read(name); };
  if (auto texts = file.read_texts("classes")) {
    classes = std::move(*texts);
    std::erase(source.names, "classes");
  }
  sequences = take_sequence_ids(source, options, &file);
  return match_arrays(source, options);
}

// What matched, as a data set.
std::unique_ptr<ArrayDataset> array_dataset(MatchedArrays matched, std::string fingerprint,
                                            const DataOptions& options) {
  auto data = std::make_unique<ArrayDataset>(std::move(matched.fields), std::move(fingerprint));
  data->add_made(std::move(matched.made));
  data->check_values(options.require_finite);
  return data;
}

// Arrays of the caller. They have no files, and so no fingerprint.
std::unique_ptr<Dataset> open_given(const std::string& path, const DataOptions& options) {
  TEMPER_CHECK(options.settings.sequence.empty(), ErrorCode::kUnsupported,
               "data.sequence names an array of a data file; arrays in memory are one sequence");
  ArraySource source;
  source.path = path;
  for (const auto& [name, array] : options.arrays) {
    source.names.push_back(name);
  }
  source.read = [&](const std::string& name) {
    return std::find_if(options.arrays.begin(), options.arrays.end(),
                        [&](const auto& each) { return each.first == name; })
        ->second;
  };
  return array_dataset(match_arrays(source, options), "", options);
}

std::unique_ptr<Dataset> open_arrays(const DataFiles& found, const DataOptions& options) {
  std::vector<std::string> files = found.paths;
  const std::string& path = found.paths.front();
  MatchedArrays matched;
  std::vector<std::string> classes;
  std::vector<std::string> sequences;
  if (found.kind == DataKind::kNpyFolder) {
    files.clear();
    matched = open_folder(path, options, files, sequences);
  } else if (found.kind == DataKind::kNpz) {
    matched = open_npz(path, options, classes, sequences);
  } else if (found.kind == DataKind::kManifest) {
    const Manifest manifest(path);
    ArraySource source = {path, manifest.names(),
                          [&](const std::string& name) { return manifest.read(name); }};
    sequences = take_sequence_ids(source, options);
    matched = match_arrays(source, options);
    classes = manifest.classes();
    files = manifest.files();
  } else {
    const bool idx = found.kind == DataKind::kIdx;
    const std::string target = options.settings.target_path.empty() && idx
                                   ? labels_path(path)
                                   : options.settings.target_path;
    if (!target.empty()) {
      files.push_back(target);
    }
    matched = open_pair(path, target, options, idx ? &read_idx : &read_npy);
  }
  auto data =
      array_dataset(std::move(matched), fingerprint_files(files, options.hash_everything), options);
  data->set_class_names(std::move(classes));
  if (!sequences.empty()) {
    data->set_sequences(sequences, concat(path, ", array '", options.settings.sequence, "'"));
  }
  return data;
}

std::unique_ptr<Dataset> open_kind(const DataFiles& found, const DataOptions& options) {
  switch (found.kind) {
    case DataKind::kTable: {
      if (WindowDataset::is_asked(options)) {
        return WindowDataset::open(found.paths.front(), options);
      }
      std::unique_ptr<TableDataset> table = TableDataset::open(found.paths.front(), options);
      table->check_values(false);  // the reader has refused non-finite numbers; NaN is "missing"
      return table;
    }
    case DataKind::kCifar10:
      return CifarDataset::open(found.paths, CifarKind::k10, options);
    case DataKind::kJson:
      return JsonDataset::open(found.paths.front(), options);
    case DataKind::kTokens:
      return TokensDataset::open(found.paths, options);
    case DataKind::kCifar100:
      return CifarDataset::open(found.paths, CifarKind::k100, options);
    case DataKind::kImages:
      return ImageFolderDataset::open(found.paths.front(), options);
    default:
      return open_arrays(found, options);
  }
}

bool has_named_arrays(DataKind kind) {
  return kind == DataKind::kNpz || kind == DataKind::kNpyFolder || kind == DataKind::kManifest;
}

// Pictures as they are, for a model that prepares them itself: other data of it are read alike.
class PicturesForModel : public DatasetOver {
 public:
  PicturesForModel(std::unique_ptr<Dataset> data, JsonValue preprocessing)
      : DatasetOver(std::move(data)), preprocessing_(std::move(preprocessing)) {}

  void read(std::span<const std::int64_t> rows, std::span<Tensor> out) const override {
    below().read(rows, out);
  }
  void read_training(std::span<const std::int64_t> rows, std::int64_t epoch,
                     std::span<Tensor> out) const override {
    below().read_training(rows, epoch, out);
  }
  JsonValue preprocessing() const override { return preprocessing_; }

 private:
  JsonValue preprocessing_;
};

}  // namespace

std::unique_ptr<Dataset> open_dataset(const std::string& path, const DataOptions& wanted) {
  DataOptions options = wanted;
  use_stored_images(wanted.preprocessing, options);
  const DataFiles found = options.arrays.empty() ? find_data(path, options.settings, options.part)
                                                 : DataFiles{DataKind::kNpz, {path}};
  if (!has_named_arrays(found.kind) && found.kind != DataKind::kJson) {
    std::erase_if(options.inputs, [](const WantedField& input) { return input.optional; });
  }
  std::unique_ptr<Dataset> data =
      options.arrays.empty() ? open_kind(found, options) : open_given(path, options);
  if (is_inside_model(options.preprocessing)) {
    TEMPER_CHECK(!options.augment.is_on(), ErrorCode::kUnsupported,
                 "[augment] changes pictures that are prepared, and this model prepares its "
                 "pictures itself: train the file it was made from");
    return std::make_unique<PicturesForModel>(std::move(data), options.preprocessing);
  }
  const DataSettings& settings = options.settings;
  const bool asked = !settings.mean.empty() || !settings.std.empty() || options.augment.is_on();
  if (asked || found.kind == DataKind::kImages ||
      (settings.scale && found.kind != DataKind::kTable)) {
    return std::make_unique<ImagePipeline>(std::move(data), options);
  }
  return data;
}

}  // namespace temper::training
