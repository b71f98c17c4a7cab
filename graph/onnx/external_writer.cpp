// New data files beside an exported model, and the removal of those that nobody names any more.
#include "graph/onnx/external_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
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
    while (!bytes.empty()) {
      if (count_ % 8 == 0 && bytes.size() >= 8) {
        std::memcpy(&word_, bytes.data(), 8);
        count_ += 8;
        bytes = bytes.subspan(8);
        mix();
        continue;
      }
      word_ |= std::to_integer<std::uint64_t>(bytes.front()) << (8 * (count_ % 8));
      bytes = bytes.subspan(1);
      if (++count_ % 8 == 0) {
        mix();
      }
    }
  }

  std::uint64_t finish() {
    mix();
    word_ = count_;
    mix();
    return state_;
  }

  std::string hex() {
    const std::uint64_t state = finish();
    const std::uint64_t folded = state ^ (state >> 32);
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

void each_piece(const OriginalData& original, const DataPatches& patches, const TakePiece& sink) {
  std::uint64_t at = 0;
  const auto copy_until = [&](std::uint64_t end) {
    const std::uint64_t stop = std::min(end, original.bytes);
    if (at < stop) {
      for_each_piece(original, at, stop, sink);
      at = stop;
    }
    static constexpr std::array<std::byte, 4096> kZeros{};
    while (at < end) {
      const std::uint64_t count = std::min<std::uint64_t>(end - at, kZeros.size());
      sink(std::span(kZeros).first(count));
      at += count;
    }
  };
  for (const auto& [offset, patch] : patches) {
    TEMPER_ASSERT(offset >= at, "overlapping data at ", offset);
    copy_until(offset);
    patch.for_each_piece(sink);
    at += patch.bytes;
  }
  if (at < original.bytes) {
    copy_until(original.bytes);
  }
}

std::uint64_t end_of(const OriginalData& original, const DataPatches& patches) {
  std::uint64_t end = original.bytes;
  for (const auto& [offset, patch] : patches) {
    end = std::max(end, offset + patch.bytes);
  }
  return end;
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

std::string stem_of_model(const std::string& path) {
  const std::string name = file_name_of(path);
  return name.ends_with(".onnx") && name.size() > 5 ? name.substr(0, name.size() - 5) : name;
}

void for_each_piece(const OriginalData& file, std::uint64_t begin, std::uint64_t end,
                    const TakePiece& take) {
  constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20;
  std::vector<std::byte> buffer(std::min(end - begin, kPieceBytes));
  while (begin < end) {
    const std::span<std::byte> piece(buffer.data(),
                                     std::min<std::uint64_t>(end - begin, buffer.size()));
    file.read(begin, piece);
    take(piece);
    begin += piece.size();
  }
}

bool same_content(const StreamedBytes& a, const StreamedBytes& b) {
  const auto hash_of = [](const StreamedBytes& bytes) {
    ContentHash hash;
    bytes.for_each_piece([&](std::span<const std::byte> piece) { hash.add(piece); });
    return hash.finish();
  };
  return a.bytes == b.bytes && hash_of(a) == hash_of(b);
}

// The name is that of the content, which is known when it is written.
std::string write_patched_data(const OriginalData& original, const DataPatches& patches,
                               const std::string& folder, const std::string& stem) {
  AtomicFile file(join_path(folder, concat(stem, kSuffix)));
  file.reserve(end_of(original, patches));
  ContentHash hash;
  each_piece(original, patches, [&](std::span<const std::byte> piece) {
    hash.add(piece);
    file.write(piece);
  });
  const std::string name = concat(stem, "-", hash.hex(), kSuffix);
  file.commit_as(join_path(folder, name));
  return name;
}

void write_data_file(const DataPatches& patches, const std::string& path) {
  const OriginalData nothing;
  AtomicFile file(path);
  file.reserve(end_of(nothing, patches));
  each_piece(nothing, patches, [&](std::span<const std::byte> piece) { file.write(piece); });
  file.commit();
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
