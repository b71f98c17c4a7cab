// Compiled programs on the disk, so that a model is compiled once and not in every run: below
// $XDG_CACHE_HOME/temper or ~/.cache/temper. What cannot be read is compiled anew, what cannot be
// written is not kept: no error.
#pragma once

#include <optional>
#include <string>

namespace temper::cuda {

// Where they are; empty: nowhere.
std::string program_cache_folder();

// The file of a key in it: a name by the key's hash.
std::string program_cache_file(const std::string& folder, const std::string& key);

// `key`: all that the binary depends on. A file that is damaged, or another key's, is none.
std::optional<std::string> read_cached_program(const std::string& folder, const std::string& key);
// Complete or not at all, however many processes write it.
void keep_program(const std::string& folder, const std::string& key, const std::string& binary);

// The key in a file, for tools; nothing where it is damaged.
std::optional<std::string> key_of_cached_program(const std::string& path);

}  // namespace temper::cuda
