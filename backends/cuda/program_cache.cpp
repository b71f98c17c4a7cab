#include "backends/cuda/program_cache.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/concat.h"
#include "runtime/base/error.h"
#include "runtime/base/fnv.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/process.h"

namespace temper::cuda {
namespace {

constexpr std::string_view kBegin = "temper program 1\n";
constexpr std::string_view kEnding = ".program";

// 16 digits: against damage and for names.
std::string hash_text(std::string_view bytes) {
  const std::uint64_t hash = fnv1a64(bytes);
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) {
    text += "0123456789abcdef"[hash >> shift & 15u];
  }
  return text;
}

struct Entry {
  std::string key, binary;
};

// kBegin, the hash of what follows, the length of the key as 16 digits, a line break, both.
std::string file_text(const std::string& key, const std::string& binary) {
  std::string length = concat(key.size());
  length.insert(0, 16 - length.size(), '0');
  const std::string rest = concat(length, "\n", key, binary);
  return concat(kBegin, hash_text(rest), rest);
}

std::optional<Entry> read_entry(const std::string& path) {
  try {
    if (!file_status(path).is_regular) {
      return std::nullopt;
    }
    const std::string text = read_text_file(path, kMostProgramBytes);
    const std::size_t rest = kBegin.size() + 16, key = rest + 17;
    if (text.size() < key || !text.starts_with(kBegin) ||
        text.compare(kBegin.size(), 16, hash_text(std::string_view(text).substr(rest))) != 0) {
      return std::nullopt;
    }
    std::size_t length = 0;
    for (std::size_t i = rest; i < rest + 16; ++i) {
      length = length * 10 + static_cast<std::size_t>(text[i] - '0');
    }
    if (length > text.size() - key) {
      return std::nullopt;
    }
    return Entry{text.substr(key, length), text.substr(key + length)};
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::string program_cache_folder() {
  // The XDG specification: a path that is not absolute is none.
  if (const auto given = environment("XDG_CACHE_HOME"); given && given->starts_with('/')) {
    return join_path(*given, "temper");
  }
  const auto home = environment("HOME");
  return home && home->starts_with('/') ? join_path(*home, ".cache/temper") : std::string();
}

std::string program_cache_file(const std::string& folder, const std::string& key) {
  return join_path(folder, concat(hash_text(key), kEnding));
}

std::optional<std::string> read_cached_program(const std::string& folder, const std::string& key) {
  if (folder.empty()) {
    return std::nullopt;
  }
  std::optional<Entry> entry = read_entry(program_cache_file(folder, key));
  return entry && entry->key == key ? std::optional(std::move(entry->binary)) : std::nullopt;
}

void keep_program(const std::string& folder, const std::string& key, const std::string& binary) {
  if (folder.empty()) {
    return;
  }
  try {
    make_directories(folder);
    remove_stale_temporaries(folder);
    write_file_atomically(program_cache_file(folder, key), file_text(key, binary));
    drop_oldest_programs(folder, kMostProgramBytes);
  } catch (const Error&) {
    // The next run compiles again.
  }
}

void drop_oldest_programs(const std::string& folder, std::uint64_t most) {
  struct Kept {
    std::int64_t modified_ns;
    std::string path;
    std::uint64_t size;
  };
  std::vector<Kept> programs;
  std::uint64_t bytes = 0;
  for (const std::string& name : list_directory(folder)) {
    std::string path = join_path(folder, name);
    const FileStatus status = file_status(path);
    if (name.ends_with(kEnding) && status.is_regular) {
      bytes += status.size;
      programs.push_back({status.modified_ns, std::move(path), status.size});
    }
  }
  std::sort(programs.begin(), programs.end(), [](const Kept& a, const Kept& b) {
    return std::pair(a.modified_ns, a.path) < std::pair(b.modified_ns, b.path);
  });
  for (const Kept& program : programs) {
    if (bytes <= most) {
      return;
    }
    remove_file(program.path);
    bytes -= program.size;
  }
}

std::optional<std::string> key_of_cached_program(const std::string& path) {
  std::optional<Entry> entry = read_entry(path);
  return entry ? std::optional(std::move(entry->key)) : std::nullopt;
}

}  // namespace temper::cuda
