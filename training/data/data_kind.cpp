// Names first: they decide where they say something, so that a damaged file is reported as what it
// is. Then folders by what lies in them, then the first bytes.
#include "training/data/data_kind.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "runtime/platform/folders.h"
#include "training/data/pictures/picture_files.h"
#include "training/formats/cifar.h"
#include "training/formats/gzip.h"
#include "training/formats/idx.h"
#include "training/formats/image_file.h"
#include "training/formats/mapped_buffer.h"
#include "training/formats/tokens.h"

namespace temper::training {
namespace {

static_assert(std::size(kDataFormats) == static_cast<std::size_t>(DataKind::kNpyFolder) + 1);

bool starts_with(std::span<const std::byte> bytes, std::string_view text) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())
      .starts_with(text);
}

std::optional<DataKind> named_kind(const DataSettings& settings) {
  const auto* named =
      std::find(std::begin(kDataFormats) + 1, std::end(kDataFormats), settings.format);
  return named == std::end(kDataFormats)
             ? std::nullopt
             : std::optional(static_cast<DataKind>(named - std::begin(kDataFormats) - 1));
}

// "test_batch.bin" and "test.bin" are the names under which CIFAR is published.
std::optional<DataKind> cifar_kind(const std::string& name) {
  if ((name.starts_with("data_batch") || name.starts_with("test_batch")) &&
      name.ends_with(".bin")) {
    return DataKind::kCifar10;
  }
  return name == "train.bin" || name == "test.bin" ? std::optional(DataKind::kCifar100)
                                                   : std::nullopt;
}

DataKind kind_of_file(const std::string& path) {
  const auto buffer = map_buffer(path);
  const std::span<const std::byte> bytes = bytes_of(*buffer);
  const std::string_view name = path;
  TEMPER_CHECK(!bytes.empty(), ErrorCode::kInvalidData, path, " is empty");
  if (name.ends_with(".npz")) {
    return DataKind::kNpz;
  }
  if (name.ends_with(".npy")) {
    return DataKind::kNpy;
  }
  if (name.ends_with(".csv") || name.ends_with(".tsv") || name.ends_with(".txt")) {
    return DataKind::kTable;
  }
  if (name.ends_with(".jsonl") || name.ends_with(".ndjson")) {
    return DataKind::kJson;
  }
  if (name.ends_with(".json")) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first != text.npos && text[first] == '[' ? DataKind::kJson : DataKind::kManifest;
  }
  if (name.ends_with(".bin") && has_token_header(bytes)) {
    return DataKind::kTokens;
  }
  if (const auto cifar = cifar_kind(file_name_of(path))) {
    const auto record = cifar_record_bytes(CifarKind::k100);
    TEMPER_CHECK(
        *cifar != DataKind::kCifar100 || static_cast<std::int64_t>(bytes.size()) % record == 0,
        ErrorCode::kInvalidData, path, " has ", bytes.size(),
        " bytes, no whole number of CIFAR-100's records of ", record,
        "; is it cut off? If it holds tokens, write data.format = \"tokens\"");
    return *cifar;
  }
  if (has_image_name(name)) {
    return DataKind::kImages;
  }
  if (name.ends_with(".bin")) {
    const auto size = static_cast<std::int64_t>(bytes.size());
    const bool ten = size % cifar_record_bytes(CifarKind::k10) == 0;
    const bool hundred = size % cifar_record_bytes(CifarKind::k100) == 0;
    TEMPER_CHECK(
        ten != hundred, ErrorCode::kUnsupported, path,
        " does not say what it is; write data.format = \"cifar10\", \"cifar100\" or \"tokens\"");
    return ten ? DataKind::kCifar10 : DataKind::kCifar100;
  }
  if (starts_with(bytes, "PK")) {
    return DataKind::kNpz;
  }
  if (starts_with(bytes, "\x93NUMPY")) {
    return DataKind::kNpy;
  }
  if (is_idx(bytes) || is_gzip(bytes) || name.ends_with("-ubyte")) {
    return DataKind::kIdx;
  }
  TEMPER_CHECK(starts_with(bytes, "\x89PNG") == false && bytes[0] != std::byte{0},
               ErrorCode::kUnsupported, path, " is no data file that Temper reads; expected ",
               kDataKindsHelp, " (data.format names the kind)");
  return DataKind::kTable;
}

// Whether `name` is `pattern`, in which each * stands for any text.
bool matches(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) {
    return pattern == name;
  }
  if (!name.starts_with(pattern.substr(0, star))) {
    return false;
  }
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t skip = star; skip <= name.size(); ++skip) {
    if (matches(rest, name.substr(skip))) {
      return true;
    }
  }
  return false;
}

// The files of a folder whose names are as the pattern says, in the order of their names.
std::vector<std::string> matching_files(const std::string& folder, const std::string& pattern) {
  std::vector<std::string> paths;
  for (const std::string& name : list_directory(folder)) {
    const std::string path = join_path(folder, name);
    if (matches(pattern, name) && file_status(path).is_regular) {
      paths.push_back(path);
    }
  }
  return paths;
}

DataFiles find_in_folder(const std::string& path, const DataSettings& settings, DataPart part) {
  const std::optional<DataKind> named = named_kind(settings);
  const bool train = part == DataPart::kTrain;
  const std::pair<DataKind, const char*> kKinds[] = {
      {DataKind::kCifar10, train ? "data_batch*.bin" : "test_batch*.bin"},
      {DataKind::kCifar100, train ? "train.bin" : "test.bin"},
  };
  for (const auto& [kind, pattern] : kKinds) {
    if (named.value_or(kind) == kind) {
      std::vector<std::string> files = matching_files(path, pattern);
      if (!files.empty()) {
        return {kind, std::move(files)};
      }
      TEMPER_CHECK(!named, ErrorCode::kInvalidData, path, " is a folder without ", pattern);
    }
  }
  const bool arrays = !matching_files(path, "*.npy").empty();
  if (named == DataKind::kImages || (!named && !arrays && holds_pictures(path))) {
    return {DataKind::kImages, {path}};
  }
  TEMPER_CHECK(arrays && named.value_or(DataKind::kNpy) == DataKind::kNpy, ErrorCode::kInvalidData,
               path, " is a folder without pictures, .npy files or CIFAR's ", kKinds[0].second,
               "; name a data file");
  return {DataKind::kNpyFolder, {path}};
}

}  // namespace

DataFiles find_data(const std::string& path, const DataSettings& settings, DataPart part) {
  const FileStatus status = file_status(path);
  if (status.is_folder) {
    return find_in_folder(path, settings, part);
  }
  DataFiles found;
  found.paths = {path};
  if (!status.exists && file_name_of(path).find('*') != std::string::npos) {
    found.paths = matching_files(folder_of(path), file_name_of(path));
    TEMPER_CHECK(!found.paths.empty(), ErrorCode::kIo, "no file is named as ", path);
  }
  found.kind = named_kind(settings).value_or(DataKind::kTable);
  if (!named_kind(settings)) {
    found.kind = kind_of_file(found.paths.front());
  }
  const bool parts = found.kind == DataKind::kCifar10 || found.kind == DataKind::kCifar100 ||
                     found.kind == DataKind::kTokens;
  TEMPER_CHECK(parts || found.paths.size() == 1, ErrorCode::kUnsupported, path, " names ",
               found.paths.size(), " files; several are read only of CIFAR's .bin and of tokens");
  return found;
}

const char* format_name(DataKind kind) {
  return kind == DataKind::kNpyFolder ? "npy folder"
                                      : kDataFormats[static_cast<std::size_t>(kind) + 1];
}

}  // namespace temper::training
