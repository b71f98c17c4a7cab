// New data files beside an exported model, and the removal of those that nobody names any more.
#include "graph/onnx/external_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"

namespace temper::graph {
namespace {

constexpr std::string_view kSuffix = ".onnx.data";
constexpr std::size_t kHexDigits = 8;

// A 32-bit name for a content, 8 bytes at a time; not for security.
class ContentHash {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) {
      word_ |= static_cast<std::uint64_t>(byte) << (8 * (count_ % 8));
      if (++count_ % 8 == 0) {
        mix();
      }
    }
  }

  std::string hex() {
    mix();
    word_ = count_;
    mix();
    const std::uint64_t folded = state_ ^ (state_ >> 32);
    std::string text;
    for (std::size_t digit = kHexDigits; digit-- > 0;) {
      text += "0123456789abcdef"[(folded >> (4 * digit)) & 15];
    }
    return text;
  }

 private:
  void mix() {
    state_ = (state_ ^ word_) * 0x9e3779b97f4a7c15u;
    state_ ^= state_ >> 29;
    word_ = 0;
  }

  std::uint64_t state_ = 0xcbf29ce484222325u;
  std::uint64_t word_ = 0;
  std::uint64_t count_ = 0;
};

using Sink = std::function<void(std::span<const std::byte>)>;

void each_piece(std::span<const std::byte> original, const DataPatches& patches, const Sink& sink) {
  std::uint64_t at = 0;
  const auto copy_until = [&](std::uint64_t end) {
    const std::uint64_t stop = std::min<std::uint64_t>(end, original.size());
    if (at < stop) {
      sink(original.subspan(at, stop - at));
      at = stop;
    }
    static constexpr std::array<std::byte, 4096> kZeros{};
    while (at < end) {
      const std::uint64_t count = std::min<std::uint64_t>(end - at, kZeros.size());
      sink(std::span(kZeros).first(count));
      at += count;
    }
  };
  for (const auto& [offset, bytes] : patches) {
    TEMPER_ASSERT(offset >= at, "overlapping data at ", offset);
    copy_until(offset);
    sink(std::as_bytes(std::span(bytes.data(), bytes.size())));
    at += bytes.size();
  }
  if (at < original.size()) {
    copy_until(original.size());
  }
}

bool is_data_name(const std::string& name, const std::string& stem) {
  if (name.size() != stem.size() + 1 + kHexDigits + kSuffix.size() ||
      !name.starts_with(stem + "-") || !name.ends_with(kSuffix)) {
    return false;
  }
  const std::string digits = name.substr(stem.size() + 1, kHexDigits);
  return digits.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool names_file(const std::string& model_path, const std::string& name) {
  const MappedFile file(model_path);
  const auto* text = reinterpret_cast<const char*>(file.data());
  return std::string_view(text, file.size()).find(name) != std::string_view::npos;
}

}  // namespace

std::string write_patched_data(std::span<const std::byte> original, const DataPatches& patches,
                               const std::string& folder, const std::string& stem) {
  ContentHash hash;
  std::uint64_t size = 0;
  each_piece(original, patches, [&](std::span<const std::byte> piece) {
    hash.add(piece);
    size += piece.size();
  });
  const std::string name = concat(stem, "-", hash.hex(), kSuffix);
  AtomicFile file(join_path(folder, name));
  file.reserve(size);
  each_piece(original, patches, [&](std::span<const std::byte> piece) { file.write(piece); });
  file.commit();
  return name;
}

void remove_stale_data(const std::string& folder, const std::string& stem) {
  try {
    std::vector<std::string> data;
    std::vector<std::string> models;
    for (const std::string& name : list_directory(folder)) {
      if (is_data_name(name, stem)) {
        data.push_back(name);
      } else if (name.ends_with(".onnx") && file_status(join_path(folder, name)).is_regular) {
        models.push_back(join_path(folder, name));
      }
    }
    for (const std::string& name : data) {
      if (std::none_of(models.begin(), models.end(),
                       [&](const std::string& model) { return names_file(model, name); })) {
        remove_file(join_path(folder, name));
      }
    }
  } catch (const Error& error) {
    log(LogLevel::kWarning, concat("old data files were not removed: ", error.message()));
  }
}

}  // namespace temper::graph
