// CIFAR records: sizes checked for all files, then labels and pixels copied apart.
#include "training/formats/cifar.h"

#include <algorithm>
#include <memory>
#include <span>

#include "runtime/base/error.h"
#include "training/formats/mapped_buffer.h"

namespace temper::training {
namespace {

constexpr int kLabels10 = 10;
constexpr int kCoarseLabels = 20;
constexpr int kFineLabels = 100;

std::uint8_t checked_label(std::byte value, int count, const char* what, const std::string& path,
                           std::int64_t record) {
  const int label = std::to_integer<int>(value);
  TEMPER_CHECK(label < count, ErrorCode::kInvalidData, path, ", record ", record, ": the ", what,
               " is ", label, "; it goes from 0 to ", count - 1,
               ". Is the file of the other kind? (data.format = \"cifar10\" or \"cifar100\")");
  return static_cast<std::uint8_t>(label);
}

}  // namespace

CifarRecords read_cifar(const std::vector<std::string>& paths, CifarKind kind) {
  const std::int64_t record_bytes = cifar_record_bytes(kind);
  CifarRecords records;
  std::vector<std::shared_ptr<Buffer>> files;
  std::int64_t count = 0;
  for (const std::string& path : paths) {
    files.push_back(map_buffer(path));
    const auto bytes = static_cast<std::int64_t>(files.back()->bytes());
    TEMPER_CHECK(bytes > 0 && bytes % record_bytes == 0, ErrorCode::kInvalidData, path, " has ",
                 bytes, " bytes; a ", kind == CifarKind::k10 ? "CIFAR-10" : "CIFAR-100",
                 " file is one or more records of ", record_bytes, " bytes. Is it cut off?");
    count += bytes / record_bytes;
    records.ends.push_back(count);
  }
  const bool coarse = kind == CifarKind::k100;
  records.images =
      Tensor(DType::kUInt8, Shape{count, 3, kCifarSide, kCifarSide}, {}, "the pixels of CIFAR");
  records.labels = Tensor(DType::kUInt8, Shape{count}, {}, "the labels of CIFAR");
  if (coarse) {
    records.coarse_labels = Tensor(DType::kUInt8, Shape{count}, {}, "the labels of CIFAR");
  }
  auto* pixels = static_cast<std::byte*>(records.images.data());
  auto* labels = static_cast<std::uint8_t*>(records.labels.data());
  auto* coarse_labels = coarse ? static_cast<std::uint8_t*>(records.coarse_labels.data()) : nullptr;
  for (std::size_t f = 0; f < files.size(); ++f) {
    std::span<const std::byte> rest = bytes_of(*files[f]);
    for (std::int64_t record = 0; !rest.empty(); ++record) {
      std::size_t label = 0;
      if (coarse) {
        *coarse_labels++ =
            checked_label(rest[label++], kCoarseLabels, "coarse label", paths[f], record);
      }
      *labels++ = checked_label(rest[label++], coarse ? kFineLabels : kLabels10,
                                coarse ? "fine label" : "label", paths[f], record);
      pixels = std::copy_n(rest.begin() + static_cast<std::ptrdiff_t>(label), kCifarPixels, pixels);
      rest = rest.subspan(static_cast<std::size_t>(record_bytes));
    }
  }
  return records;
}

}  // namespace temper::training
