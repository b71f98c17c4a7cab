// .npz on the zip and .npy readers and writers.
#include "training/formats/npz.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "training/formats/mapped_buffer.h"
#include "training/formats/npy.h"

namespace temper::training {

NpzFile::NpzFile(std::string path) : path_(std::move(path)), archive_(path_) {
  constexpr std::string_view kSuffix = ".npy";
  for (std::size_t i = 0; i < archive_.entries().size(); ++i) {
    const std::string& name = archive_.entries()[i].name;
    if (std::string_view(name).ends_with(kSuffix)) {
      names_.push_back(name.substr(0, name.size() - kSuffix.size()));
      entries_.push_back(i);
    }
  }
}

bool NpzFile::has(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

Tensor NpzFile::read(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  TEMPER_CHECK(found != names_.end(), ErrorCode::kInvalidData, path_, " has no array '", name,
               "'; it has ", names_.empty() ? std::string("none") : join(names_, ", "));
  const std::size_t entry = entries_[static_cast<std::size_t>(found - names_.begin())];
  return decode_npy(archive_.read(entry), concat(path_, ", array '", name, "'"));
}

std::optional<std::vector<std::string>> NpzFile::read_texts(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) {
    return std::nullopt;
  }
  const std::size_t entry = entries_[static_cast<std::size_t>(found - names_.begin())];
  return decode_npy_texts(bytes_of(*archive_.read(entry)), concat(path_, ", array '", name, "'"));
}

void write_npz(const std::string& path, const std::vector<NamedTensor>& arrays, bool compress,
               const std::vector<NamedTexts>& texts) {
  std::vector<Tensor> plain;
  std::vector<std::string> headers;
  plain.reserve(arrays.size());
  headers.reserve(arrays.size());
  std::vector<ZipMember> members;
  for (const auto& [name, tensor] : arrays) {
    const bool widen = tensor.dtype() == DType::kBFloat16;
    plain.push_back(tensor.layout().plain && !widen
                        ? tensor
                        : tensor.to_plain(widen ? DType::kFloat32 : DType::kUndefined));
    headers.push_back(npy_header(plain.back().dtype(), plain.back().shape()));
    const std::string& header = headers.back();
    members.push_back({name + ".npy",
                       {std::as_bytes(std::span(header.data(), header.size())),
                        std::span(static_cast<const std::byte*>(plain.back().data()),
                                  static_cast<std::size_t>(plain.back().bytes()))}});
  }
  std::vector<std::string> text_files;
  text_files.reserve(texts.size());
  for (const auto& [name, lines] : texts) {
    text_files.push_back(encode_npy_texts(lines));
    const std::string& file = text_files.back();
    members.push_back({name + ".npy", {std::as_bytes(std::span(file.data(), file.size())), {}}});
  }
  write_zip(path, members, compress);
}

}  // namespace temper::training
