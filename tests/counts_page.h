// A page of whole numbers by name, such as the steps of plans: a test counts and compares, and
// writes the page when TEMPER_UPDATE_REFERENCE=1 is set.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace temper::test {

// By name; the words of a name are separated by spaces.
using Counts = std::map<std::string, std::vector<std::int64_t>>;

struct CountsPage {
  std::string path;
  std::string comment;       // lines that begin with #
  std::vector<int> words;    // columns of each word of a name
  std::vector<int> numbers;  // columns of each number
};

inline bool updates_reference() { return std::getenv("TEMPER_UPDATE_REFERENCE") != nullptr; }

inline Counts read_counts(const CountsPage& page) {
  Counts counts;
  std::ifstream stream(page.path);
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    std::string name, word;
    for (std::size_t i = 0; i < page.words.size() && words >> word; ++i) {
      name += (i > 0 ? " " : "") + word;
    }
    std::vector<std::int64_t> numbers(page.numbers.size());
    for (std::int64_t& number : numbers) {
      words >> number;
    }
    if (!line.starts_with('#') && words) {
      counts[name] = numbers;
    }
  }
  return counts;
}

inline void write_counts(const CountsPage& page, const Counts& counts) {
  std::ofstream stream(page.path);
  stream << page.comment;
  for (const auto& [name, numbers] : counts) {
    std::istringstream words(name);
    std::string word;
    for (std::size_t i = 0; words >> word; ++i) {
      stream << std::left << std::setw(page.words[i] - 1) << word << " ";
    }
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      stream << std::right << std::setw(page.numbers[i]) << numbers[i];
    }
    stream << "\n";
  }
}

// What the page says of a name; empty where it says nothing. With TEMPER_UPDATE_REFERENCE=1 the
// page says `found` from now on.
inline std::vector<std::int64_t> expected_counts(const CountsPage& page, const std::string& name,
                                                 const std::vector<std::int64_t>& found) {
  Counts counts = read_counts(page);
  if (updates_reference()) {
    counts[name] = found;
    write_counts(page, counts);
  }
  return counts[name];
}

inline constexpr const char* kHowToUpdate =
    "if that is meant, run it once with TEMPER_UPDATE_REFERENCE=1";

}  // namespace temper::test
