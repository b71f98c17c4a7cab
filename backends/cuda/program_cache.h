// Compiled programs on the disk, so that a model is compiled once and not in every run: below
// $XDG_CACHE_HOME/temper or ~/.cache/temper. What cannot be read is compiled anew, what cannot be
// written is not kept: no error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace temper::cuda {

// Where they are; empty: nowhere.
std::string program_cache_folder();

// The file of a key in it: a name by the key's hash.
std::string program_cache_file(const std::string& folder, const std::string& key);

// `key`: all that the binary depends on. A file that is damaged, or another key's, is none.
std::optional<std::string> read_cached_program(const std::string& folder, const std::string& key);
// Complete or not at all, however many processes write it. Others are dropped where all would take
// more than kMostProgramBytes.
void keep_program(const std::string& folder, const std::string& key, const std::string& binary);

inline constexpr std::uint64_t kMostProgramBytes = std::uint64_t{1} << 28;
// Removes the programs that were written longest ago until what is left takes at most `most` bytes.
// Files of other names stay.
void drop_oldest_programs(const std::string& folder, std::uint64_t most);

// The key in a file, for tools; nothing where it is damaged.
std::optional<std::string> key_of_cached_program(const std::string& path);

}  // namespace temper::cuda
