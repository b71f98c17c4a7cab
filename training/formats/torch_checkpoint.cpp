// The two containers of PyTorch's checkpoints: a zip archive since 1.6, before it pickles one after
// the other with the storages behind them.
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "training/formats/checkpoint_file.h"
#include "training/formats/mapped_buffer.h"
#include "training/formats/torch_tensors.h"
#include "training/formats/zip_archive.h"

namespace temper::training {
namespace {

// Threading: one thread at a time.
class ZipStorages final : public TorchStorages {
 public:
  explicit ZipStorages(const std::string& path)
      : path_(path), file_bytes_(file_status(path).size), archive_(path) {
    constexpr std::string_view kPickle = "data.pkl";
    for (std::size_t i = 0; i < archive_.entries().size(); ++i) {
      const std::string& name = archive_.entries()[i].name;
      members_[name] = i;
      if (name.ends_with(kPickle) && (pickle_name_.empty() || name.size() < pickle_name_.size())) {
        pickle_name_ = name;
      }
    }
    TEMPER_CHECK(!pickle_name_.empty(), ErrorCode::kUnsupported, path,
                 " is a zip archive without data.pkl: no checkpoint of PyTorch's");
    folder_ = pickle_name_.substr(0, pickle_name_.size() - kPickle.size());
    TEMPER_CHECK(!members_.contains(folder_ + "constants.pkl"), ErrorCode::kUnsupported, path,
                 " is a TorchScript archive: save its state_dict() with torch.save, and give that");
    const auto order = members_.find(folder_ + "byteorder");
    if (order != members_.end()) {
      const auto text = member_bytes(order->second);
      TEMPER_CHECK(text->bytes() == 0 || *text->data() == std::byte{'l'}, ErrorCode::kUnsupported,
                   path, " holds big-endian tensors");
    }
  }

  std::uint64_t file_bytes() const { return file_bytes_; }
  std::shared_ptr<Buffer> pickle() const { return member_bytes(members_.at(pickle_name_)); }

  std::uint64_t bytes(const std::string& key) const override {
    return archive_.entries()[member(key)].bytes;
  }

  std::shared_ptr<Buffer> read(const std::string& key, std::uint64_t& offset) const override {
    offset = 0;
    if (last_ == nullptr || last_key_ != key) {
      last_ = member_bytes(member(key));
      last_key_ = key;
    }
    return last_;
  }

 private:
  std::size_t member(const std::string& key) const {
    const auto found = members_.find(concat(folder_, "data/", key));
    TEMPER_CHECK(found != members_.end(), ErrorCode::kInvalidModel, path_, " has no storage '", key,
                 "', which its pickle names");
    return found->second;
  }

  // PyTorch stores members as they are; what was packed again may not grow without bound.
  std::shared_ptr<Buffer> member_bytes(std::size_t member) const {
    const ZipEntry& entry = archive_.entries()[member];
    TEMPER_CHECK(entry.bytes / 4 <= file_bytes_, ErrorCode::kInvalidModel, path_, ": member '",
                 entry.name, "' grows to ", entry.bytes, " bytes, from a file of ", file_bytes_);
    return archive_.read(member);
  }

  std::string path_;
  std::uint64_t file_bytes_;
  ZipArchive archive_;
  std::map<std::string, std::size_t> members_;
  std::string pickle_name_;
  std::string folder_;
  // Tensors of one storage follow each other.
  mutable std::string last_key_;
  mutable std::shared_ptr<Buffer> last_;
};

class LegacyStorages final : public TorchStorages {
 public:
  LegacyStorages(std::shared_ptr<Buffer> file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}

  void add(const std::string& key, std::uint64_t offset, std::uint64_t bytes) {
    places_[key] = {offset, bytes};
  }
  std::uint64_t bytes(const std::string& key) const override { return place(key).second; }
  std::shared_ptr<Buffer> read(const std::string& key, std::uint64_t& offset) const override {
    offset = place(key).first;
    return file_;
  }

 private:
  const std::pair<std::uint64_t, std::uint64_t>& place(const std::string& key) const {
    const auto found = places_.find(key);
    TEMPER_CHECK(found != places_.end(), ErrorCode::kInvalidModel, path_, " has no storage '", key,
                 "', which its pickle names");
    return found->second;
  }

  std::shared_ptr<Buffer> file_;
  std::string path_;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> places_;
};

// How many bytes an element of each storage takes: what stands behind the pickles has a count only.
std::map<std::string, std::uint64_t> element_bytes(const Pickle& pickle, const std::string& path) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 12> kBytes = {{
      {"FloatStorage", 4},
      {"DoubleStorage", 8},
      {"HalfStorage", 2},
      {"BFloat16Storage", 2},
      {"LongStorage", 8},
      {"IntStorage", 4},
      {"ShortStorage", 2},
      {"CharStorage", 1},
      {"ByteStorage", 1},
      {"BoolStorage", 1},
      {"ComplexFloatStorage", 8},
      {"ComplexDoubleStorage", 16},
  }};
  std::map<std::string, std::uint64_t> sizes;
  for (PickleId id = 0; id < pickle.size(); ++id) {
    const PickleNode& node = pickle.node(id);
    if (node.kind != PickleKind::kPersistent) {
      continue;
    }
    const PickleNode& what = pickle.node(node.items[0]);
    if (what.kind != PickleKind::kTuple || what.items.size() < 3) {
      continue;
    }
    const std::string_view type = pickle.node(what.items[1]).text();
    const std::string_view name = type.substr(type.rfind('.') + 1);
    const auto found = std::find_if(kBytes.begin(), kBytes.end(),
                                    [&](const auto& row) { return row.first == name; });
    TEMPER_CHECK(found != kBytes.end(), ErrorCode::kUnsupported, path, " has a storage of type ",
                 type, ", which Temper does not read");
    sizes[std::string(pickle.node(what.items[2]).text())] = found->second;
  }
  return sizes;
}

std::uint64_t count_at(const Buffer& file, std::uint64_t offset, const std::string& path) {
  TEMPER_CHECK(offset <= file.bytes() && file.bytes() - offset >= 8, ErrorCode::kInvalidModel, path,
               " ends before its storages do. Is it cut off?");
  std::uint64_t count = 0;
  for (std::size_t i = 8; i-- > 0;) {
    count = count << 8 | std::to_integer<std::uint64_t>(file.data()[offset + i]);
  }
  return count;
}

}  // namespace

CheckpointFile read_torch_zip(const std::string& path) {
  const auto storages = std::make_shared<const ZipStorages>(path);
  const std::shared_ptr<Buffer> bytes = storages->pickle();
  CheckpointFile file;
  file.format = "PyTorch checkpoint";
  const std::uint64_t memory = checkpoint_memory(storages->file_bytes());
  TEMPER_CHECK(bytes->bytes() <= memory, ErrorCode::kInvalidModel, path, ": its pickle grows to ",
               bytes->bytes(), " bytes, from a file of ", storages->file_bytes());
  const Pickle pickle(bytes_of(*bytes), path, memory - bytes->bytes());
  add_torch_tensors(pickle, storages, path, memory - bytes->bytes(), file);
  return file;
}

CheckpointFile read_torch_legacy(const std::string& path) {
  const std::shared_ptr<Buffer> file = map_buffer(path);
  const std::span<const std::byte> all = bytes_of(*file);
  const std::uint64_t memory = checkpoint_memory(all.size());
  std::size_t at = 0;
  // The magic number, the version and a word on the machine: the first was looked at already.
  for (int i = 0; i < 3; ++i) {
    at += Pickle(all.subspan(at), path, memory).bytes_read();
  }
  const Pickle pickle(all.subspan(at), path, memory);
  at += pickle.bytes_read();
  const Pickle keys(all.subspan(at), path, memory);
  at += keys.bytes_read();
  const auto storages = std::make_shared<LegacyStorages>(file, path);
  const std::map<std::string, std::uint64_t> sizes = element_bytes(pickle, path);
  for (const PickleId id : keys.node(keys.root()).items) {
    const std::string key(keys.node(id).text());
    const auto size = sizes.find(key);
    TEMPER_CHECK(size != sizes.end(), ErrorCode::kInvalidModel, path, " has a storage '", key,
                 "' that no tensor of its pickle has");
    const std::uint64_t count = count_at(*file, at, path);
    at += 8;
    TEMPER_CHECK(count <= (all.size() - at) / size->second, ErrorCode::kInvalidModel, path,
                 ": storage '", key, "' of ", count,
                 " elements ends behind the file. Is it cut off?");
    storages->add(key, at, count * size->second);
    at += static_cast<std::size_t>(count * size->second);
  }
  CheckpointFile read;
  read.format = "PyTorch checkpoint, of before 1.6";
  add_torch_tensors(pickle, storages, path, memory, read);
  return read;
}

}  // namespace temper::training
