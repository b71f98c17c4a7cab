// Records as arrays, and the names of the classes.
#include "training/data/pictures/cifar_dataset.h"

#include <algorithm>
#include <utility>

#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/data/fingerprint.h"
#include "training/data/wanted_fields.h"

namespace temper::training {
namespace {

// Whether CIFAR-100's coarse labels are asked for.
bool wants_coarse(CifarKind kind, const DataOptions& options, const std::string& path) {
  const std::vector<std::string>& names = options.settings.target;
  if (names.empty()) {
    return false;
  }
  const bool known =
      kind == CifarKind::k100 && names.size() == 1 && (names[0] == "fine" || names[0] == "coarse");
  TEMPER_CHECK(known, ErrorCode::kInvalidArgument, "data.target is ", join(names, ", "), ", but ",
               path,
               kind == CifarKind::k100 ? " has the labels fine and coarse: name one of them"
                                       : " has one kind of label: leave data.target out");
  return names[0] == "coarse";
}

// The lines of a file of names; none where there is no such file.
std::vector<std::string> read_names(const std::string& path) {
  constexpr std::uint64_t kMostBytes = 1 << 16;
  if (!file_status(path).is_regular) {
    return {};
  }
  std::vector<std::string> names;
  std::string line;
  for (const char c : read_text_file(path, kMostBytes) + "\n") {
    if (c != '\n') {
      line += c == '\r' ? "" : std::string(1, c);
    } else if (!line.empty()) {
      names.push_back(std::exchange(line, {}));
    }
  }
  return names;
}

}  // namespace

std::unique_ptr<CifarDataset> CifarDataset::open(const std::vector<std::string>& paths,
                                                 CifarKind kind, const DataOptions& options) {
  const std::string& first = paths.front();
  TEMPER_CHECK(options.inputs.size() <= 1 && options.targets.size() <= 1, ErrorCode::kInvalidData,
               first, " gives one input and one target; the model has ", options.inputs.size(),
               " inputs, and ", options.targets.size(), " targets are asked for");
  const bool coarse = wants_coarse(kind, options, first);
  CifarRecords records = read_cifar(paths, kind);
  WantedField input = options.inputs.empty() ? WantedField{} : options.inputs.front();
  WantedField target = options.targets.empty() ? WantedField{} : options.targets.front();
  input.name = input.name.empty() ? "input" : input.name;
  target.name = target.name.empty() ? "target" : target.name;
  std::vector<ArrayField> fields;
  fields.push_back(make_array_field(std::move(records.images), input, false, first, options));
  fields.push_back(make_array_field(std::move(coarse ? records.coarse_labels : records.labels),
                                    target, true, first, options));
  std::unique_ptr<CifarDataset> data(
      new CifarDataset(std::move(fields), fingerprint_files(paths, options.hash_everything)));
  data->paths_ = paths;
  data->ends_ = std::move(records.ends);
  const char* names = kind == CifarKind::k10 ? "batches.meta.txt"
                      : coarse               ? "coarse_label_names.txt"
                                             : "fine_label_names.txt";
  data->class_names_ = read_names(join_path(folder_of(first), names));
  return data;
}

std::string CifarDataset::where(std::size_t /*field*/, std::int64_t row) const {
  const auto end = std::upper_bound(ends_.begin(), ends_.end(), row);
  const auto file = static_cast<std::size_t>(end - ends_.begin());
  return concat(paths_.at(file), ", record ", row - (file == 0 ? 0 : ends_[file - 1]));
}

}  // namespace temper::training
